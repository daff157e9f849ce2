"""Models on the test rows: one pass over the file, all models on the same rows, and what they did there."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.command import Context
from src.model.data.tables import open_table, read_blocks
from src.model.errors import DataError
from src.model.evaluation import behaviour
from src.model.evaluation.gate import Examined
from src.model.evaluation.metrics import classification_metrics
from src.model.evaluation.slices import Masks, joined, text_masks, value_masks
from src.model.learners.base import SentimentModel
from src.model.pipeline.inputs import Processed, reviews
from src.model.pipeline.plan import serving_bytes
from src.model.rows import COLUMNS

_SCORE_ROWS = 5_000
_SINGLE, _WARM_UP = 200, 20


@dataclass(frozen=True)
class Answers:
    """n test rows: the truth, every model's probabilities of positive, the slices and the columns that made some.

    `sample` are the first 200 reviews, title and text.
    """

    positive: npt.NDArray[np.bool_]
    probabilities: Sequence[npt.NDArray[np.float64]]
    masks: Masks
    value_columns: Sequence[str]
    sample: Sequence[tuple[str, str]]


def answer(models: Sequence[SentimentModel], context: Context, test: Processed) -> Answers:
    """Score the test rows with every model. Raises DataError where there are none."""
    path = context.storage.path(test.key)
    with open_table(path) as table:
        total = table.metadata.num_rows
        extra = [name for name in table.schema_arrow.names if name not in COLUMNS]
    truths, masks, more, sample = [], [], [], list[tuple[str, str]]()
    scores: list[list[npt.NDArray[np.float64]]] = [[] for _ in models]
    with context.progress("Scoring the test rows") as advance:
        for frame in read_blocks(path, ("polarity", "title", "text", *extra)):
            masks.append(text_masks(frame))
            more.append(frame.drop("polarity", "title", "text"))  # by name: a column may be called "*"
            for part in frame.iter_slices(_SCORE_ROWS):
                block = reviews(part)
                truths.append(block.positive)
                sample += zip(block.titles, block.texts, strict=True) if len(sample) < _SINGLE else ()
                for found, model in zip(scores, models, strict=True):
                    found.append(model.predict_proba(block.titles, block.texts))
                advance(len(block), total)
    if not total:
        raise DataError(f"{path} has no rows to evaluate on.", hint="Ingest a source with test rows.")
    values = value_masks(pl.concat(more)) if extra else {}
    return Answers(
        np.concatenate(truths), [np.concatenate(found) for found in scores], {**joined(masks), **values}, extra,
        sample[:_SINGLE],
    )  # fmt: skip


def examined(model: SentimentModel, folder: Path, answers: Answers, place: int) -> Examined:
    """Return everything the gate asks about a model; `place` is its place among the models that answered."""
    probability = answers.probabilities[place]
    return Examined(
        classification_metrics(answers.positive, probability),
        behaviour.shares(behaviour.rates(behaviour.examine(model))),
        serving_bytes(folder),
        latency_us(model, answers.sample),
        probability,
    )


def latency_us(model: SentimentModel, sample: Sequence[tuple[str, str]]) -> float:
    """Return the median time of judging one review, cleaning included, in microseconds."""
    times = []
    for title, text in [*sample[:_WARM_UP], *sample]:
        begun = time.perf_counter()
        model.predict_proba([title], [text])
        times.append(time.perf_counter() - begun)
    return float(np.median(times[min(_WARM_UP, len(sample)) :]) * 1e6)
