"""Demo: the whole job from reviews to a champion and three predictions, on this machine alone.

Without --source it generates 20,000 reviews; with one (a path or kaggle:owner/name) the same
happens on real data.
"""

import argparse
import io
import sys
import time
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.core.redact import shown, without_secrets
from src.model.files.layout import RAW_MANIFEST, RAW_TRAIN
from src.model.files.manifest import read_manifest
from src.model.pipeline import predict
from src.model.pipeline.decided import PromoteResult
from src.model.pipeline.evaluate import EvaluateResult
from src.model.pipeline.predict import PredictResult
from src.model.pipeline.run import PipelineResult, run_pipeline

SOURCE = "synthetic:20000@7"
_REAL = ("  make demo DATA=path/to/amazon-reviews.zip", "      the same on real reviews")
REVIEWS = (
    ("Love it", "Works perfectly and looks great. My daughter loves it, highly recommended!"),
    (
        "Broke in a day",
        'Total waste of money; the "strong" handle came off in my hand. $25 for garbage.',
    ),
    ("Not bad at all", "I wanted to hate it, but it turned out to be very good."),
)


class DemoResult(Result):
    """What every step answered in both rounds, by the batches of the round, and the predictions."""

    step: Literal["demo"] = "demo"
    source: str
    rounds: dict[str, PipelineResult]
    predictions: list[PredictResult]
    seconds: float


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.demo")
    parser.add_argument("--source", default="", help=f"what to ingest (default: {SOURCE})")
    parser.add_argument(
        "--force", action="store_true", help="replace real reviews that were ingested earlier"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    source, begun = args.source or SOURCE, time.perf_counter()
    promotion = context.settings.promotion.model_copy(update={"how": "auto"})  # nobody is asked
    context.settings = context.settings.model_copy(update={"promotion": promotion})
    _protect_real_data(source, context, force=args.force)
    last = context.settings.batches - 1
    later = f"0-{min(4, last)}"

    def report(_name: str, outcome: Outcome) -> None:
        context.tell(outcome.said(verbose=args.verbose))

    _heading(context, f"Data: {shown(source)}")
    run_pipeline("ingest", context, report, source=source)
    rounds = {}
    for batches, title in (("0", "First model: batch 0"), (later, f"More data: batches {later}")):
        _heading(context, title)
        rounds[batches] = run_pipeline("train", context, report, batches=batches)
    _heading(context, "Three predictions by the champion")
    predictions: list[PredictResult] = []
    for title, message in REVIEWS:
        words = predict.build_parser().parse_args(["--title", title, "--message", message])
        outcome = predict.run(words, context)
        assert isinstance(outcome.result, PredictResult)  # noqa: S101 - it has no other
        predictions.append(outcome.result)
        context.out.print(Text(f"{title}. {message}", style="italic"), soft_wrap=True)
        context.tell(outcome.text)
    seconds = time.perf_counter() - begun
    result = DemoResult(
        source=source,
        rounds={
            batches: PipelineResult(**{name: found[name].data for name in found})
            for batches, found in rounds.items()
        },
        predictions=predictions,
        seconds=seconds,
    )
    return Outcome(result, _closing(context, source, rounds, seconds))


def _protect_real_data(source: str, context: Context, *, force: bool) -> None:
    """Refuse to put demo data in the place of reviews somebody ingested. Raises UsageError."""
    now = read_manifest(context.storage, RAW_MANIFEST)
    if now is None and context.storage.size(RAW_TRAIN) is None:
        return
    there = str(now.parameters["source"]) if now else "an unfinished ingest"
    if force or there == shown(source) or there.startswith("synthetic:"):
        return
    msg = f"{context.storage.root} holds reviews of {there}; the demo would replace them."
    hint = (
        f"Show the job on them with make demo DATA={there}, or keep them and run "
        "REVIEWS_DATA_DIR=data/demo MLFLOW_TRACKING_URI=sqlite:///demo.db make demo."
    )
    raise UsageError(msg, hint=hint)


def _heading(context: Context, text: str) -> None:
    context.out.rule(f"[bold]{text}", align="left")


def _closing(
    context: Context, source: str, rounds: dict[str, dict[str, Outcome]], seconds: float
) -> str:
    lines = [f"From {shown(source)} to a champion in {seconds:.0f} s:"]
    for batches, outcomes in rounds.items():
        evaluated, promoted = outcomes["evaluate"].result, outcomes["promote"].result
        assert isinstance(evaluated, EvaluateResult)  # noqa: S101 - each step has its own class
        assert isinstance(promoted, PromoteResult)  # noqa: S101
        figures, version = evaluated.metrics, evaluated.model_version
        decision = str(promoted.decision)
        verdict = {"kept": "kept back", "unchanged": "the champion already"}.get(decision, decision)
        lines.append(
            f"  version {version}, batches {batches:3}: accuracy {figures['accuracy']:.2%}, "
            f"decides {figures['coverage']:.0%}, {verdict}"
        )
    if source.startswith("synthetic:"):
        lines.append("These reviews are generated: their accuracy says nothing about real ones.")
    root = context.storage.root
    store = without_secrets(context.settings.mlflow.tracking_uri) or "tracking is off"
    api = context.settings.api
    lines += [
        "",
        "Next:",
        "  make model-export api-run",
        f"      the champion as a service: its page is http://{api.host}:{api.port}",
        '  make model-predict title="Great" message="I love it"',
        "      judge a review of your own",
        "  make mlflow-up",
        '      runs, plots and versions in a browser: choose "Model training"',
        *_REAL[: 2 * source.startswith("synthetic:")],
        "  make help",
        "      everything else",
        "",
        f"Data and reports: {root}/ (look at {root}/reports/data_quality.html)",
        f"MLflow's data:    {store}",
    ]
    page, width = io.StringIO(), min(max(context.err.width, 60), 100)
    panel = Panel("\n".join(lines), title="Done", padding=(1, 2))
    Console(file=page, width=width).print(panel, markup=False)
    return page.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
