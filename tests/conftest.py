"""What several tests share: a workspace of files and settings, and ways to run commands in it."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from src.model.core.records import InputFile, Training
from src.model.core.settings import load_settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from src.model.context import Context

ROOT = Path(__file__).resolve().parent.parent


def training(**changes: Any) -> Training:
    """Return the record of a training that never took place; names given replace its own."""
    given: dict[str, Any] = {
        "parameters": {"learner": "hashed", "batches": "0", "validation_share": 0.05},
        "inputs": (InputFile(key="processed/train_batch_0.parquet", sha256="a" * 64, rows=1_000),),
    }
    return Training(**(given | changes))


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Workspace:
    """A folder with its own data, cache and MLflow store.

    Tracking is off unless a test turns it on.
    """

    path: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    closing: ExitStack
    data: Path = field(init=False)

    def __post_init__(self) -> None:
        self.data = self.path / "data"

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def mlflow(self) -> "MlflowClient":
        """A client of the store the workspace is set to."""
        from mlflow import MlflowClient

        return MlflowClient(os.environ["MLFLOW_TRACKING_URI"])

    def context(self) -> "Context":
        from src.model.context import Context

        return self.closing.enter_context(Context(load_settings()))

    def run(self, module: str, *words: str) -> Result:
        """Run a command in this process."""
        self.capsys.readouterr()
        name = module if module.startswith("src.") else f"src.model.{module}"
        code = importlib.import_module(name).main(list(words))
        captured = self.capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def ok(self, module: str, *words: str) -> dict[str, Any]:
        """Run a command that must succeed; return its JSON answer."""
        result = self.run(module, *words, "--json")
        assert result.code == 0, result.err
        return result.json

    def command(self, module: str, *words: str) -> list[str]:
        name = module if module.startswith("src.") else f"src.model.{module}"
        return [sys.executable, "-m", name, *words]

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(ROOT)}

    def process(self, module: str, *words: str, **options: Any) -> Result:
        """Run a command in a process of its own."""
        done = subprocess.run(
            self.command(module, *words), cwd=self.path, env=self.environment(), text=True,
            capture_output=True, timeout=180, check=False, **options,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Workspace]:
    for name in list(os.environ):
        if name.startswith(("REVIEWS_", "MLFLOW_", "AWS_", "KAGGLE")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVIEWS_DATA_DIR", "data")
    monkeypatch.setenv("REVIEWS_CACHE_DIR", "cache")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    with ExitStack() as closing:
        yield Workspace(tmp_path, monkeypatch, capsys, closing)


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: its tables take seconds to make, copying it does not."""
    import mlflow

    folder = tmp_path_factory.mktemp("store")
    path = folder / "mlflow.db"
    before = Path.cwd()
    os.chdir(folder)
    try:
        mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    finally:
        os.chdir(before)
    return path


@pytest.fixture
def tracked(workspace: Workspace, migrated_store: Path) -> Workspace:
    """A workspace whose runs go to a SQLite store of its own."""
    (workspace.path / "mlflow.db").write_bytes(migrated_store.read_bytes())
    # MLflow caches stores by address.
    workspace.set(MLFLOW_TRACKING_URI=f"sqlite:///{workspace.path}/mlflow.db")
    return workspace


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The zip of real reviews that `REVIEWS_REAL_DATA` names."""
    name = os.environ.get("REVIEWS_REAL_DATA", "")
    if not name:
        pytest.skip("REVIEWS_REAL_DATA names no zip of real reviews")
    path = (ROOT / name).resolve()
    assert path.is_file(), f"REVIEWS_REAL_DATA={name} does not exist"
    return path


def flip(path: Path) -> None:
    """Damage a file: turn one bit in its middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def describe(folder: Path, **changes: object) -> None:
    """Let a model's folder say something else of itself."""
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    """A workspace with processed batches 0 and 1 and test rows of generated reviews."""
    workspace.ok("data.ingest", "--source", "synthetic:2000@3")
    workspace.ok("data.split_batches")
    workspace.ok("data.preprocess_batch", "--batch", "0 1")
    workspace.ok("data.preprocess_test")
    return workspace


@pytest.fixture
def champion(small: Workspace) -> Workspace:
    """A workspace with tracking off and version 1 as the champion."""
    small.ok("pipeline.train", "--batches", "0")
    small.ok("pipeline.evaluate")
    small.ok("pipeline.promote")
    return small
