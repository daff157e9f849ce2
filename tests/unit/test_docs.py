"""Documentation is part of the build."""

import re
import subprocess

import pytest

from src.model.core.settings import variables
from src.model.core.settings.group import is_secret
from tests.conftest import ROOT
from tools.docs_reference import brought_up_to_date

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
)

GENERATED = ("docs/model/scripts.md", "docs/model/docker.md", "docs/infra/index.md")


def test_the_generated_reference_is_current() -> None:
    """Targets, --help texts and settings in the docs are the code's; `make docs` writes them."""
    for name in GENERATED:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert "<!-- begin: " in page
        assert brought_up_to_date(page) == page, f"{name} is stale"


def test_every_setting_is_in_the_example_file() -> None:
    """.env.example names each setting, and none that does not exist."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {
        line.lstrip("# ").partition("=")[0] for line in lines if re.match(r"^#?\s?[A-Z_]+=", line)
    }

    assert {variable.name for variable in variables()} == named


def test_the_docs_know_how_a_secret_comes_from_a_file() -> None:
    """The page on settings shows a name that ends in _FILE, and it is one of a secret."""
    page = (ROOT / "docs/model/scripts.md").read_text(encoding="utf-8")
    secrets = {variable.name for variable in variables() if is_secret(variable.info)}
    shown = set(re.findall(r"([A-Z_]+)_FILE=/run/secrets", page))

    assert shown
    assert shown <= secrets


def test_every_file_of_the_source_is_on_the_map() -> None:
    """README's map names each module; a folder named with a slash stands for what is in it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = readme.partition("src/model/\n")[2].partition("bench/ ")[0]
    named = set(re.findall(r"[a-z_0-9/.]+", drawn))
    whole = {folder.strip("/") for folder in named if folder.endswith("/")} - {
        "core",
        "api",
        "monitoring",
    }
    folders = ("files", "data", "learners", "evaluation", "tracking", "training", "pipeline")
    missing = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "src").rglob("*.py"))
        if path.name not in {"__init__.py", "__main__.py", *named}
        and not set(path.parts) & (whole - set(folders))
    ]

    assert [] == missing


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link in the docs is a file, and every `make` target in them exists."""
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = (ROOT / page).parent
    links = [
        link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link
    ]
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

    assert not [
        path.name
        for path in files
        if path.is_file() and banned.search(path.read_text(errors="replace"))
    ]


def test_commands_for_aws_are_taken_as_they_are_printed() -> None:
    """Make knows their targets and variables; nothing of them is run."""
    page = (ROOT / "docs/infra/index.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", page, re.DOTALL))
    printed = re.findall(r"^make ([^#\n]+)", blocks, re.MULTILINE)

    assert len(printed) >= 8
    for line in printed:
        done = subprocess.run(["make", "-n", *line.split()], cwd=ROOT, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert 0 == done.returncode, (line, done.stderr)
