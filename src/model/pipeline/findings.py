"""Findings: what is odd about the reviews themselves: near duplicates, and labels that a model confidently contradicts.

Every row is judged by a model that has not learned from it (out of fold). The answer is an MLflow run and, in reports/,
findings.json, the most suspicious rows for people to look at in suspicious_rows.csv, and near_duplicates.csv.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model import command
from src.model.command import Advance, Context, Outcome
from src.model.data.batches import parse_batches
from src.model.data.tables import read_blocks
from src.model.evaluation.label_noise import Suspicion, suspicion
from src.model.evaluation.near_duplicates import SIZE, clusters, signatures
from src.model.labels import LABELS
from src.model.learners import make_learner
from src.model.learners.base import Reviews, SentimentModel
from src.model.pipeline.inputs import Processed, evaluation_file, joined_reviews, reviews, train_files
from src.model.pipeline.tuned import with_tuned
from src.model.rows import POSITIVE, fold_numbers, is_validation
from src.model.settings import Settings

JSON, SUSPICIOUS, DUPLICATES = "reports/findings.json", "reports/suspicious_rows.csv", "reports/near_duplicates.csv"
FOLDS = 5
_COLUMNS = ("row_id", "polarity", "title", "text")
_DUPLICATES_SHOWN = 1_000


@dataclass(frozen=True)
class Found:
    """n rows of all files in order: the file's number, the label, its cluster of near duplicates, its suspicion.

    Test rows take part in looking for duplicates; their labels are not judged.
    """

    keys: Sequence[str]
    file: npt.NDArray[np.int64]
    positive: npt.NDArray[np.bool_]
    cluster: npt.NDArray[np.int64]
    noise: Suspicion

    @property
    def is_test(self) -> npt.NDArray[np.bool_]:
        last: npt.NDArray[np.bool_] = self.file == len(self.keys) - 1
        return last


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.findings")
    parser.add_argument("--batches", default="all", help="batches to look at: 0-4, or all (default)")
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
    files = train_files(context, parse_batches(args.batches, settings.batches))
    test = evaluation_file(context)
    context.tracker.check()
    with context.tracker.start("findings", {"step": "findings"}) as record:
        record.inputs([file.data_set(context.storage, "inspection") for file in (*files, test)])
        models = _fold_models(context, settings, files)
        found = _look(context, settings, files, test, models)
        summary = _summary(found)
        worst = np.flatnonzero(found.noise.suspicious)
        worst = worst[np.argsort(found.noise.self_confidence[worst], kind="stable")][: args.rows]
        _write_rows(context, found, worst, SUSPICIOUS)
        _write_rows(context, found, _shown_duplicates(found), DUPLICATES)
        with context.storage.writing(JSON) as path:
            path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        record.metrics({f"findings.{name}": float(value) for name, value in summary.items()})
        record.file(context.storage.path(JSON))
    return Outcome({"step": "findings", **summary}, _text(summary, len(worst), context.storage.root))


def _fold_models(context: Context, settings: Settings, files: Sequence[Processed]) -> list[SentimentModel]:
    """Return for every fold a model that has learned from the other folds."""
    learner, models = make_learner(settings), []
    with context.progress("Training out of fold") as advance:
        for fold in range(FOLDS):
            validation = joined_reviews(
                reviews(part) for part in _parts(context, files, settings, fold, validation=True)
            )

            def blocks(fold: int = fold) -> Iterator[Reviews]:
                return (reviews(part) for part in _parts(context, files, settings, fold, validation=False))

            models.append(learner.fit(blocks, validation, lambda *_: None).model)
            advance(1, FOLDS)
    return models


def _parts(
    context: Context, files: Sequence[Processed], settings: Settings, fold: int, *, validation: bool
) -> Iterator[pl.DataFrame]:
    """Yield the rows of the other folds, those kept for validation or the rest."""
    for file in files:
        for frame in read_blocks(context.storage.path(file.key), _COLUMNS):
            ids = frame["row_id"].to_numpy()
            chosen = (fold_numbers(ids, FOLDS) != fold) & (is_validation(ids, settings.validation_share) == validation)
            yield frame.filter(pl.Series(chosen))


def _look(
    context: Context, settings: Settings, files: Sequence[Processed], test: Processed, models: Sequence[SentimentModel]
) -> Found:
    """Go over all rows once: their signatures, and for train rows the probability by the model of their fold."""
    every = [*files, test]
    places, truths, scores = [], [], []
    marks, done = np.empty((sum(file.rows for file in every), SIZE), np.uint32), 0  # at 4 M rows 1 GB: made once
    with context.progress("Looking at every row") as advance:
        for number, frame in _numbered(context, every, advance):
            block, ids = reviews(frame), frame["row_id"].to_numpy()
            places.append(np.full(len(block), number))
            truths.append(block.positive)
            marks[done : done + len(block)] = signatures(block.titles, block.texts, settings.seed)
            done += len(block)
            scores.append(_out_of_fold(models, block, ids) if number < len(files) else np.full(len(block), np.nan))
    positive, probability, file = np.concatenate(truths), np.concatenate(scores), np.concatenate(places)
    judged = file < len(files)
    noise = suspicion(positive[judged], probability[judged])
    rest = positive.size - noise.suspicious.size
    padded = Suspicion(
        np.append(noise.suspicious, np.zeros(rest, np.bool_)), np.append(noise.self_confidence, np.full(rest, np.nan))
    )
    return Found([f.key for f in every], file, positive, clusters(marks), padded)


def _numbered(context: Context, files: Sequence[Processed], advance: Advance) -> Iterator[tuple[int, pl.DataFrame]]:
    total = sum(file.rows for file in files)
    for number, file in enumerate(files):
        for frame in read_blocks(context.storage.path(file.key), _COLUMNS):
            yield number, frame
            advance(frame.height, total)


def _out_of_fold(
    models: Sequence[SentimentModel], block: Reviews, ids: npt.NDArray[np.uint64]
) -> npt.NDArray[np.float64]:
    """Return each row's probability of positive by the model that has not seen its fold, shape (rows,)."""
    probability, folds = np.empty(len(block)), fold_numbers(ids, FOLDS)
    for fold, model in enumerate(models):
        places = np.flatnonzero(folds == fold)
        titles, texts = ([side[i] for i in places.tolist()] for side in (block.titles, block.texts))
        probability[places] = model.predict_proba(titles, texts)
    return probability


