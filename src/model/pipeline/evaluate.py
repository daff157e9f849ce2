"""Evaluate: a model version on processed/test.parquet -> figures, plots and the model card on its run and version.

Figures come with 95 % intervals, for all rows and for slices of them, beside the pass rates of the behavioural cases.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from src.model import command
from src.model.artifact import read_description, training_record
from src.model.command import Context, Outcome
from src.model.evaluation import behaviour, card, plots
from src.model.evaluation.behaviour import Rate
from src.model.evaluation.gate import Examined
from src.model.evaluation.intervals import Interval, bootstrap_intervals, wilson
from src.model.evaluation.metrics import confusion
from src.model.evaluation.slices import Slice, slice_figures
from src.model.labels import is_positive
from src.model.learners import load_model
from src.model.pipeline.examine import Answers, answer, examined
from src.model.pipeline.inputs import Processed, data_source, evaluation_file
from src.model.pipeline.train import FOOTPRINT
from src.model.tracking.base import CHALLENGER, TEST_DIGEST_TAG, TEST_TAG, Run, Version, resolve

_TAGGED = ("accuracy", "recall_negative", "recall_positive", "roc_auc", "log_loss", "ece")
_CARD = "card/model_card.html"
_SHOWN_FAILURES = 3


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found out about a version."""

    answers: Answers
    examined: Examined
    intervals: Mapping[str, Interval]
    slices: Sequence[Slice]
    outcomes: Sequence[behaviour.Outcome]

    @property
    def rates(self) -> list[Rate]:
        return behaviour.rates(self.outcomes)

    @property
    def as_json(self) -> dict[str, Any]:
        failed = [
            {**asdict(outcome.case), "probabilities": outcome.probabilities}
            for outcome in self.outcomes
            if not outcome.passed
        ]
        return {
            "metrics": dict(self.examined.figures),
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "slices": [asdict(part) for part in self.slices],
            "behaviour": [{**asdict(rate), "share": rate.share} for rate in self.rates],
            "behaviour_failed": failed,
            "model_bytes": self.examined.model_bytes,
        }


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.evaluate")
    parser.add_argument("--model-version", default=CHALLENGER, help="a number or an alias (default: challenger)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    test = evaluation_file(context)
    folder = context.registry.fetch(version)
    found = _evaluate(folder, context, test)
    place = f"reports/model_card_{version.number}"
    with context.tracker.resume(version.run_id) as record:
        record.inputs([test.data_set(context.storage, "evaluation")])
        _log(record, found)
        facts = _facts(found, version, folder, context, test)
        _log_pictures(record, found, facts, context, place)
        link = record.link(_CARD)
    about = card.summary(facts) + (f" [Model card]({link})" if link else f" Model card: {place}.html")
    context.registry.describe(version.number, about)
    figures = found.examined.figures
    tags = {f"{TEST_TAG}{name}": f"{figures[name]:.6f}" for name in _TAGGED if name in figures}
    context.registry.tag(version.number, tags)
    context.registry.tag(version.number, {TEST_DIGEST_TAG: test.sha256})  # last: now the figures are all there
    data = {
        "step": "evaluate", "model_version": version.number, "run_id": version.run_id, **found.as_json,
        "latency_us": found.examined.latency_us,
    }  # fmt: skip
    return Outcome(data, _text(version.number, found, f"{context.storage.root}/{place}.html"))


def _evaluate(folder: Path, context: Context, test: Processed) -> Evaluation:
    model = load_model(folder)
    answers = answer([model], context, test)
    seen = examined(model, folder, answers, 0)
    with context.progress("Resampling for intervals") as advance:
        intervals = bootstrap_intervals(
            answers.positive, seen.probability, seed=context.settings.seed, on_progress=advance
        )
    right = int((is_positive(seen.probability) == answers.positive).sum())
    intervals["accuracy"] = wilson(right, answers.positive.size)  # resampling all right rows would be sure of it
    slices = slice_figures(answers.masks, answers.positive, seen.probability, context.settings.slice_min_rows)
    return Evaluation(answers, seen, intervals, slices, behaviour.examine(model))


def _log(record: Run, found: Evaluation) -> None:
    ends = {f"{name}_{end}": getattr(i, end) for name, i in found.intervals.items() for end in ("low", "high")}
    shares = {f"behaviour.{kind}": share for kind, share in found.examined.behaviour.items()}
    figures = {**found.examined.figures, **ends, "latency_us": found.examined.latency_us}
    record.metrics({f"{TEST_TAG}{name}": value for name, value in figures.items()} | shares)
    record.text(json.dumps(found.as_json, indent=1), "evaluation.json")


def _facts(found: Evaluation, version: Version, folder: Path, context: Context, test: Processed) -> card.CardFacts:
    description = read_description(folder)
    training_record(description, folder)
    cost = [version.tags.get(name) for name in FOOTPRINT]
    footprint = {"files to serve it": f"{found.examined.model_bytes / 1e6:.2f} MB"}
    if all(cost):
        seconds, rows, peak = (float(value or 0) for value in cost)
        footprint["training"] = f"{seconds:.1f} s on {rows:,.0f} rows, at most {peak:,.0f} MB of memory, no accelerator"
    footprint["judging one review"] = f"{found.examined.latency_us:,.0f} µs, median, on the machine that wrote this"
    return card.CardFacts(
        name=context.settings.model_name,
        version=version.number,
        description=description,
        source=data_source(context),
        test=asdict(test),
        positive_share=float(found.answers.positive.mean()),
        figures=found.examined.figures,
        intervals=found.intervals,
        slices=found.slices,
        min_slice_rows=context.settings.slice_min_rows,
        value_columns=found.answers.value_columns,
        rates=found.rates,
        footprint=footprint,
        plots=("calibration", "roc", "slices") if "roc_auc" in found.intervals else ("calibration", "slices"),
    )


def _log_pictures(record: Run, found: Evaluation, facts: card.CardFacts, context: Context, place: str) -> None:
    """Store the plots and the card with the run, and the card's page with the reports."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, figure in _figures(found, facts.version).items():
            figure.savefig(folder / f"{kind}.png", dpi=110)
            record.file(folder / f"{kind}.png", "plots")
        text = card.markdown(facts)
        page = card.page(text, {kind: (folder / f"{kind}.png").read_bytes() for kind in facts.plots})
        (folder / "model_card.md").write_text(text, encoding="utf-8")
        (folder / "model_card.html").write_text(page, encoding="utf-8")
        for path in (folder / "model_card.md", folder / "model_card.html", *(folder / f"{k}.png" for k in facts.plots)):
            record.file(path, "card")
    with context.storage.writing(f"{place}.html") as path:
        path.write_text(page, encoding="utf-8")


def _figures(found: Evaluation, number: int) -> dict[str, Figure]:
    positive, probability = found.answers.positive, found.examined.probability
    title = f"Version {number} on the test rows"
    figures = {
        "calibration": plots.calibration_plot(positive, probability, title),
        "confusion": plots.confusion_plot(confusion(positive, probability), title),
        "scores": plots.score_plot(positive, probability, title),
        "slices": plots.slices_plot(found.slices, found.examined.figures["accuracy"], title),
        "behaviour": plots.behaviour_plot(found.rates, f"Version {number}: behavioural cases"),
    }
    if "roc_auc" in found.intervals:  # of one label alone there is no curve
        figures["roc"] = plots.roc_plot(positive, probability, title)
        figures["precision_recall"] = plots.precision_recall_plot(positive, probability, title)
    return figures


def _text(number: int, found: Evaluation, page: str) -> str:
    figures, intervals = found.examined.figures, found.intervals
    lines = [f"Evaluated: version {number} on {figures['rows']:,.0f} test rows"]
    lines.append(f"  {'':10}{'precision':>10}{'recall':>10}{'f1':>10}")
    for label in ("negative", "positive", "macro"):
        values = (figures[f"{name}_{label}"] for name in ("precision", "recall", "f1"))
        lines.append(f"  {label:10}" + "".join(f"{value:10.2%}" for value in values))
    for name in ("accuracy", "roc_auc", "pr_auc", "log_loss", "brier", "ece"):
        if name in figures:
            ends = "   95 % {:.4f} to {:.4f}".format(*intervals[name]) if name in intervals else ""
            lines.append(f"  {name:10}{figures[name]:10.4f}{ends}")
    judged = sorted((part for part in found.slices if part.judged), key=lambda part: part.accuracy)
    lines.append(
        "  weakest slices: " + ", ".join(f"{part.name} {part.accuracy:.1%}" for part in judged[:_SHOWN_FAILURES])
    )
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in found.examined.behaviour.items())
    lines.append(f"  behavioural cases passed: {shares}")
    lines.append(f"  model card: {page}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
