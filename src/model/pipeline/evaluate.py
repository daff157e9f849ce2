"""Evaluate: a model version on processed/test.parquet -> metrics and plots on its run, figures on the version."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.model import command
from src.model.command import Context, Outcome
from src.model.data.tables import open_table, read_blocks
from src.model.evaluation.metrics import classification_metrics, confusion
from src.model.evaluation.plots import calibration_plot, confusion_plot, score_plot
from src.model.learners import load_model
from src.model.learners.base import SentimentModel
from src.model.pipeline.inputs import Processed, evaluation_file, reviews
from src.model.tracking.base import CHALLENGER, TEST_DIGEST_TAG, TEST_TAG, Run, Version, resolve

_SCORE_ROWS = 5_000
_TAGGED = ("accuracy", "recall_negative", "recall_positive", "roc_auc", "log_loss")  # what the gate looks at


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.evaluate")
    parser.add_argument("--model-version", default=CHALLENGER, help="a number or an alias (default: challenger)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    figures = evaluate(context, version)
    data = {"step": "evaluate", "model_version": version.number, "run_id": version.run_id, "metrics": figures}
    return Outcome(data, _table(version.number, figures))


def evaluate(context: Context, version: Version) -> dict[str, float]:
    """Score the test rows with a version; log figures and plots on its run, tag it with what the gate looks at."""
    test = evaluation_file(context)
    model = load_model(context.registry.fetch(version))
    positive, probability = _score(model, context, test)
    figures = classification_metrics(positive, probability)
    with context.tracker.resume(version.run_id) as run:
        run.inputs([test.data_set(context.storage, "evaluation")])
        run.metrics({f"{TEST_TAG}{name}": value for name, value in figures.items()})
        _log_plots(run, positive, probability, version.number)
    tags = {f"{TEST_TAG}{name}": f"{figures[name]:.6f}" for name in _TAGGED if name in figures}
    context.registry.tag(version.number, tags)
    context.registry.tag(version.number, {TEST_DIGEST_TAG: test.sha256})  # last: now the figures are all there
    return figures


def _score(
    model: SentimentModel, context: Context, test: Processed
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return the truth and the probability of positive of every test row, both of shape (n,)."""
    path = context.storage.path(test.key)
    truths, scores = [np.zeros(0, np.bool_)], [np.zeros(0)]
    with open_table(path) as table:
        total = table.metadata.num_rows
    with context.progress("Evaluating") as advance:
        for frame in read_blocks(path, ("polarity", "title", "text")):
            for part in frame.iter_slices(_SCORE_ROWS):
                block = reviews(part)
                truths.append(block.positive)
                scores.append(model.predict_proba(block.titles, block.texts))
                advance(len(block), total)
    return np.concatenate(truths), np.concatenate(scores)


def _log_plots(
    run: Run,
    positive: np.ndarray[tuple[int], np.dtype[np.bool_]],
    probability: np.ndarray[tuple[int], np.dtype[np.float64]],
    number: int,
) -> None:
    plots = {
        "calibration.png": calibration_plot(positive, probability, f"Version {number} on the test rows"),
        "confusion.png": confusion_plot(confusion(positive, probability), f"Version {number} on the test rows"),
        "scores.png": score_plot(positive, probability, f"Version {number} on the test rows"),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in plots.items():
            path = Path(folder) / name
            figure.savefig(path, dpi=110)
            run.file(path, "plots")


def _table(number: int, figures: dict[str, float]) -> str:
    lines = [f"Evaluated: version {number} on {figures['rows']:,.0f} test rows"]
    lines.append(f"  {'':10}{'precision':>10}{'recall':>10}{'f1':>10}")
    for label in ("negative", "positive", "macro"):
        values = (figures[f"{name}_{label}"] for name in ("precision", "recall", "f1"))
        lines.append(f"  {label:10}" + "".join(f"{value:10.2%}" for value in values))
    auc = f", ROC-AUC {figures['roc_auc']:.4f}" if "roc_auc" in figures else ""
    lines.append(f"  accuracy {figures['accuracy']:.2%}{auc}, log loss {figures['log_loss']:.4f}, "
                 f"Brier {figures['brier']:.4f}, ECE {figures['ece']:.4f}")  # fmt: skip
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
