"""Rows looked at one by one: what they show together, and which ones people should see."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from src.model.core.records import Record
from src.model.evaluation.label_noise import Suspicion

_DUPLICATES_SHOWN = 1_000


@dataclass(frozen=True)
class Inspected:
    """n rows of all files in order.

    Each has the number of its file, its label, its cluster of near duplicates and its suspicion.
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


class FindingsSummary(Record):
    """What was found, in rows; `near_duplicate_clusters` in groups, `suspicious_share` of train."""

    train_rows: int
    test_rows: int
    near_duplicate_clusters: int
    near_duplicate_rows: int
    near_duplicate_rows_of_both_labels: int
    test_rows_with_a_near_duplicate_in_train: int
    suspicious_labels: int
    suspicious_share: float


def summarised(inspected: Inspected) -> FindingsSummary:
    """Return the counts that the answer and the run show."""
    inside, train = inspected.cluster >= 0, ~inspected.is_test
    size, of_train, of_positive = (
        np.bincount(inspected.cluster[inside], weights=None if kind is None else kind[inside])
        for kind in (None, train, inspected.positive)
    )
    mixed = (of_positive > 0) & (of_positive < size)
    beside_train = of_train[np.maximum(inspected.cluster, 0)] > 0 if size.size else False
    leaked = inside & inspected.is_test & beside_train
    return FindingsSummary(
        train_rows=int(train.sum()),
        test_rows=int(inspected.is_test.sum()),
        near_duplicate_clusters=int((size > 0).sum()),
        near_duplicate_rows=int(inside.sum()),
        near_duplicate_rows_of_both_labels=int(size[mixed].sum()),
        test_rows_with_a_near_duplicate_in_train=int(leaked.sum()),
        suspicious_labels=int(inspected.noise.suspicious.sum()),
        suspicious_share=float(inspected.noise.suspicious.sum() / max(train.sum(), 1)),
    )


def shown_duplicates(inspected: Inspected) -> npt.NDArray[np.int64]:
    """Return the rows of clusters, one cluster after the other.

    Clusters of both labels or of both splits come first.
    """
    inside = np.flatnonzero(inspected.cluster >= 0)
    if not inside.size:
        return inside
    label = inspected.cluster[inside]
    size, positive, test = (
        np.bincount(label, weights=kind)
        for kind in (np.ones(inside.size), inspected.positive[inside], inspected.is_test[inside])
    )
    odd = ((positive > 0) & (positive < size)) | ((test > 0) & (test < size))
    return inside[np.lexsort((inside, label, ~odd[label]))][:_DUPLICATES_SHOWN]


def findings_text(summary: FindingsSummary, shown: int, suspicious: str, near: str) -> str:
    """Return the summary for people; `shown` rows were written to the file `suspicious`.

    Near duplicates were written to the file `near`.
    """
    labels = f"{summary.suspicious_labels:,} labels ({summary.suspicious_share:.2%})"
    alike = (
        f"{summary.near_duplicate_rows:,} near duplicates in {summary.near_duplicate_clusters:,}"
    )
    both = f"{summary.near_duplicate_rows_of_both_labels:,} of them in clusters of both labels"
    leaked = f"{summary.test_rows_with_a_near_duplicate_in_train:,} test rows"
    lines = [
        f"Found in {summary.train_rows:,} train and {summary.test_rows:,} test rows:",
        f"  {alike} clusters, {both}",
        f"  {leaked} with a near duplicate in train",
        f"  {labels} that a model which has not seen them confidently contradicts",
        f"  look at the {shown} most suspicious in {suspicious}, near duplicates in {near}",
    ]
    return "\n".join(lines)
