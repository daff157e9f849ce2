"""A model's folder: `model.json` describes it and holds the digest of every other file.

A model is read into memory whole and checked there, so nobody can change it while it serves.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from src.model.core.digest import sha256
from src.model.core.errors import ModelError
from src.model.core.languages import english
from src.model.core.records import Description, Language, Training, first_problem

FORMAT = 2
"""Grows with every change of the text path: a model is valid with the one it was trained with."""
DESCRIPTION = "model.json"
MAX_DESCRIPTION_BYTES = 4 << 20
_RETRAIN = "Train again, or choose another version."


@dataclass(frozen=True)
class Artifact:
    """A model's files in memory, checked against their digests.

    `place` names them in messages; `digest` is the SHA-256 of `model.json`, which has the digests
    of all others, so it stands for the whole model.
    """

    place: str
    digest: str
    description: Description
    files: Mapping[str, bytes]

    @property
    def training(self) -> Training:
        """What the model was made from. Raises ModelError where our train step did not write it."""
        if self.description.training is None:
            msg = f"{self.place}/{DESCRIPTION} has no record of its training."
            raise ModelError(msg, hint="It was not written by our train step. Train again.")
        return self.description.training

    @property
    def language(self) -> Language:
        """The language that the model reads."""
        training = self.description.training
        return (training.language if training else None) or english()


def write_description(
    folder: Path,
    kind: str,
    files: Sequence[str],
    training: Training | None,
    more: Mapping[str, Any],
) -> None:
    """Write `model.json` over files that are already there; the last thing a model's `save` does.

    `more` is what the kind of model says of itself.
    """
    body = {
        **more,
        "format": FORMAT,
        "reader": kind,
        "learner": training.learner if training else kind,
        "labels": ["negative", "positive"],
        "sha256": {name: sha256(folder / name) for name in files},
        **({"training": training.model_dump(mode="json")} if training else {}),
    }
    text = json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")


def parse_description(content: bytes, place: str) -> Description:
    """Return what `model.json` says, its content given.

    Raises:
        ModelError: it is damaged, or of a format this version does not know.
    """
    path = f"{place}/{DESCRIPTION}"
    if len(content) > MAX_DESCRIPTION_BYTES:
        msg = f"{path} is damaged: it is larger than {MAX_DESCRIPTION_BYTES:,} bytes."
        raise ModelError(msg, hint=_RETRAIN)
    try:
        body = json.loads(content)
        version = body["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error!r}.", hint=_RETRAIN) from None
    if version != FORMAT:
        msg = f"{path} has format {version!r}; this version of the program reads format {FORMAT}."
        hint = "Use the version of the program that trained it, or train again."
        raise ModelError(msg, hint=hint)
    try:
        return Description.model_validate(body)
    except ValidationError as error:
        msg = f"{path} describes its model wrongly: {first_problem(error)}."
        raise ModelError(msg, hint=_RETRAIN) from None


def checked_artifact(place: str, contents: Mapping[str, bytes], files: Sequence[str]) -> Artifact:
    """Return a model's files after checking the digest of each of `files`, which must be there.

    Raises:
        ModelError: a missing or changed file, or a description that cannot be used.
    """
    if DESCRIPTION not in contents:
        raise ModelError(f"{place} holds no model: {DESCRIPTION} is missing.", hint=_RETRAIN)
    content = contents[DESCRIPTION]
    description = parse_description(content, place)
    if unnamed := sorted(set(files) - set(description.sha256)):
        msg = f"{place}/{DESCRIPTION} names no digest of {', '.join(unnamed)}."
        raise ModelError(msg, hint=_RETRAIN)
    for name in files:
        if name not in contents:
            raise ModelError(f"{place}/{name} is missing.", hint=_RETRAIN)
        if hashlib.sha256(contents[name]).hexdigest() != description.sha256[name]:
            msg = (
                f"{place}/{name} has changed since it was saved: its SHA-256 is not the one in "
                f"{DESCRIPTION}."
            )
            raise ModelError(msg, hint=_RETRAIN)
    digest = hashlib.sha256(content).hexdigest()
    return Artifact(place, digest, description, {name: contents[name] for name in files})


def read_files(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Return the content of those of a folder's files that are there.

    Raises:
        ModelError: one of them cannot be read.
    """
    found = {}
    for name in names:
        try:
            found[name] = (folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            msg = f"{folder / name} cannot be read: {error.strerror or error}."
            raise ModelError(msg, hint=_RETRAIN) from error
    return found


def read_description(folder: Path) -> Description:
    """Return what a folder's `model.json` says, its files unchecked. Raises ModelError."""
    contents = read_files(folder, [DESCRIPTION])
    return checked_artifact(str(folder), contents, ()).description
