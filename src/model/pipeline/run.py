"""Run: a whole pipeline in one process, `ingest` or `train`.

`ingest` is ingest, validate and split; `train` is preprocess to promote. A challenger that is kept
back is an answer and no failure: the pipeline reports it and exits 0. What a scheduler runs is
`src.orchestration.run`.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence

from pydantic import ConfigDict

from src.model import command, steps
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.tracking.base import resolve
from src.model.training.inputs import batch_numbers

_VARIABLES = ("source", "append", "batches", "warm_start")
Report = Callable[[str, Outcome], None]


class PipelineResult(Result):
    """One object for each step that ran, under the step's name: its own result."""

    model_config = ConfigDict(frozen=True, extra="allow")


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.run")
    parser.add_argument("pipeline", choices=sorted(steps.PIPELINES), help="which pipeline")
    parser.add_argument("--source", default="", help="source of `ingest` (default: REVIEWS_SOURCE)")
    parser.add_argument(
        "--append", default="", help="1: `ingest` adds the source's new rows as the next batch"
    )
    parser.add_argument(
        "--batches", default="all", help='batches of `train`: "0 1 2", 0,1,2, 0-4 or all (default)'
    )
    parser.add_argument(
        "--warm-start", default="", metavar="VERSION", help="go on from this version in `train`"
    )
    parser.add_argument(
        "--force", action="store_true", help="run steps even if nothing has changed"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if args.pipeline == "train":
        batch_numbers(
            context, args.batches
        )  # refused before the first step runs, as is the version
        if args.warm_start:
            resolve(context.registry, args.warm_start)
    done: dict[str, Outcome] = {}

    def report(name: str, outcome: Outcome) -> None:
        done[name] = outcome
        context.tell(outcome.said(verbose=args.verbose))

    variables = {name: getattr(args, name) for name in _VARIABLES}
    begun = time.perf_counter()
    run_pipeline(args.pipeline, context, report, force=args.force, **variables)
    count = f"{len(done)} step{'s' * (len(done) != 1)}"
    text = f"Pipeline {args.pipeline}: {count} in {time.perf_counter() - begun:.0f} s"
    return Outcome(PipelineResult(**{name: done[name].data for name in done}), text)


def run_pipeline(
    name: str, context: Context, report: Report, *, force: bool = False, **variables: str
) -> dict[str, Outcome]:
    """Run a pipeline's steps in order in this process; return their outcomes by step name.

    Raises:
        ReviewsError: a step failed; the steps before it are done and are skipped when the pipeline
            runs again.
    """
    outcomes = {}
    for step in steps.pipeline(name):
        outcome = run_step(step, context, force=force, **variables)
        report(step.name, outcome)
        outcomes[step.name] = outcome
        if outcome.exit_code not in step.answers:
            break
    return outcomes


def run_step(
    step: steps.Command, context: Context, *, force: bool = False, **variables: str
) -> Outcome:
    """Run one step in this process with the arguments its command line would have."""
    module = importlib.import_module(step.module)
    parser: argparse.ArgumentParser = module.build_parser()
    words = steps.arguments(step, **variables)
    if force and step.forced:
        words.append("--force")
    return command.spoken(step.name, module.run, parser.parse_args(words), context)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
