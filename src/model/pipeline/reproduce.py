"""Reproduce: train a registered version again from its record, and compare the two models.

They are compared byte by byte. Exit code 0 where they are identical, 4 where they are not, 3 where
the data is not the recorded data; the answer says exactly what differs.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.artifact import DESCRIPTION, read_description
from src.model.core.digest import sha256
from src.model.core.disk import saying_what_failed
from src.model.core.errors import DataError, GateError
from src.model.core.languages import english
from src.model.core.models import load_artifact, load_model
from src.model.core.names import CHAMPION
from src.model.core.records import Training
from src.model.learners import make_learner, recorded_settings
from src.model.tracking.base import Version, resolve
from src.model.training.examine import answer
from src.model.training.inputs import batch_numbers, evaluation_file, train_files
from src.model.training.plan import Plan, fit_into
from src.model.training.provenance import git_sha, lock_digest
from src.model.training.warm_start import warm_start


@dataclass(frozen=True)
class Difference:
    """Something that was recorded otherwise than it is now."""

    what: str
    recorded: str
    now: str


class ReproduceResult(Result):
    """Whether the model came out the same, and what is otherwise than recorded.

    It is not `retrained` where the data is other data.
    """

    step: Literal["reproduce"] = "reproduce"
    model_version: int
    identical: bool
    retrained: bool
    differences: list[Difference]
    provenance_differences: list[Difference]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.reproduce")
    parser.add_argument(
        "--model-version", default=CHAMPION, help="a number or an alias (default: champion)"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    folder = context.registry.fetch(version)
    training = load_artifact(folder)[1].training  # what is damaged is no model to compare with
    plan = _plan(training, context)
    data = _data(training, plan)
    if data:
        return _outcome(version, data, [], training.source, retrained=False)
    if base := training.warm_start_version:
        warm = warm_start(str(base), plan.learner, plan.files, plan.validation_share, context)
        plan = replace(plan, learner=warm.learner, warm=warm)
    provenance = _provenance(training, plan, context)
    cache = context.settings.cache_dir
    with saying_what_failed(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as place:
            again = Path(place) / "again"
            fit_into(again, plan, context, plan.record({}), plan.validation(context))
            found = _compared(folder, again / "model")
            if found:
                found.append(_answers(folder, again / "model", context))
    return _outcome(version, found, provenance, training.source, retrained=True)


def _plan(training: Training, context: Context) -> Plan:
    """Return the plan the version was made from, on the present files.

    It is still without what the version went on from.
    """
    settings = recorded_settings(training.parameters, context.settings)
    numbers = batch_numbers(context, training.batches)
    learner, files = make_learner(settings), train_files(context, numbers)
    language = training.language or english()
    return Plan(learner, numbers, files, training.validation_share, language)


def _provenance(training: Training, plan: Plan, context: Context) -> list[Difference]:
    """Return what is recorded of code and libraries otherwise than it is now."""
    now = {
        "git_sha": git_sha(context.settings),
        "lock_sha256": lock_digest(),
        "code_sha256": plan.code,
        **plan.packages,
    }
    then: dict[str, object] = {**training.model_dump(), **training.packages}
    if plan.warm:
        now["warm_start"] = str(plan.parameters["warm_start"])
        then["warm_start"] = training.parameters.get("warm_start")
    if not training.packages:  # earlier versions recorded none
        now = {name: value for name, value in now.items() if name not in plan.packages}
    return _differing(then, now)


def _data(training: Training, plan: Plan) -> list[Difference]:
    then = {file.key: file.sha256 for file in training.inputs}
    return _differing(then, {file.key: file.sha256 for file in plan.files}, only_now=False)


def _compared(before: Path, after: Path) -> list[Difference]:
    """Return what differs in two models' files, and in what they say of themselves."""

    def flat(folder: Path) -> dict[str, str]:
        described = {key: str(value) for key, value in read_description(folder).more.items()}
        paths = [path for path in folder.iterdir() if path.name != DESCRIPTION]
        return described | {f"SHA-256 of {path.name}": sha256(path) for path in paths}

    return _differing(flat(before), flat(after), only_now=False)


def _differing(
    then: Mapping[str, object], now: Mapping[str, object], *, only_now: bool = True
) -> list[Difference]:
    """Return what two records say differently: of the names in `now`, or in both of them."""
    names = sorted(now) if only_now else sorted({*then, *now})
    return [
        Difference(name, str(then.get(name, "none")), str(now.get(name, "none")))
        for name in names
        if then.get(name) != now.get(name)
    ]


def _answers(before: Path, after: Path, context: Context) -> Difference:
    """Return how far the answers of two models differ on the test rows."""
    answers = answer([load_model(before), load_model(after)], context, evaluation_file(context))
    old, new = answers.probabilities
    flipped = int(((old >= 0.5) != (new >= 0.5)).sum())  # noqa: PLR2004 - the threshold
    largest = float(np.abs(old - new).max())
    now = f"{flipped} labels, probabilities up to {largest:.2g}"
    return Difference("answers on the test rows", "0 labels differ", now)


def _outcome(
    version: Version,
    found: Sequence[Difference],
    provenance: Sequence[Difference],
    source: str,
    *,
    retrained: bool,
) -> Outcome:
    identical = retrained and not found
    result = ReproduceResult(
        model_version=version.number,
        identical=identical,
        retrained=retrained,
        differences=list(found),
        provenance_differences=list(provenance),
    )
    if not retrained:
        head = (
            "Not retrained: "
            f"the data is not what version {version.number} was made from ({source}).\n"
            "  Ingest that into a REVIEWS_DATA_DIR of its own, preprocess the batches, "
            "and run this there"
        )
        exit_code = DataError.exit_code
    elif found:
        exit_code = GateError.exit_code
        head = f"Not identical: version {version.number}, trained again, is another model"
    else:
        exit_code = 0
        head = (
            f"Identical: version {version.number}, trained again, "
            "has the same files and calibration, bit by bit"
        )
    lines = [head, *(f"  {one.what}: {one.recorded} recorded, {one.now} now" for one in found)]
    if provenance:
        lines.append("  recorded otherwise than now:" if identical else "  what may explain it:")
        lines += [f"    {one.what}: {one.recorded} recorded, {one.now} now" for one in provenance]
    return Outcome(result, "\n".join(lines), exit_code)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
