"""Curve: train on growing numbers of batches and see what each one added on the test rows. Is retraining worth it?

Nothing is registered. The answer is a table, a plot and an MLflow run.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from src.model import command
from src.model.command import Context, Outcome
from src.model.data.batches import parse_batches
from src.model.data.storage import saying_what_failed
from src.model.errors import UsageError
from src.model.evaluation.compare import Comparison, compare
from src.model.evaluation.intervals import Interval, log_losses, wilson
from src.model.evaluation.plots import curve_plot
from src.model.labels import is_positive
from src.model.learners import load_model, make_learner
from src.model.pipeline.examine import Answers, answer
from src.model.pipeline.inputs import evaluation_file, train_files
from src.model.pipeline.plan import HISTORY, Plan, fit_into, serving_bytes
from src.model.pipeline.tuned import with_tuned

JSON, PLOT = "reports/curve.json", "reports/curve.png"
_LEAST = 2


@dataclass(frozen=True)
class Point:
    """A model of the first batches: what it took, how well it does, and its gain over the point before."""

    batches: int
    rows: int
    seconds: float
    model_bytes: int
    accuracy: float
    interval: Interval
    log_loss: float
    gain: Comparison | None


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.curve")
    parser.add_argument("--batches", default="all", help="batches to add one after the other: 0-4, or all (default)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = with_tuned(context)
    numbers = parse_batches(args.batches, settings.batches)
    if len(numbers) < _LEAST:
        raise UsageError("One batch makes no curve.", hint="Name at least two: make model-curve batches=0-4.")
    plan = Plan(make_learner(settings), numbers, train_files(context, numbers), settings.validation_share)
    test = evaluation_file(context)
    context.tracker.check()
    with context.tracker.start(f"curve {plan.learner.name}", {"step": "curve"}) as record:
        record.params(plan.parameters)
        record.inputs([file.data_set(context.storage, "training") for file in plan.files])
        record.inputs([test.data_set(context.storage, "evaluation")])
        with ExitStack() as closing, saying_what_failed(settings.cache_dir):
            settings.cache_dir.mkdir(parents=True, exist_ok=True)
            place = Path(closing.enter_context(tempfile.TemporaryDirectory(dir=settings.cache_dir)))
            folders = [_fitted(plan, count, context, place) for count in range(1, len(numbers) + 1)]
            answers = answer([load_model(folder / "model") for folder in folders], context, test)
            points = [_point(folder, count, answers) for count, folder in enumerate(folders, 1)]
        doubling = compare(answers.positive, answers.probabilities[-1], answers.probabilities[len(points) // 2 - 1])
        for point in points:
            figures = {
                "accuracy": point.accuracy,
                "accuracy_low": point.interval.low,
                "accuracy_high": point.interval.high,
            }
            figures |= {"log_loss": point.log_loss, "seconds": point.seconds, "model_bytes": float(point.model_bytes)}
            record.metrics({f"curve.{name}": value for name, value in figures.items()}, step=point.rows)
        data: dict[str, Any] = {
            "step": "curve",
            "points": [asdict(point) for point in points],
            "against_half": asdict(doubling),
            "answer": verdict(points, doubling),
        }
        with context.storage.writing(JSON) as path:
            path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        with context.storage.writing(PLOT) as path:
            curve_plot(*_drawn(points)).savefig(path, dpi=110, format="png")
        record.file(context.storage.path(JSON))
        record.file(context.storage.path(PLOT), "plots")
    return Outcome(data, _text(points, data["answer"], context))


def _fitted(plan: Plan, count: int, context: Context, place: Path) -> Path:
    """Train on the first `count` batches; return the folder with model and history."""
    folder = place / str(count)
    fit_into(folder, replace(plan, batches=plan.batches[:count], files=plan.files[:count]), context, {})
    return folder


def _point(folder: Path, count: int, answers: Answers) -> Point:
    story = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    positive, probability = answers.positive, answers.probabilities[count - 1]
    right = is_positive(probability) == positive
    return Point(
        batches=count,
        rows=story["rows"],
        seconds=story["seconds"],
        model_bytes=serving_bytes(folder / "model"),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), positive.size),
        log_loss=float(log_losses(positive, probability).mean()),
        gain=compare(positive, probability, answers.probabilities[count - 2]) if count > 1 else None,
    )


def verdict(points: Sequence[Point], against_half: Comparison) -> str:
    """Say whether more rows still help: all of them against half of them.

    One comparison, so that chance has one chance; single batches are told with their intervals and not judged.
    """
    half = points[len(points) // 2 - 1]
    points_gained, (low, high) = 100 * against_half.accuracy_difference, against_half.accuracy_interval
    least, most = against_half.log_loss_interval
    return (
        f"{'Yes' if against_half.better else 'No'}: from {half.rows:,} to {points[-1].rows:,} rows accuracy changed by "
        f"{points_gained:+.2f} points (95 % {100 * low:+.2f} to {100 * high:+.2f}) and log loss by "
        f"{against_half.log_loss_difference:+.4f} (95 % {least:+.4f} to {most:+.4f})."
    )


def _drawn(points: Sequence[Point]) -> tuple[list[int], list[float], list[Interval], list[float], list[Interval]]:
    gains = [point.gain for point in points if point.gain]
    return (
        [point.rows for point in points],
        [point.accuracy for point in points],
        [point.interval for point in points],
        [gain.accuracy_difference for gain in gains],
        [gain.accuracy_interval for gain in gains],
    )


def _text(points: Sequence[Point], answer_: str, context: Context) -> str:
    head = f"{'batches':>8}{'rows':>11}{'seconds':>9}{'MB':>7}{'accuracy':>10}  {'95 %':15}{'log loss':>9}"
    lines = [f"{head}  gain in points, 95 %"]
    for point in points:
        gain = ""
        if point.gain:
            low, high = point.gain.accuracy_interval
            gain = f"  {100 * point.gain.accuracy_difference:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
        ends = f"{point.interval.low:.2%}-{point.interval.high:.2%}"
        lines.append(
            f"{point.batches:>8}{point.rows:>11,}{point.seconds:>9.1f}{point.model_bytes / 1e6:>7.1f}"
            f"{point.accuracy:>10.2%}  {ends:15}{point.log_loss:>9.4f}{gain}"
        )
    return "\n".join(["Is retraining still worth it?", *lines, answer_, f"  {context.storage.root}/{PLOT}"])


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
