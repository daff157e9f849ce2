"""A place of its own for a demo or a measurement: data, store, model and log below one folder."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from src.model.core.errors import DataError

_ROOT = Path(__file__).resolve().parents[2]
API = _ROOT / ".venv-api/bin/python"
"""The Python that runs the API."""


def settings_below(root: Path) -> dict[str, str]:
    """Return the settings that keep everything below `root`, whatever the caller's are."""
    return {
        "REVIEWS_DATA_DIR": str(root),
        "REVIEWS_PROMOTE": "auto",  # nobody is there to be asked
        "REVIEWS_CACHE_DIR": str(root / "cache"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db",
        "REVIEWS_API_MODEL_DIR": str(root / "model"),
        "REVIEWS_API_CACHE_DIR": str(root / "cache/api"),
        "REVIEWS_LOG_DIR": str(root / "log"),
    }


def run_command(settings: Mapping[str, str], module: str, *words: str) -> str:
    """Run a command as people do, in a process of its own, and return what it said.

    Raises DataError where it fails; a challenger that is kept back is none.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=_ROOT,
        env=os.environ | dict(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 4}:
        raise DataError(f"{module} ended with {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout


def train_and_export(settings: Mapping[str, str], source: str, *more: str) -> None:
    """Ingest a source, with `more` options, train on all batches, and put the champion in place.

    Raises DataError where a command fails.
    """
    run_command(settings, "src.model.pipeline.run", "ingest", "--source", source, *more)
    run_command(settings, "src.model.pipeline.run", "train", "--batches", "all")
    run_command(settings, "src.model.pipeline.export")
