"""Who may import whom, how large a file may be, and what starting costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.py"))


def test_the_import_contracts_are_kept() -> None:
    """Who may import whom stands in pyproject.toml, under [tool.importlinter], and holds."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert ", 0 broken." in done.stdout


@pytest.mark.parametrize("name", SOURCES)
def test_files_stay_small(name: str) -> None:
    """A file is one idea: never more than 300 lines."""
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 300


def test_light_steps_start_without_heavy_libraries() -> None:
    """Ingest and promote load neither MLflow nor scikit-learn before there is work for them."""
    code = (
        "import sys, src.model.data.ingest, src.model.pipeline.promote\n"
        "print(sorted({'mlflow', 'sklearn', 'pandas', 'kagglehub', 'matplotlib'} & "
        "set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "[]" == done.stdout.strip()


def test_importing_does_not_read_settings() -> None:
    """A bad variable stops a command with a sentence, never an import with a traceback."""
    modules = [
        name.removesuffix(".py").replace("/", ".") for name in SOURCES if "pyfunc" not in name
    ]
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", code, *modules],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "REVIEWS_BANANA": "1",
            "REVIEWS_BATCHES": "x",
            "HOME": str(Path.home()),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
