"""The served tfidf model: the numbers of scikit-learn, exact explanations, damage refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from src.model.core.digest import sha256
from src.model.core.errors import ModelError
from src.model.core.models import load_model
from src.model.core.models.tfidf import NGRAMS, TfidfClassifier
from src.model.core.text import clean, ngrams, tokens
from src.model.data.synthetic import generate, parse
from src.model.training.examples import reviews
from tests.conftest import describe, flip, training

BLOCKS = {split: reviews(frame) for split, frame in generate(parse("synthetic:1500@3"))}
ODD = [
    ("", ""),
    ("😀", "\x1f"),
    ("Zyzzyva", "qwertz uiop"),
    ("Great", "great GREAT great, great &amp; great!"),
    ("It is not", "good"),
    ("", "It is not good"),
    ("İstanbul ΣΑΣ", "größe 本"),
]
TITLES = [*BLOCKS["test"].titles, *(title for title, _ in ODD)]
TEXTS = [*BLOCKS["test"].texts, *(text for _, text in ODD)]

Arrays = dict[str, npt.NDArray[np.generic]]


def analyzer(review: tuple[str, str]) -> list[str]:
    return ngrams(*review, NGRAMS)


class Peer:
    """TF-IDF and logistic regression as scikit-learn has them, on the vocabulary of the model."""

    def __init__(self) -> None:
        train = BLOCKS["train"]
        self._counts = CountVectorizer(analyzer=analyzer, min_df=2, dtype=np.float64)
        self._tfidf = TfidfTransformer(sublinear_tf=True)
        pairs = list(zip(train.titles, train.texts, strict=True))
        features = self._tfidf.fit_transform(self._counts.fit_transform(pairs))
        self._regression = LogisticRegression(C=8.0, max_iter=500).fit(features, train.positive)

    def probability(self, titles: list[str], texts: list[str]) -> npt.NDArray[np.float64]:
        pairs = list(zip(titles, texts, strict=True))
        features = self._tfidf.transform(self._counts.transform(pairs))
        found: npt.NDArray[np.float64] = self._regression.predict_proba(features)[:, 1]
        return found

    @property
    def vocabulary(self) -> list[str]:
        return [str(ngram) for ngram in self._counts.get_feature_names_out()]

    def model(self) -> TfidfClassifier:
        coefficients, (intercept,) = self._regression.coef_[0], self._regression.intercept_
        return TfidfClassifier(self.vocabulary, self._tfidf.idf_, coefficients, float(intercept))


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def model(peer: Peer) -> TfidfClassifier:
    return peer.model()


@pytest.fixture
def folder(model: TfidfClassifier, tmp_path: Path) -> Path:
    model.save(tmp_path, training())
    return tmp_path


def test_probabilities_are_those_of_scikit_learn(peer: Peer, folder: Path) -> None:
    """Saved and loaded, the model judges as the library that it was trained with."""
    found = load_model(folder).read(TITLES, TEXTS)

    expected = np.where(found.abstained, 0.5, peer.probability(TITLES, TEXTS))

    assert expected == pytest.approx(found.probability, rel=0, abs=1e-12)
    assert found.abstained.sum() < len(TITLES) / 10
    assert len(set(found.probability.tolist())) > 140


def test_explanations_add_up_to_the_log_odds(model: TfidfClassifier) -> None:
    """What the n-grams and the intercept bring is the log-odds, nothing else."""
    found = [model.explain(title, text) for title, text in zip(TITLES, TEXTS, strict=True)]
    probability = model.read(TITLES, TEXTS).probability

    assert np.log(probability / (1 - probability)) == pytest.approx(
        np.array([one.log_odds for one in found]), rel=0, abs=1e-9
    )
    assert all(one.exact for one in found)
    assert list(map(clean, TITLES, TEXTS)) == [one.review for one in found]


@pytest.mark.parametrize(("title", "text"), [*ODD, ("Not bad", "Not bad &amp; not dear")])
def test_explanations_have_every_place(
    peer: Peer, model: TfidfClassifier, title: str, text: str
) -> None:
    """Each known n-gram has as many places as it occurs, and there the review has its tokens."""
    found = model.explain(title, text)
    listed = [ngram for ngram in ngrams(title, text, NGRAMS) if ngram in set(peer.vocabulary)]
    fields = found.review._asdict()
    sizes = [abs(part.weight) for part in found.contributions]

    assert set(listed) == {part.ngram for part in found.contributions}
    assert sorted(sizes, reverse=True) == sizes
    for part in found.contributions:
        assert listed.count(part.ngram) == len(set(part.places))
        for place in part.places:
            assert part.ngram == " ".join(tokens(fields[place.field][place.start : place.end]))


def test_unknown_words_are_those_outside_the_vocabulary(peer: Peer, model: TfidfClassifier) -> None:
    """The share is of a review's tokens; nothing is unknown in an empty review."""
    found = model.read(TITLES, TEXTS)
    words = [ngrams(title, text, 1) for title, text in zip(TITLES, TEXTS, strict=True)]
    known = set(peer.vocabulary)
    expected = [sum(w not in known for w in listed) / max(len(listed), 1) for listed in words]

    assert expected == found.unknown_share.tolist()
    assert 1.0 == model.read(["Zyzzyva"], ["qwertz uiop"]).unknown_share[0]
    assert [not known & set(listed) for listed in words] == found.abstained.tolist()


