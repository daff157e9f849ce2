"""Train: processed batches -> an MLflow run and a registered model version with the alias `challenger`.

Batches accumulate: --batches 0-4 trains on everything in batches 0 to 4, from scratch. With --warm-start champion it
goes on from the champion instead and learns from those of the batches alone that the champion has not seen.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from src.model import command
from src.model.command import Context, Outcome
from src.model.data.batches import parse_batches
from src.model.data.storage import file_lock
from src.model.evaluation.metrics import classification_metrics
from src.model.evaluation.plots import learning_plot
from src.model.labels import is_positive
from src.model.learners import load_model, make_learner
from src.model.learners.base import LearningPoint
from src.model.pipeline.inputs import data_source, train_files, validation_rows
from src.model.pipeline.plan import HISTORY, Plan, fit_into, serving_bytes
from src.model.pipeline.tuned import RESULT, with_tuned
from src.model.pipeline.warm_start import warm_start
from src.model.provenance import git_sha, lock_digest
from src.model.tracking.base import CHALLENGER, Run, Version

FOOTPRINT = ("train.seconds", "train.rows", "train.peak_mb")
"""What a training cost; kept as tags of the version, where its card finds it."""


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.train")
    parser.add_argument("--batches", required=True, nargs="+", metavar="K", help='"0 1 2", 0,1,2, 0-4 or all')
    parser.add_argument("--warm-start", default="", metavar="VERSION", help="go on from this version or alias")
    parser.add_argument("--force", action="store_true", help="train even if this very model is registered already")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = with_tuned(context)
    tuned = settings != context.settings
    numbers = parse_batches(" ".join(args.batches), settings.batches)
    plan = Plan(make_learner(settings), numbers, train_files(context, numbers), settings.validation_share)
    context.tracker.check()
    if args.warm_start:
        warm = warm_start(args.warm_start, plan.learner, plan.files, plan.validation_share, context)
        plan = replace(plan, learner=warm.learner, warm=warm)
    known = None if args.force else context.registry.find(plan.fingerprint)
    if known is not None:
        context.registry.set_alias(CHALLENGER, known.number)
        return _outcome(plan, known, {}, skipped=True, tuned=tuned)
    fitting = context.settings.cache_dir / ".locks" / f"{plan.fingerprint}.lock"
    with context.storage.lock("train"), file_lock(fitting, "train"):
        version, figures = _train(plan, context, force=args.force)
    return _outcome(plan, version, figures, skipped=False, tuned=tuned)


def _train(plan: Plan, context: Context, *, force: bool) -> tuple[Version, dict[str, float]]:
    record = {
        "source": data_source(context),
        "fingerprint": plan.fingerprint,
        "git_sha": git_sha(context.settings),
        "lock_sha256": lock_digest(),
        "code_sha256": plan.code,
    }
    name = f"train {plan.learner.name} {plan.parameters['batches']}"
    if plan.warm:
        name += f" from version {plan.warm.version.number}"
    with context.tracker.start(name, {"step": "train", **record}) as run:
        run.params(plan.parameters)
        run.inputs([file.data_set(context.storage, "training") for file in plan.files])
        folder = context.settings.cache_dir / "fitted" / plan.fingerprint
        if force or not folder.exists():
            fit_into(folder, plan, context, record)  # kept: a registry that fails later costs no second training
        figures = _describe(plan, context, run, folder)
        tags = {**record, **_summary_tags(plan), **{name: f"{figures[name]:.6g}" for name in FOOTPRINT}}
        version = context.registry.register(run, folder / "model", tags)
        context.registry.set_alias(CHALLENGER, version.number)
        run.tags({"model_version": str(version.number)})
    shutil.rmtree(folder, ignore_errors=True)  # kept only until it is safe in the registry
    return version, figures


def _describe(plan: Plan, context: Context, run: Run, folder: Path) -> dict[str, float]:
    """Log how learning went and how well the saved model does on the validation rows."""
    story = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    history = [LearningPoint(**point) for point in story["history"]]
    for point in history:
        run.metrics({f"learning.{name}": value for name, value in point.metrics.items()}, step=point.step)
    rows = validation_rows(context.storage, plan.files, plan.validation_share)
    figures = {
        "train.seconds": story["seconds"],
        "train.rows": float(story["rows"]),
        "train.peak_mb": story["peak_mb"],
        "model.bytes": float(serving_bytes(folder / "model")),
    }
    if len(rows):
        model = load_model(folder / "model")
        probability = model.predict_proba(rows.titles, rows.texts)
        measured = classification_metrics(rows.positive, probability)
        figures |= {f"validation.{name}": value for name, value in measured.items()}
        decided = ~model.abstains(probability)
        figures["validation.coverage"] = float(decided.mean())
        if decided.any():
            right = is_positive(probability) == rows.positive
            figures["validation.accuracy_decided"] = float(right[decided].mean())
    run.metrics(figures)
    with tempfile.TemporaryDirectory() as place:
        plot = Path(place) / "learning.png"
        learning_plot(history, story["axis"]).savefig(plot, dpi=110)
        run.file(plot, "plots")
    run.file(folder / "model" / "model.json")
    return figures


def _summary_tags(plan: Plan) -> dict[str, str]:
    warm = {"warm_start_version": str(plan.warm.version.number)} if plan.warm else {}
    return {"learner": plan.learner.name, "batches": plan.parameters["batches"], **warm}


def _outcome(plan: Plan, version: Version, figures: Mapping[str, float], *, skipped: bool, tuned: bool) -> Outcome:
    rows = sum(file.rows for file in plan.fresh)
    data = {
        "step": "train",
        "skipped": skipped,
        "model_version": version.number,
        "run_id": version.run_id,
        "batches": list(plan.batches),
        "tuned": tuned,
        "rows": rows,
        "metrics": dict(figures),
    }
    if skipped:
        text = f"Unchanged, skipped: version {version.number} is this very model; it is the challenger now"
    else:
        accuracy = figures.get("validation.accuracy")
        measured = ""
        if accuracy is not None:
            measured = f", accuracy {accuracy:.2%} on {figures['validation.rows']:,.0f} validation rows"
        start = f", going on from version {plan.warm.version.number}," if plan.warm else ""
        text = (
            f"Trained: {plan.learner.name}{start} on {figures['train.rows']:,.0f} rows of batches "
            f"{' '.join(map(str, plan.learned))} in {figures['train.seconds']:.1f} s{measured}\n"
            f"  registered as version {version.number}, the challenger"
        )
        if tuned:
            text += f"\n  with the parameters that make model-tune found ({RESULT} below the data folder)"
    return Outcome(data, text)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
