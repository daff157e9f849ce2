"""Findings: what is odd about the reviews, near duplicates and contradicted labels.

A label is contradicted where a model that has not learned from its row (out of fold) is confident
of the other one. The answer is an MLflow run and, in reports/, findings.json, the most suspicious
rows for people to look at in suspicious_rows.csv, and near_duplicates.csv.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Advance, Context
from src.model.core.labels import LABELS
from src.model.core.served_model import ServedModel
from src.model.core.settings import Settings
from src.model.evaluation.inspected import (
    FindingsSummary,
    Inspected,
    findings_text,
    shown_duplicates,
    summarised,
)
from src.model.evaluation.label_noise import Suspicion, suspicion
from src.model.evaluation.near_duplicates import SIZE, clusters, signatures
from src.model.files.rows import POSITIVE, fold_numbers, is_validation
from src.model.files.spreadsheet import write_for_people
from src.model.files.tables import read_blocks
from src.model.learners import make_learner
from src.model.learners.base import Reviews
from src.model.training.examples import COLUMNS, joined_reviews, reviews
from src.model.training.inputs import Processed, batch_numbers, evaluation_file, train_files
from src.model.training.tuned import with_tuned

JSON = "reports/findings.json"
SUSPICIOUS, DUPLICATES = "reports/suspicious_rows.csv", "reports/near_duplicates.csv"
FOLDS = 5


class FindingsResult(Result, FindingsSummary):
    """The summary of reports/findings.json."""

    step: Literal["findings"] = "findings"


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.findings")
    parser.add_argument(
        "--batches", default="all", help="batches to look at: 0-4, or all (default)"
    )
    parser.add_argument(
        "--rows",
        type=int,
        choices=range(1, 100_001),
        metavar="N",
        default=50,
        help="most suspicious rows to write (default: 50)",
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = with_tuned(context)
    files = train_files(context, batch_numbers(context, args.batches))
    test = evaluation_file(context)
    context.tracker.check()
    with context.tracker.start("findings", {"step": "findings"}) as record:
        record.inputs([file.data_set(context.storage, "inspection") for file in (*files, test)])
        models = _fold_models(context, settings, files)
        inspected = _look(context, settings, files, test, models)
        summary = summarised(inspected)
        worst = np.flatnonzero(inspected.noise.suspicious)
        worst = worst[np.argsort(inspected.noise.self_confidence[worst], kind="stable")][
            : args.rows
        ]
        _write_rows(context, (*files, test), inspected, worst, SUSPICIOUS)
        _write_rows(context, (*files, test), inspected, shown_duplicates(inspected), DUPLICATES)
        with context.storage.writing(JSON) as path:
            path.write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
        counts = summary.model_dump()
        record.metrics({f"findings.{name}": float(value) for name, value in counts.items()})
        record.file(context.storage.path(JSON))
    root = context.storage.root
    text = findings_text(summary, len(worst), f"{root}/{SUSPICIOUS}", f"{root}/{DUPLICATES}")
    return Outcome(FindingsResult(**summary.model_dump()), text)


def _fold_models(
    context: Context, settings: Settings, files: Sequence[Processed]
) -> Sequence[ServedModel]:
    """Return for every fold a model that has learned from the other folds."""
    learner, models = make_learner(settings), []
    with context.progress("Training out of fold") as advance:
        for fold in range(FOLDS):
            kept = _parts(context, files, settings, fold, validation=True)
            validation = joined_reviews(map(reviews, kept))

            def blocks(fold: int = fold) -> Iterator[Reviews]:
                return map(reviews, _parts(context, files, settings, fold, validation=False))

            models.append(learner.fit(blocks, validation, lambda *_: None).model)
            advance(1, FOLDS)
    return models


def _parts(
    context: Context, files: Sequence[Processed], settings: Settings, fold: int, *, validation: bool
) -> Iterator[pl.DataFrame]:
    """Yield the rows of the other folds, those kept for validation or the rest."""
    for file in files:
        for frame in read_blocks(context.storage.path(file.key), COLUMNS, file.sha256):
            ids = frame["row_id"].to_numpy()
            others = fold_numbers(ids, FOLDS) != fold
            wanted = is_validation(ids, settings.validation_share) == validation
            yield frame.filter(pl.Series(others & wanted))


def _look(
    context: Context,
    settings: Settings,
    files: Sequence[Processed],
    test: Processed,
    models: Sequence[ServedModel],
) -> Inspected:
    """Go over all rows once.

    It takes their signatures, and for train rows the probability by the model of their fold.
    """
    every = [*files, test]
    places, truths, scores = [], [], []
    # At 4 M rows 1 GB: made once.
    marks, done = np.empty((sum(file.rows for file in every), SIZE), np.uint32), 0
    with context.progress("Looking at every row") as advance:
        for number, frame in _numbered(context, every, advance):
            block, ids = reviews(frame), frame["row_id"].to_numpy()
            places.append(np.full(len(block), number))
            truths.append(block.positive)
            marks[done : done + len(block)] = signatures(block.titles, block.texts, settings.seed)
            done += len(block)
            none = np.full(len(block), np.nan)
            scores.append(_out_of_fold(models, block, ids) if number < len(files) else none)
    positive, probability = np.concatenate(truths), np.concatenate(scores)
    file = np.concatenate(places)
    judged = file < len(files)
    noise = suspicion(positive[judged], probability[judged])
    rest = positive.size - noise.suspicious.size
    padded = Suspicion(
        np.append(noise.suspicious, np.zeros(rest, np.bool_)),
        np.append(noise.self_confidence, np.full(rest, np.nan)),
    )
    return Inspected([f.key for f in every], file, positive, clusters(marks), padded)


def _numbered(
    context: Context, files: Sequence[Processed], advance: Advance
) -> Iterator[tuple[int, pl.DataFrame]]:
    total = sum(file.rows for file in files)
    for number, file in enumerate(files):
        for frame in read_blocks(context.storage.path(file.key), COLUMNS, file.sha256):
            yield number, frame
            advance(frame.height, total)


def _out_of_fold(
    models: Sequence[ServedModel], block: Reviews, ids: npt.NDArray[np.uint64]
) -> npt.NDArray[np.float64]:
    """Return each row's probability of positive, shape (rows,).

    It comes from the model that has not seen the row's fold.
    """
    probability, folds = np.empty(len(block)), fold_numbers(ids, FOLDS)
    for fold, model in enumerate(models):
        places = np.flatnonzero(folds == fold)
        titles, texts = ([side[i] for i in places.tolist()] for side in (block.titles, block.texts))
        probability[places] = model.probabilities(titles, texts)
    return probability


def _write_rows(
    context: Context,
    files: Sequence[Processed],
    inspected: Inspected,
    rows: npt.NDArray[np.int64],
    key: str,
) -> None:
    """Write the rows in the given order, with everything a person needs to look at them."""
    place = {int(row): rank for rank, row in enumerate(rows)}
    parts, offset = [], 0
    for file in files:
        for frame in read_blocks(context.storage.path(file.key), COLUMNS, file.sha256):
            numbers = [row for row in range(offset, offset + frame.height) if row in place]
            here = frame[[row - offset for row in numbers]]
            added = pl.Series("row", numbers, pl.Int64), pl.lit(file.key).alias("file")
            parts.append(here.with_columns(*added))
            offset += frame.height
    frame = pl.concat(parts)
    order = frame["row"].to_numpy()
    label = pl.when(pl.col("polarity") == POSITIVE).then(pl.lit(LABELS[1]))
    confidence = inspected.noise.self_confidence[order]
    described = frame.select(
        pl.Series("rank", [place[int(row)] + 1 for row in order], pl.Int64),
        "file",
        "row_id",
        label.otherwise(pl.lit(LABELS[0])).alias("label"),
        pl.Series("probability_of_label", confidence, pl.Float64, nan_to_null=True),
        pl.Series("near_duplicate_cluster", inspected.cluster[order], pl.Int64),
        "title",
        "text",
    )
    with context.storage.writing(key) as path:
        write_for_people(described.sort("rank"), path)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
