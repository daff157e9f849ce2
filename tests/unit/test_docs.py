"""Documentation is part of the build."""

import re
import subprocess

import pytest

from src.model.reference import brought_up_to_date
from src.model.settings import variable_names
from tests.conftest import ROOT

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

GENERATED = ("docs/model/scripts.md", "docs/model/docker.md")


def test_the_generated_reference_is_current() -> None:
    """Targets, --help texts and settings in the docs are those of the code; `make docs` writes them."""
    for name in GENERATED:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert "<!-- begin: " in page
        assert brought_up_to_date(page) == page, f"{name} is stale"


def test_every_setting_is_in_the_example_file() -> None:
    """.env.example names each setting, and none that does not exist."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {line.lstrip("# ").partition("=")[0] for line in lines if re.match(r"^#?\s?[A-Z_]+=", line)}

    assert set(variable_names().values()) == named


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link in the docs is a file, and every `make` target in them exists."""
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = (ROOT / page).parent
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(" ".join(re.findall(r"^([a-z0-9 -]+):", makefile, re.MULTILINE)).split())
    used = set(re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z0-9-]+)", text, re.MULTILINE))

    assert not [link for link in links if link and not (folder / link).exists()]
    assert not used - targets


def test_nothing_private_is_committed() -> None:
    """No file outside the tests names a package index or somebody's home folder."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in done.stdout.split() if not name.startswith("tests/")]
    banned = re.compile(r"--(?:extra-)?index-url|/simple/|/home/[a-z]|/Users/[a-z]")

    assert not [path.name for path in files if path.is_file() and banned.search(path.read_text(errors="replace"))]
