"""How a review is read, whatever model judges it: its tokens, and in which language.

Everything is counted on the tokens of the clean text, so a figure means the same in the API's log,
in a slice of the test rows, in the data's quality page and in monitoring, and does not change with
the n-grams a model looks at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from src.model.core.language import looks_other

Probabilities = npt.NDArray[np.float64]
"""Probability of `positive`, shape (n,), in [0, 1]."""


@dataclass(frozen=True)
class Readings:
    """What a model makes of n reviews; every array has shape (n,).

    `probability` of positive; `abstained` where that is too close to call; `title_tokens` and
    `tokens`, those of title and text together; `unknown_share`, the share of tokens that the model
    has never learned from; `language_share`, the share of tokens that are frequent words of the
    language that the model reads, see `core.language`.
    """

    probability: Probabilities
    abstained: npt.NDArray[np.bool_]
    title_tokens: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    unknown_share: npt.NDArray[np.float64]
    language_share: npt.NDArray[np.float64]

    @property
    def other_language(self) -> npt.NDArray[np.bool_]:
        """Which reviews do not look like the language that the model reads, shape (n,)."""
        return looks_other(self.tokens, self.language_share)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the readings of consecutive reviews as one; of none where there are no parts."""
        if len(parts) == 1:
            return parts[0]
        kinds = (np.float64, np.bool_, np.int64, np.int64, np.float64, np.float64)
        columns = (
            np.concatenate([np.zeros(0, kind), *(getattr(part, field.name) for part in parts)])
            for field, kind in zip(fields(cls), kinds, strict=True)
        )
        return cls(*columns)


def sigmoid(logits: npt.NDArray[np.float64]) -> Probabilities:
    """Return 1 / (1 + exp(-logit)), shape as given; beyond 700 a float64 holds no difference.

    >>> sigmoid(np.array([0.0])).tolist()
    [0.5]
    """
    probability: Probabilities = 1 / (1 + np.exp(-logits.clip(-700, 700)))
    return probability
