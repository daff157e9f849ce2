"""The classifier: exact explanations, damaged files that are refused, and its pruned variant."""

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from src.model.core.digest import sha256
from src.model.core.errors import ModelError
from src.model.core.labels import label_names
from src.model.core.models import load_artifact, load_model
from src.model.core.models.hashed import SentimentClassifier, Shape
from src.model.core.ragged import inverse_roots, row_shares, row_sums
from src.model.core.text import clean, ngrams, tokens
from tests.conftest import describe, flip, training

BITS = 16
SHAPE = Shape(BITS, 3, slope=1.25, intercept=-0.3, band=(0.4, 0.6))
WEIGHTS = np.random.default_rng(3).normal(0, 3, 1 << BITS).astype(np.float16)
MODEL = SentimentClassifier(WEIGHTS, SHAPE)
TEXTS = ("I love it, but it broke!", "", "not good", "good good good", "🙂 Größe &amp; more", "\0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MODEL.save(tmp_path, training())
    return tmp_path


def loaded(folder: Path) -> SentimentClassifier:
    model = load_model(folder)
    assert isinstance(model, SentimentClassifier)
    return model


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_contributions_add_up_to_the_logit(title: str, text: str) -> None:
    """What the n-grams and the intercept bring is the logit, nothing else."""
    found = MODEL.explain(title, text)
    (logit,) = MODEL.logits([title], [text]).tolist()

    assert logit == pytest.approx(found.log_odds, abs=1e-6)
    assert found.exact
    assert (SHAPE.intercept if logit else 0.0) == found.intercept
    assert clean(title, text) == found.review
    assert {part.ngram for part in found.contributions} <= set(ngrams(title, text, 3))


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_every_contribution_stands_at_each_of_its_places(title: str, text: str) -> None:
    """Each n-gram has as many places as it occurs, and there the clean review has its tokens."""
    found = MODEL.explain(title, text)
    listed = ngrams(title, text, 3)
    fields = found.review._asdict()

    for part in found.contributions:
        assert listed.count(part.ngram) == len(set(part.places))
        for place in part.places:
            cut = fields[place.field][place.start : place.end]
            # A sigma at a word's end looks otherwise when it is cut off.
            assert part.ngram.replace("ς", "σ") == " ".join(tokens(cut)).replace("ς", "σ")


def test_contributions_are_sorted_by_weight() -> None:
    """The n-grams that decided come first; a repeated one comes once."""
    parts = MODEL.explain("good", "good good, bad").contributions
    sizes = [abs(part.weight) for part in parts]

    assert sizes == sorted(sizes, reverse=True)
    assert len(parts) == len({part.ngram for part in parts})


def test_scores_do_not_depend_on_neighbours_or_threads() -> None:
    """Alone, together, in any order, from eight threads: bit-equal."""
    texts = [f"{text} {number}" for number in range(300) for text in TEXTS]
    titles = texts[::-1]
    together = MODEL.read(titles, texts)
    turned = MODEL.read(titles[::-1], texts[::-1])
    with ThreadPoolExecutor(8) as threads:
        pairs = zip(titles, texts, strict=True)
        alone = list(threads.map(lambda pair: MODEL.read([pair[0]], [pair[1]]), pairs))

    for field in dataclasses.fields(together):
        values = getattr(together, field.name)
        assert values.tolist() == [getattr(one, field.name)[0] for one in alone]
        assert values[::-1].tolist() == getattr(turned, field.name).tolist()


def test_a_saved_model_scores_bit_equally(folder: Path) -> None:
    """Loading gives the very same numbers; calibration, band and the record come along."""
    model, (_, artifact) = loaded(folder), load_artifact(folder)
    described = json.loads((folder / "model.json").read_text())

    assert SHAPE == model.shape
    assert MODEL.logits(TEXTS, TEXTS).tolist() == model.logits(TEXTS, TEXTS).tolist()
    assert training() == artifact.training
    assert "0" == described["training"]["parameters"]["batches"]


def test_a_loaded_model_depends_on_no_file(folder: Path) -> None:
    """All files are in memory: nobody can change a model that serves."""
    model = loaded(folder)
    flip(folder / "model.safetensors")
    (folder / "model.json").unlink()

    assert MODEL.logits(TEXTS, TEXTS).tolist() == model.logits(TEXTS, TEXTS).tolist()


def test_only_numpy_safetensors_and_pydantic_are_loaded() -> None:
    """What serves a model needs no polars, pandas, pyarrow, scikit-learn or MLflow."""
    import subprocess
    import sys

    from tests.conftest import ROOT

    code = (
        "import sys, src.model.core.models.hashed, src.model.core.models.tfidf\n"
        "print({'polars', 'pandas', 'pyarrow', 'sklearn', 'scipy', 'mlflow', 'obstore'} & "
        "set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "set()" == done.stdout.strip()


def test_the_band_abstains_strictly_inside() -> None:
    """Its edges still decide."""
    probability = MODEL.read(TEXTS, TEXTS).probability
    low, lower, upper, high = np.unique(probability)[1:5].tolist()
    banded = MODEL.reshaped(band=(low, high)).read(TEXTS, TEXTS)

    assert probability.tolist() == banded.probability.tolist()
    assert [low < value < high for value in probability.tolist()] == banded.abstained.tolist()
    assert {lower, upper} == set(probability[banded.abstained].tolist())
    none = MODEL.reshaped(band=(0.5, 0.5)).read(TEXTS, TEXTS)
    assert (none.probability == 0.5).tolist() == none.abstained.tolist()


def test_a_review_that_nothing_is_known_of_is_undecided() -> None:
    """Without any n-gram that has a weight, the intercept alone is no answer."""
    empty = MODEL.read([], [])
    nothing = MODEL.read(["", "\x1f"], ["", "\u200b"])

    assert ["undecided"] * 2 == label_names(nothing.probability)
    assert [True] * 2 == nothing.abstained.tolist()
    assert 0.0 == MODEL.explain("", "\u200b").log_odds
    assert {(0,)} == {getattr(empty, field.name).shape for field in dataclasses.fields(empty)}


def test_sums_of_empty_rows_are_zero() -> None:
    """Rows without values, first, last and between, do not take their neighbours'."""
    values, offsets = np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2, 2, 3, 3])

    assert [0, 3, 0, 4, 0] == row_sums(values, offsets).tolist()
    assert [0, 0] == row_sums(np.zeros(0), np.array([0, 0, 0])).tolist()
    assert [0, 0.5, 0, 1, 0] == row_shares(offsets, values > 1)[0].tolist()
    assert [1, 1 / np.sqrt(2), 1, 1, 1] == inverse_roots(offsets).tolist()


