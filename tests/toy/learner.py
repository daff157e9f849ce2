"""A learner for tests alone: the words that tell the labels apart best, by their log odds."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from src.model.core.models.toy import ToyClassifier

from src.model.core.records import Scalar, Training
from src.model.core.settings import Settings
from src.model.core.text import clean, tokens
from src.model.learners.base import Fitted, Range, Reviews, cannot_go_on, refuse_too_little


@dataclass(frozen=True)
class ToyLearner:
    """It keeps `words` words."""

    words: int
    name = "toy"
    kept: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    code = ("src.model.learners.toy",)

    @property
    def parameters(self) -> Mapping[str, Scalar]:
        return {"words": self.words}

    @property
    def search(self) -> Mapping[str, Range]:
        return {}

    def going_on(self, folder: Path, training: Training) -> Self:
        del folder, training
        raise cannot_go_on(self.name)

    def fit(
        self,
        train: Callable[[], Iterator[Reviews]],
        validation: Reviews,
        on_progress: Callable[..., None],
    ) -> Fitted:
        del validation
        counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        labels = [np.zeros(0, np.bool_)]
        for block in train():
            labels.append(block.positive)
            for title, text, positive in zip(
                block.titles, block.texts, block.positive.tolist(), strict=True
            ):
                counts[positive].update({w for f in clean(title, text) for w in tokens(f)})
            on_progress(len(block))
        positive = np.concatenate(labels)
        refuse_too_little(positive)
        rows = {True: int(positive.sum()) + 2, False: int((~positive).sum()) + 2}
        odds = {
            word: math.log((counts[True][word] + 1) / rows[True])
            - math.log((counts[False][word] + 1) / rows[False])
            for word in sorted(counts[True] | counts[False])
        }
        best = sorted(odds, key=lambda word: (-abs(odds[word]), word))[: self.words]
        return Fitted(ToyClassifier({word: odds[word] for word in best}), "training rows")


def make(settings: Settings) -> ToyLearner:
    return ToyLearner(settings.toy.words)  # type: ignore[attr-defined] # of the patched tree
