"""Reproduce: train a registered version again from its record, and compare the two models byte by byte.

Exit code 0 where they are identical, 4 where they are not, 3 where the data is not the recorded data; the answer says
exactly what differs.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from src.model import command
from src.model.artifact import DESCRIPTION, read_description, training_record
from src.model.command import Context, Outcome
from src.model.data.batches import parse_batches
from src.model.data.storage import saying_what_failed
from src.model.digest import sha256
from src.model.errors import DataError, GateError
from src.model.learners import load_model, make_learner, recorded_settings
from src.model.pipeline.examine import answer
from src.model.pipeline.inputs import evaluation_file, train_files
from src.model.pipeline.plan import Plan, fit_into
from src.model.pipeline.warm_start import warm_start
from src.model.provenance import git_sha, lock_digest
from src.model.tracking.base import CHAMPION, Version, resolve


@dataclass(frozen=True)
class Difference:
    """Something that was recorded otherwise than it is now."""

    what: str
    recorded: str
    now: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.reproduce")
    parser.add_argument("--model-version", default=CHAMPION, help="a number or an alias (default: champion)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    folder = context.registry.fetch(version)
    load_model(folder)  # what is damaged is no model to compare with
    before = read_description(folder)
    training = training_record(before, folder)
    source = str(training.get("source", "an unrecorded source"))
    plan = _plan(training, context)
    data = _data(training, plan)
    if data:
        return _outcome(version, data, [], source, retrained=False)
    if base := training.get("warm_start_version"):
        warm = warm_start(str(base), plan.learner, plan.files, plan.validation_share, context)
        plan = replace(plan, learner=warm.learner, warm=warm)
    provenance = _provenance(training, plan, context)
    cache = context.settings.cache_dir
    with saying_what_failed(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as place:
            again = Path(place) / "again"
            fit_into(again, plan, context, {})
            found = _compared(folder, again / "model")
            if found:
                found.append(_answers(folder, again / "model", context))
    return _outcome(version, found, provenance, source, retrained=True)


def _plan(training: Mapping[str, Any], context: Context) -> Plan:
    """Return the plan the version was made from, on the present files, still without what it went on from."""
    parameters = training["parameters"]
    settings = recorded_settings(parameters, context.settings)
    numbers = parse_batches(str(parameters["batches"]), settings.batches)
    return Plan(make_learner(settings), numbers, train_files(context, numbers), float(parameters["validation_share"]))


def _provenance(training: Mapping[str, Any], plan: Plan, context: Context) -> list[Difference]:
    now = {"git_sha": git_sha(context.settings), "lock_sha256": lock_digest(), "code_sha256": plan.code}
    if plan.warm:
        now["warm_start"] = str(plan.parameters["warm_start"])
    then = {**training, "warm_start": training["parameters"].get("warm_start")}
    return [Difference(what, str(then.get(what)), is_) for what, is_ in now.items() if then.get(what) != is_]


def _data(training: Mapping[str, Any], plan: Plan) -> list[Difference]:
    then = {entry["key"]: entry["sha256"] for entry in training["inputs"]}
    now = {file.key: file.sha256 for file in plan.files}
    return [
        Difference(key, then.get(key, "none"), now.get(key, "none"))
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]


def _compared(before: Path, after: Path) -> list[Difference]:
    """Return what differs in two models' files and in everything their descriptions say of the models themselves."""

    def flat(folder: Path) -> dict[str, str]:
        described = {key: value for key, value in read_description(folder).items() if key not in {"training", "sha256"}}
        files = {f"SHA-256 of {path.name}": sha256(path) for path in folder.iterdir() if path.name != DESCRIPTION}
        return {key: str(value) for key, value in described.items()} | files

    then, now = flat(before), flat(after)
    return [
        Difference(what, then.get(what, "none"), now.get(what, "none"))
        for what in sorted({*then, *now})
        if then.get(what) != now.get(what)
    ]


def _answers(before: Path, after: Path, context: Context) -> Difference:
    """Return how far the answers of two models differ on the test rows."""
    answers = answer([load_model(before), load_model(after)], context, evaluation_file(context))
    old, new = answers.probabilities
    flipped = int(((old >= 0.5) != (new >= 0.5)).sum())  # noqa: PLR2004 - the threshold
    largest = float(np.abs(old - new).max())
    return Difference(
        "answers on the test rows", "0 labels differ", f"{flipped} labels, probabilities up to {largest:.2g}"
    )


def _outcome(
    version: Version,
    found: Sequence[Difference],
    provenance: Sequence[Difference],
    source: str,
    *,
    retrained: bool,
) -> Outcome:
    data = {
        "step": "reproduce",
        "model_version": version.number,
        "identical": retrained and not found,
        "retrained": retrained,
        "differences": [asdict(one) for one in found],
        "provenance_differences": [asdict(one) for one in provenance],
    }
    if not retrained:
        head = (
            f"Not retrained: the data is not what version {version.number} was made from ({source}).\n"
            f"  Ingest that into a REVIEWS_DATA_DIR of its own, preprocess the batches, and run this there"
        )
        exit_code = DataError.exit_code
    elif found:
        exit_code = GateError.exit_code
        head = f"Not identical: version {version.number}, trained again, is another model"
    else:
        exit_code = 0
        head = f"Identical: version {version.number}, trained again, has the same files and calibration, bit by bit"
    lines = [head, *(f"  {one.what}: {one.recorded} recorded, {one.now} now" for one in found)]
    if provenance:
        lines.append("  recorded otherwise than now:" if retrained and not found else "  what may explain it:")
        lines += [f"    {one.what}: {one.recorded} recorded, {one.now} now" for one in provenance]
    return Outcome(data, "\n".join(lines), exit_code)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
