"""Who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODEL = ROOT / "src" / "model"
SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.py"))
PURE_FILES = {
    f"src/model/{name}.py" for name in ("artifact", "classifier", "labels", "language", "rows", "text", "weights")
}
PURE = [
    name for name in SOURCES if name in PURE_FILES or name.startswith(("src/model/evaluation/", "src/model/learners/"))
]


def imports(name: str) -> set[str]:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_no_service(name: str) -> None:
    """Text, rows, learners and evaluation know nothing of MLflow, storage, HTTP or the environment."""
    banned = ("mlflow", "requests", "boto3", "os", "src.model.data", "src.model.tracking", "src.model.command")

    assert not {i for i in imports(name) if i.startswith(tuple(f"{b}." for b in banned)) or i in banned}


@pytest.mark.parametrize("name", SOURCES)
def test_only_tracking_knows_mlflow_and_only_sources_know_kaggle(name: str) -> None:
    """Each outside service has one package that talks to it."""
    for library, home in (("mlflow", "src/model/tracking/"), ("kagglehub", "src/model/data/sources/")):
        assert name.startswith(home) or not {i for i in imports(name) if i.split(".")[0] == library}


@pytest.mark.parametrize("name", SOURCES)
def test_files_stay_small(name: str) -> None:
    """A file is one idea: never more than 300 lines."""
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 300


def test_light_steps_start_without_heavy_libraries() -> None:
    """Ingesting and promoting load neither MLflow nor scikit-learn before there is work for them."""
    code = (
        "import sys, src.model.data.ingest, src.model.pipeline.promote\n"
        "print(sorted({'mlflow', 'sklearn', 'pandas', 'kagglehub', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_importing_does_not_read_settings() -> None:
    """A bad variable stops a command with a sentence, never an import with a traceback."""
    modules = [name.removesuffix(".py").replace("/", ".") for name in SOURCES if "pyfunc" not in name]
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", code, *modules],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "REVIEWS_BANANA": "1", "REVIEWS_BATCHES": "x", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
