"""Train: processed batches -> an MLflow run and a registered model version, the challenger.

The version gets the alias `challenger`. Batches accumulate: --batches 0-4 trains on everything in
batches 0 to 4, from scratch. With --warm-start champion it goes on from the champion instead and
learns from those of the batches alone that the champion has not seen.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.artifact import DESCRIPTION
from src.model.core.digest import sha256
from src.model.core.errors import ModelError, UsageError
from src.model.core.models import load_model
from src.model.core.names import (
    CHALLENGER,
    COST_TAG,
    DIGEST_TAG,
    FINGERPRINT_TAG,
    FOOTPRINT,
    PLOTS_FOLDER,
    RAW_DIGEST_TAG,
)
from src.model.core.served_model import ServedModel
from src.model.evaluation.metrics import classification_metrics, decided_figures
from src.model.evaluation.plots import learning_plot
from src.model.evaluation.slices import refuse_unusable
from src.model.files.batches import as_ranges
from src.model.files.layout import RAW_TRAIN
from src.model.files.lease import file_lock
from src.model.files.lineage import current_raw
from src.model.files.runs import version_of_run
from src.model.learners import make_learner
from src.model.learners.base import Reviews
from src.model.learners.calibration import MIN_ROWS
from src.model.tracking.base import Run, Version, run_name
from src.model.training.inputs import batch_numbers, data_source, train_files
from src.model.training.plan import Plan, fit_into, read_story, serving_bytes, tidy
from src.model.training.provenance import git_sha, lock_digest
from src.model.training.tuned import RESULT, with_tuned
from src.model.training.warm_start import warm_start


class TrainResult(Result):
    """The registered version; `metrics` are empty where it was known already (`skipped`).

    `rows` are those of the batches learned from, validation rows among them; `tuned` says whether
    parameters came from `tune`.
    """

    step: Literal["train"] = "train"
    skipped: bool
    model_version: int
    run_id: str
    batches: list[int]
    tuned: bool
    rows: int
    metrics: dict[str, float]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.train")
    parser.add_argument(
        "--batches", required=True, nargs="+", metavar="K", help='"0 1 2", 0,1,2, 0-4 or all'
    )
    parser.add_argument(
        "--warm-start", default="", metavar="VERSION", help="go on from this version or alias"
    )
    parser.add_argument(
        "--force", action="store_true", help="train even if this very model is registered already"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = with_tuned(context)
    tuned = settings != context.settings
    batches = " ".join(args.batches)
    numbers = batch_numbers(context, batches)
    learner, files = make_learner(settings), train_files(context, numbers)
    plan = Plan(learner, numbers, files, settings.validation_share, context.language.language)
    refuse_unusable(context.language)  # before, and not after, long work
    context.tracker.check()
    if reference := version_of_run(context.storage, batches, args.warm_start):
        warm = warm_start(reference, plan.learner, plan.files, plan.validation_share, context)
        plan = replace(plan, learner=warm.learner, warm=warm)
    known = None if args.force else context.registry.find(plan.fingerprint)
    fitting = context.settings.cache_dir / ".locks" / f"{plan.fingerprint}.lock"
    if known is not None and _is_there(known, context):
        context.registry.set_alias(CHALLENGER, known.number)
        with suppress(UsageError), file_lock(fitting, "train"):
            tidy(_fitted(plan, context))  # a run may have been killed before it did
        return _outcome(plan, known, {}, skipped=True, tuned=tuned)
    with context.storage.lease("train"), file_lock(fitting, "train"):
        version, figures = _train(plan, context, force=args.force)
    return _outcome(plan, version, figures, skipped=False, tuned=tuned)


def _is_there(version: Version, context: Context) -> bool:
    """Say whether a registered model can still be had; one that is gone is trained again."""
    try:
        context.registry.fetch(version)
    except ModelError as error:
        context.log.warning("training again", version=version.number, reason=error.message)
        return False
    return True


def _train(plan: Plan, context: Context, *, force: bool) -> tuple[Version, dict[str, float]]:
    provenance = {
        "source": data_source(context),
        FINGERPRINT_TAG: plan.fingerprint,
        "git_sha": git_sha(context.settings),
        "lock_sha256": lock_digest(),
        "code_sha256": plan.code,
    }
    name = f"training {plan.learner.name} on batches {as_ranges(plan.batches)}"
    if plan.warm:
        name += f" from version {plan.warm.version.number}"
    with context.tracker.start(name, {"step": "train", **provenance}) as run:
        run.params(plan.parameters)
        run.inputs([file.data_set(context.storage, "training") for file in plan.files])
        folder = _fitted(plan, context)
        validation = plan.validation(context)
        if force or not folder.exists():
            # The folder is kept: a registry that fails later costs no second training.
            fit_into(folder, plan, context, plan.record(provenance), validation)
        figures = _describe(folder, run, validation)
        tags = {
            FINGERPRINT_TAG: plan.fingerprint,
            DIGEST_TAG: sha256(folder / "model" / DESCRIPTION),
            COST_TAG: _cost(figures),
            RAW_DIGEST_TAG: current_raw(context.storage).files[RAW_TRAIN].sha256,
            **_summary_tags(plan),
        }
        version = context.registry.register(run, folder / "model", tags)
        run.rename(run_name(version))
        context.registry.set_alias(CHALLENGER, version.number)
        run.tags({"model_version": str(version.number)})
    tidy(folder)  # kept only until it is safe in the registry
    return version, figures


def _fitted(plan: Plan, context: Context) -> Path:
    return context.settings.cache_dir / "fitted" / plan.fingerprint


def _describe(folder: Path, run: Run, validation: Reviews) -> dict[str, float]:
    """Log how learning went and how well the saved model does on the validation rows."""
    story = read_story(folder)
    for point in story.history:
        learned = {f"learning.{name}": value for name, value in point.metrics.items()}
        run.metrics(learned, step=point.step)
    costs = (story.seconds, float(story.rows), story.peak_mb)
    figures = dict(zip(FOOTPRINT, costs, strict=True))
    figures["model.bytes"] = float(serving_bytes(folder / "model"))
    if len(validation):
        figures |= _validated(load_model(folder / "model"), validation)
    run.metrics(figures)
    with tempfile.TemporaryDirectory() as place:
        plot = Path(place) / "learning.png"
        learning_plot(story.history, story.axis).savefig(plot, dpi=110)
        run.file(plot, PLOTS_FOLDER)
    run.file(folder / "model" / DESCRIPTION)
    return figures


def _cost(figures: dict[str, float]) -> str:
    seconds, rows, peak = (figures[name] for name in FOOTPRINT)
    return f"{seconds:.1f} s on {rows:,.0f} rows, at most {peak:,.0f} MB of memory, no accelerator"


def _validated(model: ServedModel, rows: Reviews) -> dict[str, float]:
    """Return the figures on the validation rows, and how many of them the model decides."""
    found = model.read(rows.titles, rows.texts)
    measured = classification_metrics(rows.positive, found.probability)
    figures = {f"validation.{name}": value for name, value in measured.items()}
    decided = decided_figures(rows.positive, found.probability, found.abstained)
    return figures | {f"validation.{name}": value for name, value in decided.items()}


def _summary_tags(plan: Plan) -> dict[str, str]:
    warm = {"warm_start_version": str(plan.warm.version.number)} if plan.warm else {}
    return {"learner": plan.learner.name, "batches": str(plan.parameters["batches"]), **warm}


def _outcome(
    plan: Plan, version: Version, figures: dict[str, float], *, skipped: bool, tuned: bool
) -> Outcome:
    result = TrainResult(
        skipped=skipped,
        model_version=version.number,
        run_id=version.run_id,
        batches=list(plan.batches),
        tuned=tuned,
        rows=sum(file.rows for file in plan.fresh),
        metrics=figures,
    )
    if skipped:
        text = (
            f"Unchanged, skipped: version {version.number} is this very model; "
            "it is the challenger now"
        )
    else:
        accuracy = figures.get("validation.accuracy")
        measured = ""
        if accuracy is not None:
            judged = figures["validation.rows"]
            measured = (
                f"\n  accuracy {accuracy:.2%} on {judged:,.0f} validation rows"
                f"{_decided_text(plan, figures)}"
            )
        start = f", going on from version {plan.warm.version.number}," if plan.warm else ""
        text = (
            f"Trained: {plan.learner.name}{start} on {figures['train.rows']:,.0f} rows of batches "
            f"{' '.join(map(str, plan.learned))} in {figures['train.seconds']:.1f} s{measured}\n"
            f"  registered as version {version.number}, the challenger"
        )
        if tuned:
            text += (
                "\n  with the parameters that make model-tune found "
                f"({RESULT} below the data folder)"
            )
    return Outcome(result, text)


def _decided_text(plan: Plan, figures: dict[str, float]) -> str:
    """Say how much the model decides, and where it is less right there than was asked for."""
    if "abstain_accuracy" in plan.learner.parameters and figures["validation.rows"] < MIN_ROWS:
        return f"; under {MIN_ROWS} of them, it is neither calibrated nor does it abstain"
    coverage = figures["validation.coverage"]
    right = figures.get("validation.accuracy_decided")
    if right is None:
        return "; it decides none of them"
    text = f"; it decides {coverage:.1%} of them, right in {right:.2%}"
    asked = plan.learner.parameters.get("abstain_accuracy")
    if isinstance(asked, float) and right < asked and coverage < 1:
        text += (
            f"\n  (REVIEWS_ABSTAIN_ACCURACY asks for {asked:.0%}: that would leave undecided more "
            "than a quarter of the rows, or answers that are 90% sure)"
        )
    return text


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
