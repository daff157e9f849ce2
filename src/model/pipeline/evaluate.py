"""Evaluate: a model version on processed/test.parquet -> figures, plots and the model card.

They are kept with its run and its version. Figures come with 95 % intervals, for all rows and for
slices of them, beside the pass rates of the behavioural cases.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.core.labels import is_positive
from src.model.core.languages import shipped
from src.model.core.models import load_artifact
from src.model.core.names import (
    CARD_FOLDER,
    CARD_PAGE,
    CHALLENGER,
    COST_TAG,
    EVALUATION_FILE,
    FOOTPRINT,
    PLOTS_FOLDER,
    TEST_DIGEST_TAG,
    TEST_FIGURES_TAG,
    TEST_TAG,
)
from src.model.core.records import Language, Record
from src.model.evaluation import behaviour, card, plots
from src.model.evaluation.behaviour import Rate
from src.model.evaluation.gate import Examined
from src.model.evaluation.intervals import Interval, bootstrap_intervals, wilson
from src.model.evaluation.metrics import confusion
from src.model.evaluation.slices import Slice, slice_figures
from src.model.evaluation.texts import brief_text, evaluation_text
from src.model.files.batches import as_ranges
from src.model.tracking.base import Run, Version, resolve, run_name
from src.model.training.examine import Answers, answer, examined
from src.model.training.inputs import Processed, data_source, evaluation_file

_TAGGED = (
    "rows",
    "accuracy",
    "recall_negative",
    "recall_positive",
    "roc_auc",
    "log_loss",
    "ece",
    "coverage",
    "accuracy_decided",
)


class RateRecord(Record):
    """How many of a capability's behavioural cases passed."""

    kind: behaviour.Kind
    capability: str
    passed: int
    cases: int
    share: float


class FailedCase(Record):
    """A behavioural case that was not as expected, with the probabilities of its reviews."""

    kind: behaviour.Kind
    capability: str
    expected: str
    reviews: tuple[tuple[str, str], ...]
    probabilities: tuple[float, ...]


class EvaluationRecord(Record):
    """Figures on the test rows, 95 % intervals as low and high end, slices, behavioural cases."""

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    slices: list[Slice]
    behaviour: list[RateRecord]
    behaviour_failed: list[FailedCase]
    model_bytes: int


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
    def record(self) -> EvaluationRecord:
        """What is kept of it with the version's run."""
        failed = [
            FailedCase(**asdict(outcome.case), probabilities=outcome.probabilities)
            for outcome in self.outcomes
            if not outcome.passed
        ]
        return EvaluationRecord(
            metrics=dict(self.examined.figures),
            intervals=dict(self.intervals),
            slices=list(self.slices),
            behaviour=[RateRecord(**asdict(rate), share=rate.share) for rate in self.rates],
            behaviour_failed=failed,
            model_bytes=self.examined.model_bytes,
        )


