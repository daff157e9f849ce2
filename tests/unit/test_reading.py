"""How a review is read: the same tokens and shares for every model, by the plain definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.core.hashing import hashed_tokens
from src.model.core.language import frequent_words
from src.model.core.languages import english, language_pack
from src.model.core.models.hashed import SentimentClassifier, Shape
from src.model.core.models.tfidf import TfidfClassifier
from src.model.core.reading import Readings, sigmoid
from src.model.core.records import Language
from src.model.core.served_model import ServedModel
from src.model.core.text import clean, clean_field, tokens

ENGLISH_WORDS, PORTUGUESE_WORDS = english(), language_pack("pt").language
STOP_WORDS = ENGLISH_WORDS.frequent_words
FREQUENT = frequent_words(ENGLISH_WORDS)
WEIGHTS = np.random.default_rng(5).normal(size=1 << 14).astype(np.float16)
HASHED = [SentimentClassifier(WEIGHTS, Shape(14, ngrams)) for ngrams in (1, 2, 3)]
TFIDF = TfidfClassifier(["good"], np.ones(1), np.ones(1), 0.0)

PIECES = st.sampled_from(
    ["the", "The", "tHe", "thé", "th", "them", "i", "I", "İ", "he", "she", "at", "was", "wasn't",
     "it's", "it’s", "good", "!", "?!", ".", ",", " ", "  ", "\\n", "&amp;", "&", "&eacute;t", '""',
     "本", "👍🏽", "e\u0301", "\0", "\x1f", "_", "5", "is", "-", "&quot;",
     "★", ":)", ":", "-(", ")", "<3", "<br />", "<", "<b",
     ">", "don`t", "`", "don´t", "\u00ad", "\u200b", "â€™", "[[ASIN:B0 x]]", "="]
)  # fmt: skip
FIELDS = st.lists(PIECES, max_size=15).map("".join) | st.text(max_size=40)

ENGLISH = [
    "This is the third kettle that I have bought and it still leaks at the lid.",
    "We were not happy with the seller, but they gave us our money back in a week.",
    "My daughter reads the book to her brother every night and he asks for more.",
    "Works as promised; the battery lasts two days, which is all I wanted.",
    "I would not buy it again: the zip broke on the first trip to the lake.",
    "You can hear every instrument, and the singing is as clear as on the record.",
]
PORTUGUESE = [
    "Comprei esta chaleira no mês passado e ela já vaza pela tampa todos os dias.",
    "O vendedor demorou muito para responder, mas devolveu o dinheiro em uma semana.",
    "Minha filha adora o livro e pede para ler a mesma história todas as noites.",
    "Funciona como prometido; a bateria dura dois dias, que era tudo o que eu queria.",
    "Não compraria de novo: o zíper quebrou na primeira viagem com as crianças.",
    "Dá para ouvir cada instrumento, e a voz ficou tão clara quanto no disco original.",
]


def listed(readings: Readings) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in vars(readings).items()}


@pytest.mark.parametrize("text", [*ENGLISH, *PORTUGUESE, "", "the", "It is the one I was after!"])
def test_a_reading_does_not_change_with_the_ngrams(text: str) -> None:
    """Three models that differ in their n-grams read the same; only what they conclude differs."""
    concluded = {"probability", "abstained"}
    unigrams, bigrams, trigrams = (listed(model.read(["So"], [text])) for model in HASHED)
    common = set(unigrams) - concluded

    assert {"title_tokens", "tokens", "unknown_share", "language_share"} == common
    for name in common:
        assert unigrams[name] == bigrams[name] == trigrams[name]


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=5))
@settings(max_examples=200, deadline=None)
def test_tokens_are_counted_in_the_clean_fields(reviews: list[tuple[str, str]]) -> None:
    """Every kind of model counts the tokens of title and text, as the text path in words does."""
    titles, texts = [title for title, _ in reviews], [text for _, text in reviews]
    fields = [clean(title, text) for title, text in reviews]
    of_title = [len(tokens(field.title)) for field in fields]
    of_both = [len(tokens(field.title)) + len(tokens(field.text)) for field in fields]
    models: list[ServedModel] = [*HASHED, TFIDF]

    for model in models:
        found = model.read(titles, texts)
        assert of_title == found.title_tokens.tolist()
        assert of_both == found.tokens.tolist()


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=5))
@settings(max_examples=40, deadline=None)
def test_probabilities_are_those_of_the_reading(reviews: list[tuple[str, str]]) -> None:
    """Whole tables are scored with the very numbers that the API answers, many chunks or one."""
    models: list[ServedModel] = [*HASHED, TFIDF]

    for times in (1, 400):
        titles = [title for title, _ in reviews] * times
        texts = [text for _, text in reviews] * times
        for model in models:
            found = model.probabilities(titles, texts)
            assert (len(titles),) == found.shape
            assert model.read(titles, texts).probability.tolist() == found.tolist()


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=5))
@settings(max_examples=200, deadline=None)
def test_the_language_share_is_that_of_frequent_words(reviews: list[tuple[str, str]]) -> None:
    """It is the share of tokens that are among the stop words, whatever model reads."""
    titles, texts = [title for title, _ in reviews], [text for _, text in reviews]
    words = [[*tokens(f.title), *tokens(f.text)] for f in (clean(*review) for review in reviews)]
    expected = [sum(w in set(STOP_WORDS) for w in found) / max(len(found), 1) for found in words]
    models: list[ServedModel] = [*HASHED, TFIDF]

    assert expected == FREQUENT.shares(hashed_tokens(titles, texts)).tolist()
    for model in models:
        assert expected == model.read(titles, texts).language_share.tolist()


@given(st.lists(PIECES | st.sampled_from(STOP_WORDS) | st.text(max_size=8), max_size=40))
@settings(max_examples=400, deadline=None)
def test_the_table_agrees_with_the_set(pieces: list[str]) -> None:
    """One look into the table says of every token what `token in set` says."""
    text = " ".join(pieces)
    words = tokens(clean_field(text))

    assert [word in STOP_WORDS for word in words] == FREQUENT.among(
        hashed_tokens([""], [text])
    ).tolist()


@pytest.mark.parametrize("language", [ENGLISH_WORDS, PORTUGUESE_WORDS])
def test_every_frequent_word_is_found(language: Language) -> None:
    """No two of them are the same, and each is one token that the table knows."""
    words, frequent = language.frequent_words, frequent_words(language)
    found = hashed_tokens(words, [""] * len(words))

    assert len(set(words)) == len(words) == found.hashes.size
    assert frequent.among(found).all()
    assert not frequent.among(hashed_tokens(["a as me no so"], [""])).any()


def test_reviews_of_another_language_look_like_it() -> None:
    """Portuguese ones to an English table and the reverse, wherever they stand among others."""
    texts = [text for pair in zip(ENGLISH, PORTUGUESE, strict=True) for text in pair]
    portuguese = frequent_words(PORTUGUESE_WORDS)

    assert [False, True] * 6 == FREQUENT.lacking([""] * 12, texts).tolist()
    assert [False, True] * 6 == FREQUENT.lacking(texts, [""] * 12).tolist()
    assert [True, False] * 6 == portuguese.lacking([""] * 12, texts).tolist()
    assert [] == FREQUENT.lacking([], []).tolist()


def test_a_model_keeps_its_language() -> None:
    """What it reads is held against the words of that language, pruned or reshaped or not."""
    model = SentimentClassifier(WEIGHTS, Shape(14, 2), PORTUGUESE_WORDS)
    for kept in (model, model.reshaped(slope=2.0), model.pruned(24_000)):
        assert not kept.read([""] * 6, PORTUGUESE).other_language.any()
        assert kept.read([""] * 6, ENGLISH).other_language.all()
    assert HASHED[0].read([""] * 6, PORTUGUESE).other_language.all()


def test_short_reviews_look_like_any_language() -> None:
    """Under eight tokens, of title and text together, nothing can be said."""
    titles = ["Bom", "Muito bom", "Muito bom"]
    texts = ["Gostei deste livro.", "Gostei muito dele hoje.", "Gostei muito dele antes, hoje não."]

    assert [False, False, True] == FREQUENT.lacking(titles, texts).tolist()


def test_readings_of_parts_join_in_their_order() -> None:
    """Joined, the readings of parts are those of the whole; of no parts there are none."""
    model = HASHED[1]
    parts = [model.read([""] * 6, ENGLISH), model.read([], []), model.read([""] * 6, PORTUGUESE)]
    whole = model.read([""] * 12, [*ENGLISH, *PORTUGUESE])
    nothing = Readings.joined([])

    assert listed(whole) == listed(Readings.joined(parts))
    assert {name: [] for name in listed(whole)} == listed(nothing)
    assert [values.dtype for values in vars(whole).values()] == [
        values.dtype for values in vars(nothing).values()
    ]


def test_the_sigmoid_is_finite_everywhere() -> None:
    """Log-odds without bounds give probabilities within theirs, and no warning."""
    found = sigmoid(np.array([-1e308, -1_000.0, 0.0, 1_000.0, 1e308]))

    assert 0.5 == found[2]
    assert ((found >= 0) & (found <= 1)).all()
    assert sorted(found) == found.tolist()
