"""The hashed learner: what it counts, that it is reproducible, and how it stops."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from src.model.core.errors import DivergedError
from src.model.core.hashing import Buckets, buckets
from src.model.core.models.hashed import SentimentClassifier
from src.model.core.settings import HashedSettings
from src.model.data.synthetic import generate, parse
from src.model.learners.base import Reviews
from src.model.learners.calibration import abstain_band, platt
from src.model.learners.counts import COUNTS, unpacked_counts
from src.model.learners.feature_file import FeatureBlock, FeatureFile
from src.model.learners.hashed import HashedLearner, log_count_ratio
from src.model.training.examples import reviews
from tests.conftest import training

BLOCKS = {split: reviews(frame) for split, frame in generate(parse("synthetic:3000@5"))}


def learner(folder: Path, *, seed: int = 7, **changes: object) -> HashedLearner:
    base = {"bits": 16, "ngrams": 2, "smoothing": 1.0, "epochs": 2}
    pace = HashedSettings.model_validate(base | changes)
    return HashedLearner(pace, abstain_accuracy=0.97, seed=seed, cache_dir=folder)


def fit(learner: HashedLearner, validation: Reviews = BLOCKS["test"]) -> SentimentClassifier:
    def blocks() -> Iterator[Reviews]:
        yield BLOCKS["train"]

    model = learner.fit(blocks, validation, lambda *_: None).model
    assert isinstance(model, SentimentClassifier)
    return model


def weights(model: SentimentClassifier, folder: Path) -> bytes:
    model.save(folder, training())
    return (folder / "model.safetensors").read_bytes()


def test_the_same_seed_gives_bit_identical_weights(tmp_path: Path) -> None:
    """Nothing is left to chance; another seed does make another model."""
    first, second = (weights(fit(learner(tmp_path)), tmp_path / name) for name in "ab")
    other = weights(fit(learner(tmp_path, seed=8)), tmp_path / "c")

    assert first == second
    assert first != other


def test_the_log_count_ratio_is_the_papers() -> None:
    """r = log((p / |p|) / (q / |q|)) with smoothed counts."""
    counts = np.array([[0, 3], [4, 1]])  # negative rows, positive rows

    expected = np.log(np.array([5 / 7, 2 / 7]) / np.array([1 / 5, 4 / 5]))
    assert expected == pytest.approx(log_count_ratio(counts, 1.0))


def test_a_rate_far_too_high_is_stopped_with_a_sentence(tmp_path: Path) -> None:
    """Weights beyond what can be stored end the run with exit code 4 and leave no file behind."""
    with pytest.raises(DivergedError, match="diverged") as caught:
        fit(learner(tmp_path, epochs=3, learning_rate=1e30))

    assert 4 == caught.value.exit_code
    assert [] == list(tmp_path.iterdir())


def test_it_stops_where_validation_stops_gaining(tmp_path: Path) -> None:
    """With a wild step size later epochs gain nothing: it stops and keeps the best weights."""
    fitted = learner(tmp_path, epochs=40, learning_rate=300.0, patience=2).fit(
        lambda: iter([BLOCKS["train"]]), BLOCKS["test"], lambda *_: None
    )
    losses = [point.metrics["validation_log_loss"] for point in fitted.history]

    assert len(losses) < 40
    assert min(losses) not in losses[-2:]


def test_balance_lifts_the_rare_label(tmp_path: Path) -> None:
    """With nine negative rows to one positive, balanced training calls more of them positive."""
    train = BLOCKS["train"]
    rare = np.flatnonzero(train.positive)[::9]
    rows = np.sort(np.concatenate([np.flatnonzero(~train.positive), rare])).tolist()
    skewed = Reviews(
        [train.titles[i] for i in rows], [train.texts[i] for i in rows], train.positive[rows]
    )
    nothing = Reviews([], [], np.zeros(0, np.bool_))
    means = []
    for balance in (False, True):
        made = learner(tmp_path, balance=balance, epochs=1).fit(
            lambda: iter([skewed]), nothing, lambda *_: None
        )
        found = made.model.read(BLOCKS["test"].titles, BLOCKS["test"].texts)
        means.append(found.probability.mean())

    assert means[0] < means[1]


def test_the_state_is_what_was_counted(tmp_path: Path) -> None:
    """The counts of both labels stand beside the model; beside a pruned one stands nothing."""
    train = BLOCKS["train"]
    full, small = (
        learner(tmp_path, max_bytes=size).fit(
            lambda: iter([train]), BLOCKS["test"], lambda *_: None
        )
        for size in (0, 40_000)
    )
    content = full.state[COUNTS]()
    digest = hashlib.sha256(content).hexdigest()
    counts = unpacked_counts(content, tmp_path / COUNTS, 16, digest)
    found = buckets(train.titles, train.texts, bits=16, n=2)
    of_row = np.repeat(train.positive, np.diff(found.offsets))

    assert {COUNTS} == set(full.state)
    assert {} == small.state
    for label in (0, 1):
        expected = np.bincount(found.indices[of_row == label], minlength=1 << 16)
        assert expected.tolist() == counts[label].tolist()


def test_a_pruned_model_is_small_and_nearly_as_good(tmp_path: Path) -> None:
    """`max_bytes` bounds the files; the decisions hardly change."""
    full, small = fit(learner(tmp_path)), fit(learner(tmp_path, max_bytes=40_000))
    small.save(tmp_path / "small", training())
    test = BLOCKS["test"]
    accuracy = [
        ((m.read(test.titles, test.texts).probability >= 0.5) == test.positive).mean()
        for m in (full, small)
    ]

    assert sum(path.stat().st_size for path in (tmp_path / "small").iterdir()) <= 40_000
    assert accuracy[1] > accuracy[0] - 0.02


def test_calibrated_probabilities_mean_what_they_say(tmp_path: Path) -> None:
    """On the rows it was calibrated on, the mean probability is the share of positive rows."""
    test = BLOCKS["test"]
    probability = fit(learner(tmp_path)).read(test.titles, test.texts).probability

    assert test.positive.mean() == pytest.approx(probability.mean(), abs=0.01)


def test_platt_finds_the_line_the_labels_were_drawn_from() -> None:
    """Labels drawn with logit 2 x - 1 give slope 2 and intercept -1 back."""
    random = np.random.default_rng(0)
    scores = random.normal(0, 2, 200_000)
    positive = random.random(scores.size) < 1 / (1 + np.exp(1 - 2 * scores))

    assert (2, -1) == pytest.approx(platt(scores, positive), abs=0.05)


@pytest.mark.parametrize(
    ("scores", "positive"),
    [([], []), ([1.0, 2.0], [True, True]), ([1.0, -1.0, 2.0, -2.0], [False, True, False, True])],
)
def test_platt_leaves_scores_that_tell_nothing_as_they_are(
    scores: list[float], positive: list[bool]
) -> None:
    """No rows, one label, or scores that point the wrong way."""
    assert (1.0, 0.0) == platt(np.array(scores), np.array(positive, np.bool_))


def test_platt_stays_finite_where_scores_separate_the_labels() -> None:
    """Perfect scores do not send the slope to infinity."""
    slope, _ = platt(
        np.array([-9.0, -8.0, 8.0, 9.0] * 50), np.array([False, False, True, True] * 50)
    )

    assert 0 < slope < 10


def test_the_band_gives_up_the_fewest_rows_that_do() -> None:
    """Outside of it the decisions reach the accuracy; without need there is no band."""
    probability = np.array([0.99, 0.01, 0.9, 0.1, 0.9, 0.2, 0.7, 0.55])
    positive = np.array([True, False, True, False, True, False, False, True])

    assert pytest.approx((0.2, 0.8)) == abstain_band(probability, positive, 0.9)
    assert (0.5, 0.5) == abstain_band(probability, positive, 0.8)
    assert (0.5, 0.5) == abstain_band(np.zeros(0), np.zeros(0, np.bool_), 0.9)


def test_the_band_is_never_so_wide_that_the_model_is_no_help() -> None:
    """Three quarters of the rows stay decided, and so does what is nine tenths sure."""
    random = np.random.default_rng(3)
    probability = random.uniform(0.3, 0.7, 1_000)
    sure = np.where(random.random(1_000) < 0.5, 0.95, 0.05)
    wrong = np.zeros(1_000, np.bool_)
    low, high = abstain_band(probability, wrong, 0.97)

    assert 250 == np.count_nonzero((probability > low) & (probability < high))
    assert pytest.approx((0.101, 0.899)) == abstain_band(sure, wrong, 0.97)


def test_feature_blocks_come_back_as_they_went_in(tmp_path: Path) -> None:
    """In any order, empty ones too; and the file has no name to be left behind."""
    blocks = [
        FeatureBlock(Buckets(np.arange(n, dtype=np.uint32), np.array([0, n])), np.array([bool(n)]))
        for n in (5, 0, 3)
    ]
    with FeatureFile(tmp_path / "new") as features:
        for block in blocks:
            features.append(block)
        assert [] == list((tmp_path / "new").iterdir())
        assert [[0, 1, 2], [], [0, 1, 2, 3, 4]] == [
            features.block(i).buckets.indices.tolist() for i in (2, 1, 0)
        ]
        assert [True, False, True] == features.positive.tolist()
