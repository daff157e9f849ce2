"""The text path: what cleaning undoes, that it is idempotent, and what a token is."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.core.text import (
    BORDER,
    clean,
    clean_field,
    document,
    ngram_places,
    ngrams,
    token_spans,
    tokens,
)

PIECES = st.sampled_from(
    ["&", "amp;", "#38;", "#x26;", "lt;", ";", "\\", "n", '"', '""', " ", "\u0301", "a", "é",
     "\uff06", "´", "\x1f", "\x85", "ﷺ", "&am", "#112;", "\0", "\uff3c", "&quot;", "&#35;",
     "\u2003", "&nbsp;", "😀", "👍🏽", "<", "br", " />", "<br />", ">", "[[", "ASIN:", "]]", ":",
     "-", ")", "(", "<3", "=", "D", "`", "\u2032", "\u00ad", "\u200d", "\ufe0f", "★", "â€™"]
)  # fmt: skip

SOME = st.text(st.sampled_from("ab IİßΣς'’.!?\"\\n&amp;😀é"), max_size=40)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("first\\nsecond", "first second"),
        ('a ""quoted"" word', 'a "quoted" word'),
        ("mom &amp; dad", "mom & dad"),
        ("3 &lt; 4 &gt; 2", "3 < 4 > 2"),
        ("&amp;lt;3 inches&amp;gt;", "\u2764 inches>"),
        ("5 &amp;lt; 6", "5 < 6"),
        ("caf&eacute; &#233;", "café é"),
        ("ﬁne  ２０", "fine 20"),
        ("  many \t blanks\u00a0here ", "many blanks here"),
        ("AT&T and R&D;", "AT&T and R&D;"),
        ("", ""),
        ("None", "None"),
    ],
)
def test_cleaning_undoes_escapes(raw: str, expected: str) -> None:
    """Escapes, entities, compatibility forms and white space become plain text, which stays."""
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


@pytest.mark.parametrize(
    "nested", ["&" + "amp;" * 200_000 + "lt;", "&amp;" * 200_000, "é&#35;38;" * 100_000]
)
def test_deeply_nested_entities_take_linear_time(nested: str) -> None:
    """A megabyte of nested escapes is cleaned in about the time it takes to read, not in hours."""
    begun = time.process_time()
    once = clean_field(nested)

    assert once == clean_field(once)
    assert time.process_time() - begun < 60


def test_title_and_text_stay_apart() -> None:
    """Both fields are cleaned on their own."""
    assert ("It's & great", "1 2") == clean("It's &amp; great", "1\\n2")


def test_tokens_are_words_and_telling_marks() -> None:
    """Letters, digits and apostrophes make words; `! ? . ,` stand alone; all else separates."""
    assert ["don't", "buy", "!", "!", "5", "stars", "?", "no", ",", "0", "."] == tokens(
        "DON'T buy!! 5-stars? No, 0."
    )


def test_tokens_know_other_scripts_and_typographic_apostrophes() -> None:
    """Words of other scripts are words, and so is one with a curly apostrophe."""
    assert ["it's", "größe", "本", "😀", "é"] == tokens("It’s GRÖßE 本😀 É")


@given(SOME)
def test_tokens_stand_where_their_spans_say(text: str) -> None:
    """The spans are the tokens in order; cut out of the clean field they fold to the same word."""
    field = clean("", text).text
    spans = token_spans(field)

    assert tokens(field) == [word for word, _, _ in spans]
    # A sigma at a word's end looks otherwise when it is cut off.
    cut = [tokens(field[start:end]) for _, start, end in spans]
    assert [[word.replace("ς", "σ")] for word, _, _ in spans] == [
        [w.replace("ς", "σ") for w in words] for words in cut
    ]


@given(SOME, SOME)
def test_ngrams_have_a_place_each(title: str, text: str) -> None:
    """The places are those of the n-grams in their order, from their first token to their last."""
    fields = clean(title, text)
    found = ngram_places(fields, 3)
    spans = {name: token_spans(field) for name, field in zip(fields._fields, fields, strict=True)}
    starts = {(name, start) for name, listed in spans.items() for _, start, _ in listed}
    ends = {(name, end) for name, listed in spans.items() for _, _, end in listed}

    assert ngrams(title, text, 3) == [ngram for ngram, _ in found]
    assert {(place.field, place.start) for _, place in found} == starts
    assert {(place.field, place.end) for _, place in found} == ends
