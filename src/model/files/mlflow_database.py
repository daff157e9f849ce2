"""What MLflow's databases need to be made: one process at a time, and a path without %."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from src.model.core.errors import UsageError
from src.model.files.lease import file_lock

_FILES = "sqlite:///"


def sqlite_lock(address: str, name: str, wait: float) -> AbstractContextManager[object]:
    """Hold the lock `name` beside the database, where it is a file; a server needs none.

    Args:
        address: of the database, as SQLAlchemy reads it.
        name: what is locked.
        wait: for whoever holds it, in seconds.

    Raises:
        UsageError: somebody else holds it, and still did after `wait` seconds.
    """
    if not address.startswith(_FILES):
        return nullcontext()
    database = Path(address.removeprefix(_FILES)).absolute()
    return file_lock(database.with_name(f"{database.name}.{name}.lock"), name, wait)


def refuse_percent(installed: Path) -> None:
    """Refuse an MLflow below a folder with a % in its name. Raises UsageError.

    It hands the path of its migrations to Alembic's configuration, which takes % for a reference.
    """
    if "%" in str(installed):
        msg = f"MLflow cannot be used from {installed.parent}: there is a % in the path."
        raise UsageError(msg, hint="Rename the folder and run make setup there.")
