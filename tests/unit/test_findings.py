"""Near duplicates and suspicious labels: what is planted is found, what is not is not."""

import numpy as np
import pytest

from src.model.core.hashing import buckets
from src.model.data.synthetic import generate, parse
from src.model.evaluation.label_noise import suspicion
from src.model.evaluation.near_duplicates import _NONE, clusters, signatures

FRAME = next(generate(parse("synthetic:600@4")))[1]
TITLES, TEXTS = FRAME["title"].to_list(), FRAME["text"].to_list()


def test_a_changed_word_is_found_and_strangers_are_not() -> None:
    """Each of thirty reviews and its twin with a word more share a cluster of two."""
    twins = [f"{text} Honestly." for text in TEXTS[:30]]
    found = clusters(signatures([*TITLES, *TITLES[:30]], [*TEXTS, *twins], seed=1))

    assert all(found[i] == found[len(TEXTS) + i] >= 0 for i in range(30))
    assert 30 == len(set(found[:30]))
    assert (found[30:600] >= 0).mean() < 0.05


def test_exact_duplicates_in_any_number_are_one_cluster() -> None:
    """Fifty equal reviews are linked, not compared each with each."""
    found = clusters(
        signatures(["Title"] * 50 + TITLES[:5], [TEXTS[0]] * 50 + TEXTS[100:105], seed=1)
    )

    assert 1 == len(set(found[:50]))
    assert [-1] * 5 == found[50:].tolist()


def test_short_reviews_are_not_compared() -> None:
    """Two words are alike by chance."""
    marks = signatures(["", ""], ["Great!", "Great!"], seed=1)

    assert (marks == _NONE).all()
    assert [-1, -1] == clusters(marks).tolist()


def test_nothing_at_all() -> None:
    """No reviews have no clusters."""
    assert [] == clusters(signatures([], [], seed=1)).tolist()


def test_agreement_estimates_the_jaccard_similarity() -> None:
    """The share of equal minima is close to the share of common n-grams."""
    half = [*TEXTS[0].split()[:40], *TEXTS[1].split()[:40]]
    pair = [" ".join(half), " ".join([*half[:60], *TEXTS[2].split()[:20]])]
    marks = [signatures(["", ""], pair, seed=seed) for seed in range(20)]
    found = buckets(["", ""], pair, bits=32, n=3)
    first, second = (
        set(found.indices[found.offsets[i] : found.offsets[i + 1]].tolist()) for i in (0, 1)
    )

    assert np.mean([(m[0] == m[1]).mean() for m in marks]) == pytest.approx(
        len(first & second) / len(first | second), abs=0.03
    )


def test_flipped_labels_are_suspicious() -> None:
    """Of a thousand sure rows, those whose label says the opposite are named, and nobody else."""
    random = np.random.default_rng(2)
    truth = random.random(1_000) < 0.5
    probability = np.where(truth, 0.95, 0.05) + random.normal(0, 0.02, truth.size)
    given = truth.copy()
    given[:50] = ~given[:50]
    found = suspicion(given, probability)

    assert list(range(50)) == np.flatnonzero(found.suspicious).tolist()
    assert found.self_confidence[:50].max() < 0.2 < found.self_confidence[50:].min()


def test_one_label_cannot_be_doubted() -> None:
    """Without the other label there is no usual confidence to compare with."""
    assert not suspicion(np.ones(5, np.bool_), np.full(5, 0.01)).suspicious.any()
