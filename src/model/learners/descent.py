"""Logistic regression by stochastic gradient descent over a file of buckets."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from src.model.core.errors import DivergedError
from src.model.core.ragged import inverse_roots, row_sums
from src.model.core.settings import HashedSettings
from src.model.learners.base import LearningPoint
from src.model.learners.feature_file import FeatureBlock, FeatureFile

DIVERGED_HINT = "The data is kept. Lower REVIEWS_HASHED_LEARNING_RATE and train again."

_INTERCEPT_PACE = 1e-3  # the intercept occurs in every row: its step is that of a frequent bucket
_GAIN = 1e-4  # a smaller gain of validation log loss counts as none
_STEPS = 64  # per epoch at least: few large steps learn nothing from a small set
_SAFE = 80.0  # exp of more overflows float32


class Descent:
    """Weights on their way.

    After `run`, `weights` of shape (buckets,) and `intercept` are the best ones seen. Both may be
    set before, to go on from another model's.
    """

    def __init__(
        self,
        pace: HashedSettings,
        ratio: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int64],
        seed: int,
    ) -> None:
        self._pace = pace
        self._steps = (np.abs(ratio) / np.sqrt(1 + pace.damping * counts)).astype(np.float32)
        self._random = np.random.default_rng(seed)
        self.weights = np.zeros(ratio.size, np.float32)
        self.intercept = 0.0

    def run(
        self, features: FeatureFile, held_out: FeatureBlock, on_progress: Callable[..., None]
    ) -> list[LearningPoint]:
        """Pass over the file until the end or until the held-out rows stop gaining.

        Returns:
            A point for each epoch.

        Raises:
            DivergedError: a loss is no finite number.
        """
        positive = features.positive
        rows, share = positive.size, float(positive.mean())
        step_rows = max(min(self._pace.step_rows, rows // _STEPS), 1)
        importance = (0.5 / (1 - share), 0.5 / share) if self._pace.balance else (1.0, 1.0)
        best = (np.inf, self.weights, self.intercept)
        history: list[LearningPoint] = []
        waited = 0
        for epoch in range(self._pace.epochs):
            totals = np.zeros(2)
            done = 0
            for number in self._random.permutation(len(features)):
                block = features.block(int(number))
                ends = (done, done + block.positive.size)
                rates = [(epoch + end / rows) / self._pace.epochs for end in ends]
                totals += self._block(block, importance, step_rows, (1 - rates[0], 1 - rates[1]))
                done += block.positive.size
                on_progress(block.positive.size, rows * (self._pace.epochs + 1))
            if self._pace.weight_decay:
                self.weights *= np.float32(1 / (1 + self._pace.weight_decay))
            metrics = {"train_log_loss": totals[0] / rows, "train_accuracy": totals[1] / rows}
            if held_out.positive.size:
                metrics |= self._held_out(held_out)
            history.append(LearningPoint(rows * (epoch + 1), metrics))
            loss = metrics.get("validation_log_loss", metrics["train_log_loss"])
            _refuse_infinite(loss, epoch)
            waited = 0 if loss < best[0] - _GAIN else waited + 1
            if loss < best[0]:
                best = (loss, self.weights.copy(), self.intercept)
            if waited >= self._pace.patience:
                break
        _, self.weights, self.intercept = best
        return history

    def _block(
        self,
        block: FeatureBlock,
        importance: tuple[float, float],
        step_rows: int,
        shares: tuple[float, float],
    ) -> npt.NDArray[np.float64]:
        """Take a step for each group of rows.

        It returns the sum of their losses and the number of right answers. Both are measured before
        a row is learned from, so they show how well new rows are judged, from the second epoch on
        those seen before.
        """
        offsets, size = block.buckets.offsets, block.positive.size
        scales = inverse_roots(offsets).astype(np.float32)  # (rows,)
        target = block.positive.astype(np.float32)  # (rows,), 1 for positive
        weight = np.where(block.positive, *importance[::-1]).astype(np.float32)
        starts = np.arange(0, size, step_rows)
        totals = np.zeros(2)
        # Steps come in random order: neighbouring rows of a source are alike.
        for place, start in enumerate(self._random.permutation(starts)):
            stop = min(start + step_rows, size)
            first, last = offsets[start], offsets[stop]
            indices = block.buckets.indices[first:last]  # (n-grams of the step,)
            within = offsets[start : stop + 1] - first  # (rows of the step + 1,)
            scale, truth = scales[start:stop], target[start:stop]
            sums = row_sums(self.weights.take(indices, mode="clip"), within)
            logit = scale * sums + np.float32(self.intercept)
            error = 1 / (1 + np.exp(-np.clip(logit, -_SAFE, _SAFE))) - truth
            rate = np.float32(self._pace.learning_rate * np.interp(place, (0, starts.size), shares))
            pull = -rate * weight[start:stop] * error  # (rows of the step,)
            # The gradient of a row's loss is the same for each of its n-grams; how far a bucket
            # goes along it is its own. One bucket may occur in many rows: add.at adds them all up.
            moves = np.repeat(pull * scale, np.diff(within))
            moves *= self._steps.take(indices, mode="clip")
            np.add.at(self.weights, indices, moves)
            self.intercept += _INTERCEPT_PACE * float(pull.sum())
            totals += _judged(logit, truth)
        return totals

    def _held_out(self, block: FeatureBlock) -> dict[str, float]:
        offsets = block.buckets.offsets
        sums = row_sums(self.weights.take(block.buckets.indices, mode="clip"), offsets)
        logit = inverse_roots(offsets).astype(np.float32) * sums + np.float32(self.intercept)
        loss, right = _judged(logit, block.positive.astype(np.float32)) / block.positive.size
        return {"validation_log_loss": float(loss), "validation_accuracy": float(right)}


def _judged(
    logit: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return the sum of the log losses, in nats, and how many rows were judged right."""
    losses = np.logaddexp(0, logit.astype(np.float64)) - truth * logit
    return np.array([losses.sum(), np.count_nonzero((logit >= 0) == (truth > 0))], np.float64)


def _refuse_infinite(loss: float, epoch: int) -> None:
    if not np.isfinite(loss):
        msg = f"Training diverged: the log loss of epoch {epoch + 1} is {loss}."
        raise DivergedError(msg, hint=DIVERGED_HINT)
