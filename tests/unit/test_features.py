"""Hashed n-grams: the same for one review and for a million, and as the plain definition says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.core import hashing
from src.model.core.hashing import BASE, MIX, Buckets, bucket_chunks, buckets
from src.model.core.text import clean, ngrams, tokens

BITS, N = 22, 3
WORDS = st.sampled_from(
    ["good", "Not", "it's", "it’s", "!", "?!", "5", " ", "  ", "\\n", "&amp;", "&", "&eacute;t",
     '""', "Größe", "İ", "ΣΑΣ", "本", "👍🏽", "e\u0301", "\u0301", "\0", "\x1f", "_", "ﬁ",
     "\ud7ff", "a" * 300, "…", ".", ",", "\u2003",
     "★", ":)", ":", "-(", ")", "<3", "<br />", "<", "<b",
     ">", "don`t", "`", "don´t", "\u00ad", "\u200b", "â€™", "[[ASIN:B0 x]]", "="]
)  # fmt: skip
FIELD = st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=30)
REVIEWS = st.lists(st.tuples(FIELD, FIELD), max_size=8)
MODULUS = 1 << 64


def token_hash(token: str) -> int:
    """The definition, one byte after the other."""
    value = (
        sum(byte * pow(BASE, place, MODULUS) for place, byte in enumerate(token.encode())) % MODULUS
    )
    value ^= value >> 32
    value = value * BASE % MODULUS
    return value ^ value >> 29


def expected_buckets(title: str, message: str) -> list[int]:
    found = []
    for words in map(tokens, clean(title, message)):
        hashes = [token_hash(word) for word in words]
        for start in range(len(words)):
            gram = hashes[start]
            for length in range(1, min(N, len(words) - start) + 1):
                if length > 1:
                    gram = (gram * MIX + hashes[start + length - 1]) % MODULUS
                found.append((gram * MIX % MODULUS) >> (64 - BITS))
    return found


def rows(found: Buckets) -> list[list[int]]:
    return [
        found.indices[a:b].tolist() for a, b in zip(found.offsets, found.offsets[1:], strict=False)
    ]


def hashed(reviews: list[tuple[str, str]]) -> list[list[int]]:
    return rows(
        buckets(
            [title for title, _ in reviews], [message for _, message in reviews], bits=BITS, n=N
        )
    )


@given(REVIEWS)
@settings(max_examples=400, deadline=None)
def test_buckets_are_what_the_definition_says(reviews: list[tuple[str, str]]) -> None:
    """The vectorised hash is the polynomial computed byte by byte over the clean fields' tokens."""
    assert [expected_buckets(*review) for review in reviews] == hashed(reviews)


@given(REVIEWS, st.randoms(use_true_random=False), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_any_order_and_any_chunking_give_the_same_buckets(reviews, random, size: int) -> None:  # type: ignore[no-untyped-def]
    """A review's buckets depend on nothing but the review."""
    shuffled = random.sample(reviews, len(reviews))
    alone = {review: hashed([review])[0] for review in reviews}
    titles, texts = [title for title, _ in shuffled], [message for _, message in shuffled]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "_CHUNK", size)
        chunks = [
            row for chunk in bucket_chunks(titles, texts, bits=BITS, n=N) for row in rows(chunk)
        ]

    assert [alone[review] for review in shuffled] == chunks


@given(FIELD, FIELD)
@settings(max_examples=300, deadline=None)
def test_raw_and_clean_fields_have_the_same_buckets(title: str, message: str) -> None:
    """Cleaning first changes nothing: the features clean what is given."""
    assert hashed([(title, message)]) == hashed([clean(title, message)])


@given(FIELD, FIELD)
@settings(max_examples=200, deadline=None)
def test_every_bucket_has_its_ngram(title: str, message: str) -> None:
    """`ngrams` names the buckets one by one, and equal n-grams share one."""
    names, (numbers,) = ngrams(title, message, N), hashed([(title, message)])

    assert len(names) == len(numbers)
    assert len(set(names)) == len(set(zip(names, numbers, strict=True)))


def test_buckets_never_change() -> None:
    """Saved models rely on these very numbers."""
    title = [2446836, 3364766, 1251432]  # not, not bad, bad
    message = [
        1119685,
        175685,
        3794670,
        113977,
        1729281,
        1586966,
    ]  # it's, it's ok, it's ok !, ok, ok !, !

    assert [[*title, *message]] == hashed([("Not bad", "it's ok!")])


def test_a_review_of_a_megabyte_is_hashed_like_its_parts() -> None:
    """Two fields of a megabyte each go through in one piece."""
    word = "wonderful "
    many = 100_000
    (long,) = hashed([(word * many, word * many)])
    (short,) = hashed([(word * 3, "")])

    assert 2 * (3 * many - 3) == len(long)
    assert set(short) == set(long)


def test_empty_reviews_keep_their_place() -> None:
    """No row is lost or shifted, wherever the empty ones stand."""
    assert [[], *hashed([("a", "b")]), [], *hashed([("", "c")]), []] == hashed(
        [("", ""), ("a", "b"), ("", ""), ("", "c"), (" ", "\x1f")]
    )
    assert ([], [0]) == (
        buckets([], [], bits=8, n=2).indices.tolist(),
        buckets([], [], bits=8, n=2).offsets.tolist(),
    )


def test_half_characters_separate_words() -> None:
    """A lone surrogate, as JSON can carry it, is no word and no crash."""
    assert hashed([("a b", " ")]) == hashed([("a\ud800b", "\udfff")])


def test_ngrams_stay_inside_their_field() -> None:
    """The title's last word and the text's first make no n-gram."""
    assert ["not", "not bad", "bad", "it's", "it's ok", "ok"] == ngrams("Not bad", "It's ok", 2)


@pytest.mark.parametrize("bits", [8, 26])
def test_buckets_fill_their_range(bits: int) -> None:
    """Numbers stay below 2**bits and spread over it evenly."""
    found = buckets([" ".join(map(str, range(20_000)))], [""], bits=bits, n=1).indices
    quarters = np.bincount(found >> (bits - 2), minlength=4)

    assert (20_000, 4) == (found.size, quarters.size)
    assert quarters.min() > 4_600
