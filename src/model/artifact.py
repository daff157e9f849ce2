"""A model's folder: `model.json` describes it and holds the digest of every other file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.model.digest import sha256
from src.model.errors import ModelError

FORMAT = 1
DESCRIPTION = "model.json"


def write_description(folder: Path, learner: str, files: Sequence[str], more: Mapping[str, Any]) -> None:
    """Write `model.json` over files that are already there; the last thing a model's `save` does."""
    digests = {name: sha256(folder / name) for name in files}
    body = {"format": FORMAT, "learner": learner, "labels": ["negative", "positive"], "sha256": digests, **more}
    (folder / DESCRIPTION).write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def training_record(description: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what a model was made from. Raises ModelError where `train` did not write it."""
    training = description.get("training")
    try:
        record = dict(training or {})
        _ = record["parameters"]["validation_share"], record["parameters"]["batches"]
        _ = [(entry["key"], entry["sha256"], entry["rows"]) for entry in record["inputs"]]
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{folder / DESCRIPTION} has no full record of its training: {error!r}."
        raise ModelError(msg, hint="It was not written by our train step. Train again.") from error
    return record


def read_description(folder: Path, files: Sequence[str] = ()) -> dict[str, Any]:
    """Return `model.json` after checking every digest in it; it must name one for each of `files`.

    Raises:
        ModelError: a missing or changed file, or a format this version does not know.
    """
    path = folder / DESCRIPTION
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        version, digests, _ = body["format"], dict(body["sha256"]), body["learner"]
    except FileNotFoundError:
        msg = f"{folder} holds no model: {DESCRIPTION} is missing."
        raise ModelError(msg, hint="Train again, or choose another version.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{path} is damaged: {error!r}."
        raise ModelError(msg, hint="Train again, or choose another version.") from error
    if version != FORMAT:
        msg = f"{path} has format {version}; this version of the program reads format {FORMAT}."
        raise ModelError(msg, hint="Use the version of the program that trained it, or train again.")
    if unnamed := sorted(set(files) - set(digests)):
        msg = f"{path} names no digest of {', '.join(unnamed)}."
        raise ModelError(msg, hint="Train again, or choose another version.")
    for name, digest in digests.items():
        if not (folder / name).is_file():
            msg = f"{folder / name} is missing."
            raise ModelError(msg, hint="Train again, or choose another version.")
        if sha256(folder / name) != digest:
            msg = f"{folder / name} has changed since it was saved: its SHA-256 is not the one in {DESCRIPTION}."
            raise ModelError(msg, hint="Train again, or choose another version.")
    return dict(body)
