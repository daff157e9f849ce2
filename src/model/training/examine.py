"""Models on the test rows: one pass over the file, all models on the same rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.context import Context
from src.model.core.errors import DataError
from src.model.core.served_model import ServedModel
from src.model.evaluation import behaviour
from src.model.evaluation.behaviour import Case
from src.model.evaluation.gate import Examined
from src.model.evaluation.metrics import classification_metrics, decided_figures
from src.model.evaluation.slices import Masks, joined, text_masks, value_masks
from src.model.files.rows import COLUMNS
from src.model.files.tables import open_table, read_blocks
from src.model.training.examples import reviews
from src.model.training.inputs import Processed, label_column
from src.model.training.plan import serving_bytes

_SCORE_ROWS = 5_000
_SINGLE, _WARM_UP = 200, 20


@dataclass(frozen=True)
class Answers:
    """n test rows: the truth, every model's probabilities of positive, the slices.

    `value_columns` are those whose values make slices; the one that the label was read from is none
    of them. `sample` are the first 200 reviews, title and text.
    """

    positive: npt.NDArray[np.bool_]
    probabilities: Sequence[npt.NDArray[np.float64]]
    masks: Masks
    value_columns: Sequence[str]
    sample: Sequence[tuple[str, str]]


def answer(models: Sequence[ServedModel], context: Context, test: Processed) -> Answers:
    """Score the test rows with every model. Raises DataError where there are none."""
    path = context.storage.path(test.key)
    with open_table(path) as table:
        total = table.metadata.num_rows
        label = label_column(context)
        extra = [n for n in table.schema_arrow.names if n not in COLUMNS and n != label]
    if not total:
        hint = "Ingest a source with test rows."
        raise DataError(f"{path} has no rows to evaluate on.", hint=hint)
    truths, masks, values = [], [], []
    sample: list[tuple[str, str]] = []
    scores: list[list[npt.NDArray[np.float64]]] = [[] for _ in models]
    with context.progress("Scoring the test rows") as advance:
        for frame in read_blocks(path, ("polarity", "title", "text", *extra), test.sha256):
            masks.append(text_masks(frame, context.language))
            # By name: a column may be called "*".
            values.append(frame.drop("polarity", "title", "text"))
            for part in frame.iter_slices(_SCORE_ROWS):
                block = reviews(part)
                truths.append(block.positive)
                if len(sample) < _SINGLE:
                    sample += zip(block.titles, block.texts, strict=True)
                for of_model, model in zip(scores, models, strict=True):
                    of_model.append(model.probabilities(block.titles, block.texts))
                advance(len(block), total)
    by_value = value_masks(pl.concat(values)) if extra else {}
    return Answers(
        positive=np.concatenate(truths),
        probabilities=[np.concatenate(of_model) for of_model in scores],
        masks={**joined(masks), **by_value},
        value_columns=extra,
        sample=sample[:_SINGLE],
    )


def examined(
    model: ServedModel, folder: Path, answers: Answers, place: int, suite: Sequence[Case]
) -> Examined:
    """Return everything the gate asks about a model.

    `place` is its place among the models that answered; `suite` are the behavioural cases.
    """
    probability = answers.probabilities[place]
    figures = classification_metrics(answers.positive, probability)
    figures |= decided_figures(answers.positive, probability, model.abstains(probability))
    return Examined(
        figures=figures,
        behaviour=behaviour.shares(behaviour.rates(behaviour.examine(model, suite))),
        model_bytes=serving_bytes(folder),
        latency_us=latency_us(model, answers.sample),
        kind=model.kind,
        probability=probability,
    )


def latency_us(model: ServedModel, sample: Sequence[tuple[str, str]]) -> float:
    """Return the median time of judging one review, cleaning included, in microseconds."""
    times = []
    for title, text in [*sample[:_WARM_UP], *sample]:
        begun = time.perf_counter()
        model.read([title], [text])
        times.append(time.perf_counter() - begun)
    return float(np.median(times[min(_WARM_UP, len(sample)) :]) * 1e6)
