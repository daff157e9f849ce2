"""Going on from a registered model.

What it has learned already, and whether the present files continue it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from src.model.context import Context
from src.model.core.artifact import Artifact
from src.model.core.errors import UsageError
from src.model.core.models import load_artifact
from src.model.core.records import Training
from src.model.learners.base import COLD, Learner
from src.model.tracking.base import Version, resolve
from src.model.training.inputs import Processed


@dataclass(frozen=True)
class WarmStart:
    """The learner that goes on from `version`, and the files that version has not seen."""

    learner: Learner
    version: Version
    fresh: Sequence[Processed]


def warm_start(
    reference: str,
    learner: Learner,
    files: Sequence[Processed],
    validation_share: float,
    context: Context,
) -> WarmStart:
    """Return how `learner` goes on from the version `reference` names, towards all of `files`.

    Raises:
        UsageError: the version cannot be gone on from with these parameters and files, and why.
        ModelError: its files are damaged.
    """
    version = resolve(context.registry, reference)
    folder = context.registry.fetch(version)
    artifact: Artifact = load_artifact(folder)[1]
    training = artifact.training
    if training.learner == learner.name:  # what another one has left, it refuses itself
        _require_same_shape(version, training, learner, validation_share)
    going_on = learner.going_on(folder, training)
    return WarmStart(going_on, version, _fresh(version, training, files))


def _require_same_shape(
    version: Version, training: Training, learner: Learner, validation_share: float
) -> None:
    """Refuse to go on with parameters that a model's weights were not made for."""
    now = {name: learner.parameters[name] for name in learner.kept}
    then = {name: training.parameters.get(f"{learner.name}.{name}") for name in learner.kept}
    now["validation_share"], then["validation_share"] = validation_share, training.validation_share
    if differing := [name for name in now if now[name] != then[name]]:
        listed = ", ".join(f"{name} {then[name]} (now {now[name]})" for name in differing)
        msg = f"Version {version.number} was trained with other settings: {listed}."
        hint = (
            "Train once from scratch, on all batches: make model-pipeline-train. Settings that "
            "make model-tune chose are in tuning/best.json of the data."
        )
        raise UsageError(msg, hint=hint)


def _fresh(version: Version, training: Training, files: Sequence[Processed]) -> Sequence[Processed]:
    """Return the files the version has not learned from; all it has must be there unchanged."""
    known = {file.key: file.sha256 for file in training.inputs}
    there = {(file.key, file.sha256) for file in files}
    if changed := sorted(set(known.items()) - there):
        msg = (
            f"Version {version.number} has learned from {changed[0][0]}, which is not among the "
            "batches or has changed."
        )
        hint = f"Name all batches it knows and the new ones. Or: {COLD.lower()}"
        raise UsageError(msg, hint=hint)
    fresh = [file for file in files if file.key not in known]
    if not fresh:
        msg = f"Version {version.number} has learned from all of these batches already."
        raise UsageError(msg, hint="Name a batch it has not seen.")
    return fresh