def _summary(found: Found) -> dict[str, int | float]:
    """Return the counts that the answer and the run show."""
    inside, train = found.cluster >= 0, ~found.is_test
    size, of_train, of_positive = (
        np.bincount(found.cluster[inside], weights=None if kind is None else kind[inside])
        for kind in (None, train, found.positive)
    )
    mixed = (of_positive > 0) & (of_positive < size)
    leaked = inside & found.is_test & (of_train[np.maximum(found.cluster, 0)] > 0 if size.size else False)
    return {
        "train_rows": int(train.sum()),
        "test_rows": int(found.is_test.sum()),
        "near_duplicate_clusters": int((size > 0).sum()),
        "near_duplicate_rows": int(inside.sum()),
        "near_duplicate_rows_of_both_labels": int(size[mixed].sum()),
        "test_rows_with_a_near_duplicate_in_train": int(leaked.sum()),
        "suspicious_labels": int(found.noise.suspicious.sum()),
        "suspicious_share": float(found.noise.suspicious.sum() / max(train.sum(), 1)),
    }


def _shown_duplicates(found: Found) -> npt.NDArray[np.int64]:
    """Return the rows of clusters, one cluster after the other, those of both labels or both splits first."""
    inside = np.flatnonzero(found.cluster >= 0)
    label = found.cluster[inside]
    size, positive, test = (
        np.bincount(label, weights=kind)
        for kind in (np.ones(inside.size), found.positive[inside], found.is_test[inside])
    )
    odd = ((positive > 0) & (positive < size)) | ((test > 0) & (test < size))
    return inside[np.lexsort((inside, label, ~odd[label]))][:_DUPLICATES_SHOWN] if inside.size else inside


def _write_rows(context: Context, found: Found, rows: npt.NDArray[np.int64], key: str) -> None:
    """Write the rows in the given order, with everything a person needs to look at them."""
    place = {int(row): rank for rank, row in enumerate(rows)}
    parts, offset = [], 0
    for file_key in found.keys:
        for frame in read_blocks(context.storage.path(file_key), _COLUMNS):
            numbers = [row for row in range(offset, offset + frame.height) if row in place]
            here = frame[[row - offset for row in numbers]]
            parts.append(here.with_columns(pl.Series("row", numbers, pl.Int64), pl.lit(file_key).alias("file")))
            offset += frame.height
    frame = pl.concat(parts)
    order = frame["row"].to_numpy()
    described = frame.select(
        pl.Series("rank", [place[int(row)] + 1 for row in order], pl.Int64),
        "file",
        "row_id",
        pl.when(pl.col("polarity") == POSITIVE).then(pl.lit(LABELS[1])).otherwise(pl.lit(LABELS[0])).alias("label"),
        pl.Series("probability_of_label", found.noise.self_confidence[order], pl.Float64, nan_to_null=True),
        pl.Series("near_duplicate_cluster", found.cluster[order], pl.Int64),
        "title",
        "text",
    )
    with context.storage.writing(key) as path:
        described.sort("rank").write_csv(path, float_precision=4)


def _text(found: dict[str, int | float], shown: int, root: str) -> str:
    both, inside = found["near_duplicate_rows_of_both_labels"], found["near_duplicate_rows"]
    clusters_ = found["near_duplicate_clusters"]
    labels = f"{found['suspicious_labels']:,} labels ({found['suspicious_share']:.2%})"
    lines = [
        f"Found in {found['train_rows']:,} train and {found['test_rows']:,} test rows:",
        f"  {inside:,} near duplicates in {clusters_:,} clusters, {both:,} of them in clusters of both labels",
        f"  {found['test_rows_with_a_near_duplicate_in_train']:,} test rows with a near duplicate in train",
        f"  {labels} that a model which has not seen them confidently contradicts",
        f"  look at the {shown} most suspicious in {root}/{SUSPICIOUS}, near duplicates in {root}/{DUPLICATES}",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
