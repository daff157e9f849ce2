"""The text path: what cleaning undoes, that it is idempotent, and what a token is."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.text import BORDER, clean, clean_field, document, tokens

PIECES = st.sampled_from(
    ["&", "amp;", "#38;", "#x26;", "lt;", ";", "\\", "n", '"', '""', " ", "\u0301", "a", "é", "\uff06", "´", "\x1f",
     "\x85", "ﷺ", "&am", "#112;", "\0", "\uff3c", "&quot;", "&#35;", "\u2003", "&nbsp;", "😀", "👍🏽"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("first\\nsecond", "first second"),
        ('a ""quoted"" word', 'a "quoted" word'),
        ("mom &amp; dad", "mom & dad"),
        ("3 &lt; 4 &gt; 2", "3 < 4 > 2"),
        ("&amp;lt;b&amp;gt;", "<b>"),
        ("caf&eacute; &#233;", "café é"),
        ("ﬁne  ２０", "fine 20"),
        ("  many \t blanks\u00a0here ", "many blanks here"),
        ("AT&T and R&D;", "AT&T and R&D;"),
        ("", ""),
        ("None", "None"),
    ],
)
def test_cleaning_undoes_escapes(raw: str, expected: str) -> None:
    """Escapes, entities, compatibility forms and white space become plain text; plain text stays."""
    assert expected == clean_field(raw)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
@settings(max_examples=1500)
def test_cleaning_is_idempotent(raw: str) -> None:
    """Cleaning what is clean changes nothing, so preprocessing and model may both clean."""
    once = clean_field(raw)

    assert once == clean_field(once)


@given(st.text(max_size=80))
def test_the_border_never_occurs_in_a_field(raw: str) -> None:
    """A document has exactly one border, whatever the reviewer typed."""
    assert 1 == document(raw, raw + BORDER).count(BORDER)


@pytest.mark.parametrize("nested", ["&" + "amp;" * 200_000 + "lt;", "&amp;" * 200_000, "é&#35;38;" * 100_000])
def test_deeply_nested_entities_take_linear_time(nested: str) -> None:
    """A megabyte of nested escapes is cleaned in about the time it takes to read it, not in hours."""
    begun = time.perf_counter()
    once = clean_field(nested)

    assert once == clean_field(once)
    assert time.perf_counter() - begun < 30


def test_title_and_text_stay_apart() -> None:
    """Both fields are cleaned on their own."""
    assert ("It's & great", "1 2") == clean("It's &amp; great", "1\\n2")


def test_tokens_are_words_and_telling_marks() -> None:
    """Letters, digits and apostrophes make words; ! ? . , stand alone; everything else separates."""
    assert ["don't", "buy", "!", "!", "5", "stars", "?", "no", ",", "0", "."] == tokens("DON'T buy!! 5-stars? No, 0.")


def test_tokens_know_other_scripts_and_typographic_apostrophes() -> None:
    """Words of other scripts are words, and so is one with a curly apostrophe."""
    assert ["it's", "größe", "本", "é"] == tokens("It’s GRÖßE 本 😀 É")
