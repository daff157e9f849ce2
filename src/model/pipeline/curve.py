"""Curve: train on growing numbers of batches and see what each one added on the test rows.

Is retraining worth it? Nothing is registered; the answer is a table, a plot and an MLflow run.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.disk import saying_what_failed
from src.model.core.errors import UsageError
from src.model.core.labels import is_positive
from src.model.core.models import load_model
from src.model.core.names import PLOTS_FOLDER
from src.model.evaluation.compare import FEW, Comparison, compare
from src.model.evaluation.intervals import Interval, log_losses, wilson
from src.model.evaluation.plots import curve_plot
from src.model.learners import make_learner
from src.model.training.examine import Answers, answer
from src.model.training.inputs import batch_numbers, evaluation_file, train_files
from src.model.training.plan import Plan, fit_into, read_story, serving_bytes
from src.model.training.tuned import with_tuned

JSON, PLOT = "reports/curve.json", "reports/curve.png"
_LEAST = 2


@dataclass(frozen=True)
class Point:
    """A model of the first batches.

    It tells what the model took, how well it does, and its gain over the point before.
    """

    batches: int
    rows: int
    seconds: float
    model_bytes: int
    accuracy: float
    interval: Interval
    log_loss: float
    gain: Comparison | None


class CurveResult(Result):
    """A point for each number of batches; all rows against half of them; the answer."""

    step: Literal["curve"] = "curve"
    points: list[Point]
    against_half: Comparison
    answer: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.curve")
    parser.add_argument(
        "--batches", default="all", help="batches to add one after the other: 0-4, or all (default)"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = with_tuned(context)
    numbers = batch_numbers(context, args.batches)
    if len(numbers) < _LEAST:
        hint = "Name at least two: make model-curve batches=0-4."
        raise UsageError("One batch makes no curve.", hint=hint)
    learner, files = make_learner(settings), train_files(context, numbers)
    plan = Plan(learner, numbers, files, settings.validation_share, context.language.language)
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
        half = answers.probabilities[len(points) // 2 - 1]
        doubling = compare(answers.positive, answers.probabilities[-1], half)
        for point in points:
            figures = {
                "curve.accuracy": point.accuracy,
                "curve.accuracy_low": point.interval.low,
                "curve.accuracy_high": point.interval.high,
                "curve.log_loss": point.log_loss,
                "curve.seconds": point.seconds,
                "curve.model_bytes": float(point.model_bytes),
            }
            record.metrics(figures, step=point.rows)
        result = CurveResult(points=points, against_half=doubling, answer=verdict(points, doubling))
        with context.storage.writing(JSON) as path:
            path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        with context.storage.writing(PLOT) as path:
            curve_plot(*_drawn(points)).savefig(path, dpi=110, format="png")
        record.file(context.storage.path(JSON))
        record.file(context.storage.path(PLOT), PLOTS_FOLDER)
    return Outcome(result, curve_text(points, result.answer, f"{context.storage.root}/{PLOT}"))


def _fitted(plan: Plan, count: int, context: Context, place: Path) -> Path:
    """Train on the first `count` batches; return the folder with model and history."""
    folder = place / str(count)
    part = replace(plan, batches=plan.batches[:count], files=plan.files[:count])
    fit_into(folder, part, context, part.record({}), part.validation(context))
    return folder


def _point(folder: Path, count: int, answers: Answers) -> Point:
    story = read_story(folder)
    positive, probability = answers.positive, answers.probabilities[count - 1]
    right = is_positive(probability) == positive
    gain = compare(positive, probability, answers.probabilities[count - 2]) if count > 1 else None
    return Point(
        batches=count,
        rows=story.rows,
        seconds=story.seconds,
        model_bytes=serving_bytes(folder / "model"),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), positive.size),
        log_loss=float(log_losses(positive, probability).mean()),
        gain=gain,
    )


def verdict(points: Sequence[Point], against_half: Comparison) -> str:
    """Say whether more rows still help: all of them against half of them.

    It is one comparison, so that chance has one chance; single batches are told with their
    intervals and not judged.
    """
    half = points[len(points) // 2 - 1]
    gained, (low, high) = 100 * against_half.accuracy_difference, against_half.accuracy_interval
    least, most = against_half.log_loss_interval
    yes_or_no = "Yes" if against_half.better else "No"
    return (
        f"{yes_or_no}: from {half.rows:,} to {points[-1].rows:,} rows "
        f"accuracy changed by {gained:+.2f} points (95 % {100 * low:+.2f} to {100 * high:+.2f}) "
        f"and log loss by {against_half.log_loss_difference:+.4f} "
        f"(95 % {least:+.4f} to {most:+.4f})."
        f"{'' if against_half.enough else f' {FEW}.'}"
    )


def _drawn(
    points: Sequence[Point],
) -> tuple[list[int], list[float], list[Interval], list[float], list[Interval]]:
    gains = [point.gain for point in points if point.gain]
    return (
        [point.rows for point in points],
        [point.accuracy for point in points],
        [point.interval for point in points],
        [gain.accuracy_difference for gain in gains],
        [gain.accuracy_interval for gain in gains],
    )


def curve_text(points: Sequence[Point], answer_: str, plot: str) -> str:
    """Return the points as a table, the answer, and where the plot is."""
    head = (
        f"{'batches':>8}{'rows':>11}{'seconds':>9}{'MB':>7}{'accuracy':>10}  "
        f"{'95 %':15}{'log loss':>9}"
    )
    lines = [f"{head}  gain in points, 95 %"]
    for point in points:
        gain = ""
        if point.gain:
            low, high = point.gain.accuracy_interval
            gained = 100 * point.gain.accuracy_difference
            gain = f"  {gained:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
        ends = f"{point.interval.low:.2%}-{point.interval.high:.2%}"
        megabytes = point.model_bytes / 1e6
        lines.append(
            f"{point.batches:>8}{point.rows:>11,}{point.seconds:>9.1f}"
            f"{megabytes:>7.1f}{point.accuracy:>10.2%}  {ends:15}{point.log_loss:>9.4f}{gain}"
        )
    return "\n".join(["Is retraining still worth it?", *lines, answer_, f"  {plot}"])


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
