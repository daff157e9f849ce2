"""Runs and registered models: the ports, and which implementation the settings mean.

Only the modules of this package import mlflow, and only when one is opened.
"""

from pathlib import Path

from src.model.core.settings import Settings
from src.model.files.storage import Storage
from src.model.tracking.base import DataSet, Registry, Run, Tracker, Version

__all__ = ["DataSet", "Registry", "Run", "Tracker", "Version", "open_registry", "open_tracker"]


def open_tracker(settings: Settings) -> Tracker:
    """Return MLflow's tracker, or the null tracker where `MLFLOW_TRACKING_URI` is empty."""
    if not settings.mlflow.tracking_uri:
        from src.model.tracking.off import NullTracker

        return NullTracker()
    from src.model.tracking.tracker import MlflowTracker

    return MlflowTracker(settings)


def open_registry(settings: Settings, storage: Storage, scratch: Path) -> Registry:
    """Return MLflow's registry, or one of plain files in the storage where tracking is off.

    Models are fetched into `scratch`.
    """
    if not settings.mlflow.tracking_uri:
        from src.model.tracking.off import FileRegistry

        return FileRegistry(storage, scratch)
    from src.model.tracking.registry import MlflowRegistry

    return MlflowRegistry(settings, scratch)