def test_a_pruned_model_keeps_the_largest_weights_within_the_bytes(tmp_path: Path) -> None:
    """It fits, survives saving bit for bit, and keeps the weights that matter most."""
    budget = 16_384 + (1 << BITS) // 8 + 20_000
    pruned = MODEL.pruned(budget)
    pruned.save(tmp_path, training())
    model = loaded(tmp_path)

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= budget
    assert pruned.shape == model.shape
    assert pruned.logits(TEXTS, TEXTS).tolist() == model.logits(TEXTS, TEXTS).tolist()
    strongest = np.sort(np.abs(WEIGHTS.astype(np.float64)))[-20_000:]
    assert (
        np.abs(pruned.logits(TEXTS, TEXTS) - MODEL.logits(TEXTS, TEXTS)).max() < 4 * strongest.min()
    )


def test_pruning_a_model_of_zeros_and_below_its_least_size() -> None:
    """Nothing to scale is no error; too few bytes for any model are one."""
    empty = SentimentClassifier(np.zeros(1 << BITS, np.float16), SHAPE)

    assert [0.0] == empty.pruned(100_000).logits(["a"], ["b"]).tolist()
    with pytest.raises(ModelError, match="cannot be smaller than"):
        MODEL.pruned(20_000)


def _weights(folder: Path, **arrays: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    save_file(arrays, folder / "model.safetensors")
    describe(folder, sha256={"model.safetensors": sha256(folder / "model.safetensors")})


def _foreign(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 50)
    describe(folder, sha256={"model.safetensors": sha256(folder / "model.safetensors")})


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: (f / "model.json").unlink(), "model.json is missing"),
    (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    (lambda f: flip(f / "model.safetensors"), "has changed since it was saved"),
    (lambda f: (f / "model.json").write_text("{"), "is damaged"),
    (lambda f: describe(f, format=99), "has format 99"),
    (lambda f: describe(f, sha256={}), "names no digest of model.safetensors"),
    (lambda f: describe(f, reader="tfidf"), "holds weights, not coefficients, idf, vocabulary"),
    (lambda f: describe(f, reader="later"), "'later', which this version does not know"),
    (lambda f: describe(f, reader="", learner="later"), "'later', which this version does not"),
    (lambda f: describe(f, hash={"base": 3, "mix": 5}), "another hash function"),
    (lambda f: describe(f, bits="many"), "describes its model wrongly"),
    (lambda f: describe(f, bits=12), "65,536 weights where 12 bits need 4,096"),
    (lambda f: describe(f, packing="zip"), "describes its model wrongly"),
    (lambda f: describe(f, packing="int8"), "holds weights, not kept, levels"),
    (lambda f: describe(f, slope=float("nan")), "describes its model wrongly: slope"),
    (lambda f: describe(f, bits=27), "describes its model wrongly: bits"),
    (lambda f: describe(f, band=[0.4, 1.1]), "describes its model wrongly: band"),
    (lambda f: _weights(f, weights=WEIGHTS[:100]), "100 weights where 16 bits need 65,536"),
    (lambda f: _weights(f, weights=np.full(1 << BITS, np.nan, np.float16)), "no finite numbers"),
    (lambda f: _weights(f, weights=np.zeros(1 << BITS, np.float32)), "weights of type float32"),
    (_foreign, "cannot be read"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_damaged_model_is_refused(
    folder: Path, damage: Callable[[Path], object], said: str
) -> None:
    """Each kind of damage has its sentence."""
    damage(folder)

    with pytest.raises(ModelError, match=said):
        load_model(folder)


def test_a_pruned_model_that_does_not_fit_its_bits_is_refused(tmp_path: Path) -> None:
    """Places and levels must agree."""
    MODEL.pruned(60_000).save(tmp_path, training())
    _weights(tmp_path, kept=np.zeros(8, np.uint8), levels=np.ones(3, np.int8))

    with pytest.raises(ModelError, match="keeps 3 weights in 64 buckets"):
        load_model(tmp_path)
