"""The models that serve, one module each, named by the kind they read.

A model's folder says which of them reads it (`reader` in `model.json`). Such a module has `KIND`,
what its models need and promise, and `load`, from checked files to a model.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from src.model.core.artifact import DESCRIPTION, Artifact, checked_artifact, read_files
from src.model.core.artifact import parse_description as _parse
from src.model.core.errors import ModelError
from src.model.core.served_model import Kind, ServedModel


class Reader(Protocol):
    """A module of this package."""

    KIND: Kind

    def load(self, artifact: Artifact) -> ServedModel:
        """Return the model in checked files. Raises ModelError where they make no sense."""


def kinds() -> list[str]:
    """Return the names of all kinds."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def reader(kind: str, place: str) -> Reader:
    """Return the module that reads a kind of model; `place` is where its name was found.

    The name comes from a file, so nothing is imported that is not a module of this very folder.

    Raises:
        ModelError: this version knows no such kind.
    """
    known = kinds()
    if kind not in known:
        msg = f"{place} was made by the learner {kind[:100]!r}, which this version does not know."
        raise ModelError(msg, hint=f"Known are {', '.join(known)}.")
    return cast("Reader", importlib.import_module(f"{__name__}.{kind}"))


def open_model(place: str, contents: Mapping[str, bytes]) -> tuple[ServedModel, Artifact]:
    """Return the model in these files, and the files, checked; `place` names them in messages.

    Raises:
        ModelError: a missing or changed file, an unknown format or kind, or no model at all.
    """
    unchecked = checked_artifact(place, contents, ())
    module = reader(unchecked.description.kind, place)
    artifact = checked_artifact(place, contents, module.KIND.files)
    return module.load(artifact), artifact


def load_artifact(folder: Path) -> tuple[ServedModel, Artifact]:
    """Return the model saved in a folder, and its checked files. Raises ModelError."""
    contents = read_files(folder, [DESCRIPTION])
    files: tuple[str, ...] = ()
    if DESCRIPTION in contents:
        kind = _parse(contents[DESCRIPTION], str(folder)).kind
        files = reader(kind, str(folder)).KIND.files
    return open_model(str(folder), contents | read_files(folder, files))


def load_model(folder: Path) -> ServedModel:
    """Return the model saved in a folder. Raises ModelError."""
    return load_artifact(folder)[0]
