"""Markup, look-alikes and symbols: what a review means does not hang on how it was typed."""

import time

import pytest

from src.model.core.text import clean_field, tokens

WORDS = ["i", "don't", "like", "it"]


@pytest.mark.parametrize(
    "sign",
    ["'", "\u2019", "\u2018", "\u00b4", "`", "\u2032", "\u02bc", "\uff07", "\u201b", "\u02b9",
     "&#39;", "&rsquo;", "\u00e2\u20ac\u2122", "\u00e2\u0080\u0099"],
)  # fmt: skip
def test_apostrophes_that_look_alike_are_one(sign: str) -> None:
    """Acute, grave, prime, modifier letter, an entity, UTF-8 read as something else."""
    assert WORDS == tokens(clean_field(f"I don{sign}t like it"))


@pytest.mark.parametrize(
    "sign",
    ["\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u202e", "&shy;", "\ufe0f"],
)
def test_what_nobody_sees_does_not_cut_a_word(sign: str) -> None:
    """A soft hyphen does not turn "unhappy" into praise."""
    assert ["unhappy"] == tokens(clean_field(f"un{sign}happy"))


@pytest.mark.parametrize(
    "tag",
    ["<br />", "<br>", "<BR/>", "<p>", "</p>", '<a href="http://x.y/?q=1">', "</a>",
     "&lt;br /&gt;",
     "[[VIDEOID:1a2b]]", "[[ASIN:B00 Great great great]]", "<span class='a'>",
     "&amp;lt;br&amp;gt;"],
)  # fmt: skip
def test_markup_is_no_word(tag: str) -> None:
    """Known tags separate words and are none."""
    assert ["good", "bad"] == tokens(clean_field(f"Good{tag}bad"))


@pytest.mark.parametrize("text", ["a < b", "<sigh>", "x <- y", "[sic]", "a <thebook> b", "< br >"])
def test_what_is_no_known_tag_stays(text: str) -> None:
    """An angle bracket is not yet markup."""
    assert text == clean_field(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":)", ["🙂"]), (":-)", ["🙂"]), (";)", ["🙂"]), ("=D", ["🙂"]), (":))))", ["🙂"]),
        (":(", ["🙁"]), (":-((", ["🙁"]), (":'(", ["🙁"]), (":/", ["😕"]), ("<3", ["❤"]),
        ("great:)", ["great", "🙂"]), ("\uff1a\uff09", ["🙂"]),
        ("★", ["★"]), ("☆", ["☆"]), ("⭐️", ["⭐"]),
        ("★★★★★", ["5", "stars"]), ("★★☆☆☆", ["2", "stars"]), ("★☆☆☆☆", ["1", "star"]),
        ("⭐️⭐️⭐️", ["3", "stars"]), ("★★★★★★", ["★"] * 6), ("☆☆", ["☆"] * 2),
        ("❤️", ["❤"]), ("👍🏽", ["👍"]),
        ("😀😡", ["😀", "😡"]), ("so😀good", ["so", "😀", "good"]),
        ("http://a.b", ["http", "a", ".", "b"]), ("size:D", ["size", "d"]),
        ("10:30", ["10", "30"]),
        ("pros: (good)", ["pros", "good"]), ("a=b", ["a", "b"]), ("x:/y", ["x", "y"]),
    ],
)  # fmt: skip
def test_symbols_and_faces_are_tokens(text: str, expected: list[str]) -> None:
    """Each emoji, star and emoticon is a token; addresses, times and lists hold no faces."""
    assert expected == tokens(clean_field(text))


@pytest.mark.parametrize("piece", ["<b", "&amp;", "<", "[[", "&lt;", "<b>", ":", "`a", "â"])
def test_hostile_nesting_takes_linear_time(piece: str) -> None:
    """Text made to uncover ever more markup is clean after a few passes, and stays so."""
    text = piece * 20_000 + ">" * 20_000 + "]]" * 20_000
    begun = time.process_time()
    once = clean_field(text)

    assert time.process_time() - begun < 5
    assert once == clean_field(once)
