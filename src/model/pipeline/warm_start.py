"""Going on from a registered model: what it has learned already, and whether the present files continue it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from src.model.artifact import read_description, training_record
from src.model.classifier import SentimentClassifier
from src.model.command import Context
from src.model.errors import UsageError
from src.model.learners.base import Learner
from src.model.learners.counts import COUNTS, read_counts
from src.model.learners.hashed import HashedLearner, Start
from src.model.pipeline.inputs import Processed
from src.model.tracking.base import Version, resolve

_COLD = "Train without --warm-start."


@dataclass(frozen=True)
class WarmStart:
    """The learner that goes on from `version`, and the files that version has not seen."""

    learner: Learner
    version: Version
    fresh: Sequence[Processed]


def warm_start(
    reference: str, learner: Learner, files: Sequence[Processed], validation_share: float, context: Context
) -> WarmStart:
    """Return how `learner` goes on from the version `reference` names, towards all of `files`.

    Raises:
        UsageError: the version cannot be gone on from with these parameters and files, and why.
        ModelError: its files are damaged.
    """
    if not isinstance(learner, HashedLearner):
        raise UsageError(f"The learner {learner.name} cannot go on from a model.", hint=_COLD)
    version = resolve(context.registry, reference)
    folder = context.registry.fetch(version)
    body = read_description(folder)
    training = training_record(body, folder)
    if "counts_sha256" not in training:
        msg = f"Version {version.number} was saved without its counts: it is pruned, of another learner, or too old."
        raise UsageError(msg, hint=_COLD)
    wanted = {"bits": learner.bits, "ngrams": learner.ngrams, "validation_share": validation_share}
    there = {"bits": body["bits"], "ngrams": body["ngrams"]}
    there["validation_share"] = training["parameters"]["validation_share"]
    if wanted != there:
        differing = ", ".join(
            f"{name} {there[name]} (now {value})" for name, value in wanted.items() if value != there[name]
        )
        raise UsageError(f"Version {version.number} was trained with other settings: {differing}.", hint=_COLD)
    known = {entry["key"]: entry["sha256"] for entry in training["inputs"]}
    fresh = [file for file in files if file.key not in known]
    if changed := sorted(set(known.items()) - {(file.key, file.sha256) for file in files}):
        msg = (
            f"Version {version.number} has learned from {changed[0][0]}, which is not among the batches or has changed."
        )
        raise UsageError(msg, hint=f"Name all batches it knows and the new ones. Or: {_COLD.lower()}")
    if not fresh:
        msg = f"Version {version.number} has learned from all of these batches already."
        raise UsageError(msg, hint="Name a batch it has not seen.")
    counts = read_counts(folder / COUNTS, learner.bits, training["counts_sha256"])
    start = Start(SentimentClassifier.load(folder), counts)
    return WarmStart(replace(learner, start=start), version, fresh)