class EvaluateResult(Result, EvaluationRecord):
    """The figures of a version; `latency_us` is the median time of judging one review."""

    step: Literal["evaluate"] = "evaluate"
    model_version: int
    run_id: str
    latency_us: float


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.evaluate")
    parser.add_argument(
        "--model-version", default=CHALLENGER, help="a number or an alias (default: challenger)"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    test = evaluation_file(context)
    folder = context.registry.fetch(version)
    evaluation = _evaluate(folder, context, test)
    place = f"reports/model_card_{version.number}"
    with context.tracker.resume(version.run_id) as record:
        record.inputs([test.data_set(context.storage, "evaluation")])
        _log(record, evaluation)
        facts = _facts(evaluation, version, folder, context, test)
        _log_pictures(record, evaluation, facts, context, place)
        link = record.link(f"{CARD_FOLDER}/{CARD_PAGE}")
        figures = evaluation.examined.figures
        tagged = {name: round(figures[name], 6) for name in _TAGGED if name in figures}
        tags = {TEST_FIGURES_TAG: json.dumps(tagged)}
        record.describe(card.brief(facts))
        record.rename(run_name(replace(version, tags={**version.tags, **tags})))
    where = f"[Model card]({link})" if link else f"Model card: {place}.html"
    context.registry.describe(version.number, f"{card.brief(facts)}\n\n{where}")
    context.registry.tag(version.number, tags)
    # Last: now the figures are all there.
    context.registry.tag(version.number, {TEST_DIGEST_TAG: test.sha256})
    result = EvaluateResult(
        model_version=version.number,
        run_id=version.run_id,
        latency_us=evaluation.examined.latency_us,
        **evaluation.record.model_dump(),
    )
    told = (
        version.number,
        figures,
        evaluation.intervals,
        evaluation.slices,
        evaluation.examined.behaviour,
    )
    page = f"\n  model card: {context.storage.root}/{place}.html"
    return Outcome(result, brief_text(*told) + page, details=evaluation_text(*told) + page)


def _evaluate(folder: Path, context: Context, test: Processed) -> Evaluation:
    model, artifact = load_artifact(folder)
    _require_language(artifact.language, context.language.language)
    answers = answer([model], context, test)
    suite = behaviour.cases(context.language)
    seen = examined(model, folder, answers, 0, suite)
    positive, probability = answers.positive, seen.probability
    seed, min_rows = context.settings.seed, context.settings.promotion.min_slice_rows
    with context.progress("Resampling for intervals") as advance:
        intervals = bootstrap_intervals(positive, probability, seed=seed, on_progress=advance)
    right = int((is_positive(probability) == positive).sum())
    # Resampling rows that are all right would be sure of it.
    intervals["accuracy"] = wilson(right, positive.size)
    slices = slice_figures(answers.masks, positive, probability, min_rows)
    return Evaluation(answers, seen, intervals, slices, behaviour.examine(model, suite))


def _require_language(reads: Language, wanted: Language) -> None:
    """Raise UsageError where the model reads another language than the rows are said to be in."""
    if reads.code != wanted.code:
        msg = f"The model reads {reads.name}, and REVIEWS_LANGUAGE says {wanted.name}."
        named = reads.code if reads.code in shipped() else f"the file of {reads.name}"
        hint = f"Set REVIEWS_LANGUAGE to {named}, or train a model in {wanted.name}."
        raise UsageError(msg, hint=hint)


def _log(record: Run, evaluation: Evaluation) -> None:
    ends = {
        f"{name}_{end}": getattr(i, end)
        for name, i in evaluation.intervals.items()
        for end in ("low", "high")
    }
    shares = {f"behaviour.{kind}": share for kind, share in evaluation.examined.behaviour.items()}
    figures = {**evaluation.examined.figures, **ends, "latency_us": evaluation.examined.latency_us}
    record.metrics({f"{TEST_TAG}{name}": value for name, value in figures.items()} | shares)
    record.text(evaluation.record.model_dump_json(indent=1), EVALUATION_FILE)


def _facts(
    evaluation: Evaluation, version: Version, folder: Path, context: Context, test: Processed
) -> card.CardFacts:
    artifact = load_artifact(folder)[1]
    footprint = {"files to serve it": f"{evaluation.examined.model_bytes / 1e6:.2f} MB"}
    older = [version.tags[name] for name in FOOTPRINT if name in version.tags]
    if cost := version.tags.get(COST_TAG) or ", ".join(older):
        footprint["training"] = cost
    footprint["judging one review"] = (
        f"{evaluation.examined.latency_us:,.0f} µs, median, on the machine that wrote this"
    )
    curves = ("roc",) if "roc_auc" in evaluation.intervals else ()
    return card.CardFacts(
        name=context.settings.mlflow.model_name,
        version=version.number,
        description=artifact.description,
        language=artifact.language.name,
        batches=as_ranges(map(int, artifact.training.batches.split())),
        training=artifact.training,
        source=data_source(context),
        test=test.recorded,
        positive_share=float(evaluation.answers.positive.mean()),
        date=datetime.now(UTC).date().isoformat(),
        aliases=version.aliases,
        confusion=confusion(evaluation.answers.positive, evaluation.examined.probability).tolist(),
        figures=evaluation.examined.figures,
        intervals=evaluation.intervals,
        slices=evaluation.slices,
        min_slice_rows=context.settings.promotion.min_slice_rows,
        value_columns=evaluation.answers.value_columns,
        rates=evaluation.rates,
        footprint=footprint,
        plots=("calibration", *curves, "slices"),
    )


def _log_pictures(
    record: Run, evaluation: Evaluation, facts: card.CardFacts, context: Context, place: str
) -> None:
    """Store the plots and the card with the run, and the card's page with the reports."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, figure in _figures(evaluation, facts.version).items():
            figure.savefig(folder / f"{kind}.png", dpi=110)
            record.file(folder / f"{kind}.png", PLOTS_FOLDER)
        text = card.markdown(facts)
        pictures = {kind: folder / f"{kind}.png" for kind in facts.plots}
        page = card.page(text, {kind: path.read_bytes() for kind, path in pictures.items()})
        (folder / "model_card.md").write_text(text, encoding="utf-8")
        (folder / CARD_PAGE).write_text(page, encoding="utf-8")
        for path in (folder / "model_card.md", folder / CARD_PAGE, *pictures.values()):
            record.file(path, CARD_FOLDER)
    with context.storage.writing(f"{place}.html") as path:
        path.write_text(page, encoding="utf-8")


def _figures(evaluation: Evaluation, number: int) -> dict[str, Figure]:
    positive, probability = evaluation.answers.positive, evaluation.examined.probability
    title = f"Version {number} on the test rows"
    figures = {
        "calibration": plots.calibration_plot(positive, probability, title),
        "confusion": plots.confusion_plot(confusion(positive, probability), title),
        "scores": plots.score_plot(positive, probability, title),
        "slices": plots.slices_plot(
            evaluation.slices, evaluation.examined.figures["accuracy"], title
        ),
        "behaviour": plots.behaviour_plot(evaluation.rates, f"Version {number}: behavioural cases"),
    }
    if "roc_auc" in evaluation.intervals:  # of one label alone there is no curve
        figures["roc"] = plots.roc_plot(positive, probability, title)
        figures["precision_recall"] = plots.precision_recall_plot(positive, probability, title)
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