def _without(folder: Path, name: str) -> None:
    path = folder / "model.json"
    kept = {key: value for key, value in json.loads(path.read_text()).items() if key != name}
    path.write_text(json.dumps(kept))


def _signed(folder: Path) -> None:
    """Let the description vouch for the present file."""
    describe(folder, sha256={"model.safetensors": sha256(folder / "model.safetensors")})


def _foreign(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no tensors at all")
    _signed(folder)


def _arrays(folder: Path, change: Callable[[Arrays], Arrays]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path)
    _signed(folder)


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: (f / "model.json").unlink(), "model.json is missing"),
    (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    (lambda f: flip(f / "model.safetensors"), "has changed since it was saved"),
    (lambda f: (f / "model.json").write_text("{"), "is damaged"),
    (lambda f: describe(f, format=99), "has format 99"),
    (lambda f: describe(f, sha256={}), "names no digest of model.safetensors"),
    (lambda f: describe(f, reader="later"), "'later', which this version does not know"),
    (lambda f: describe(f, reader="", learner="later"), "'later', which this version does not"),
    (lambda f: describe(f, reader="hashed"), "was trained with another hash function: None"),
    (lambda f: describe(f, intercept="much"), "describes its model wrongly: intercept"),
    (lambda f: describe(f, intercept=float("inf")), "describes its model wrongly: intercept"),
    (lambda f: _without(f, "intercept"), "describes its model wrongly: intercept"),
    (_foreign, "model.safetensors cannot be read"),
    (lambda f: _arrays(f, lambda a: {"idf": a["idf"]}), "holds idf, not coefficients, idf, voc"),
    (lambda f: _arrays(f, lambda a: a | {"idf": a["idf"].astype(np.float32)}), "type float32"),
    (lambda f: _arrays(f, lambda a: a | {"idf": a["idf"].reshape(1, -1)}), r"shape \(1, "),
    (lambda f: _arrays(f, lambda a: a | {"idf": a["idf"][1:]}), "do not fit each other"),
    (lambda f: _arrays(f, lambda a: a | {"vocabulary": a["vocabulary"][:0]}), "do not fit each"),
    (
        lambda f: _arrays(f, lambda a: a | {"coefficients": np.full_like(a["idf"], np.nan)}),
        "no finite numbers",
    ),
    (
        lambda f: _arrays(f, lambda a: a | {"vocabulary": np.full(9, 0xFF, np.uint8)}),
        "holds words that are no text",
    ),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_damaged_model_is_refused(
    folder: Path, damage: Callable[[Path], object], said: str
) -> None:
    """A missing file, a flipped byte, another format, an unknown learner: each has its sentence."""
    damage(folder)

    with pytest.raises(ModelError, match=said):
        load_model(folder)
