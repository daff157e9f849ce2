"""What is written down about a model: its bounds, and what an earlier version wrote."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from src.model.core import records
from src.model.core.artifact import read_description
from src.model.core.errors import ModelError
from src.model.core.models import load_artifact, load_model
from src.model.core.models.hashed import SentimentClassifier, Shape
from src.model.core.records import Description, Training, first_problem
from tests.conftest import training

GONE = object()
NAN = float("nan")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = SentimentClassifier(np.ones(16, np.float16), Shape(4, 1, band=(0.4, 0.6)))
    model.save(tmp_path, training())
    return tmp_path


def with_changes(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with other values; names with dots lead into it, GONE takes them out."""
    changed = dict(body)
    for name, value in changes.items():
        first, _, rest = name.partition(".")
        inner = with_changes(changed[first], {rest: value}) if rest else value
        changed[first] = inner
    return {name: value for name, value in changed.items() if value is not GONE}


def describe(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(with_changes(json.loads(path.read_text()), changes)))


def assert_refused(folder: Path, said: str) -> None:
    """Loading ends with a ModelError of one sentence and what to do."""
    with pytest.raises(ModelError, match=said) as caught:
        load_model(folder)

    assert str(folder) in caught.value.message
    assert caught.value.message.endswith(".")
    assert len(caught.value.message.splitlines()) == 1
    assert len(caught.value.message) < 400
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("format", GONE, "is damaged"),
        ("format", "1", "has format '1'; this version of the program reads format 2"),
        ("learner", GONE, "wrongly: learner"),
        ("learner", ["hashed"], "wrongly: learner"),
        ("reader", 3, "wrongly: reader"),
        ("reader", "later", "by the learner 'later', which this version does not know"),
        ("reader", "../x", r"by the learner '\.\./x', which this version does not know"),
        ("reader", "hashed.x", "which this version does not know"),
        ("reader", "__init__", "which this version does not know"),
        ("reader", "x" * 5_000, "which this version does not know"),
        ("labels", ["positive", "negative"], "wrongly: labels"),
        ("sha256", GONE, "wrongly: sha256"),
        ("sha256", [], "wrongly: sha256"),
        ("sha256", {"model.safetensors": 3}, "wrongly: sha256"),
        ("bits", 0, "wrongly: bits"),
        ("bits", 27, "wrongly: bits"),
        ("bits", 4.5, "wrongly: bits"),
        ("bits", GONE, "wrongly: bits"),
        ("ngrams", 0, "wrongly: ngrams"),
        ("ngrams", 5, "wrongly: ngrams"),
        ("slope", NAN, "wrongly: slope"),
        ("slope", math.inf, "wrongly: slope"),
        ("slope", "steep", "wrongly: slope"),
        ("intercept", -math.inf, "wrongly: intercept"),
        ("band", [-0.1, 0.5], "wrongly: band"),
        ("band", [0.5, 1.1], "wrongly: band"),
        ("band", [1.5, 1.0], "wrongly: band"),
        ("band", [0.0, -0.5], "wrongly: band"),
        ("band", [NAN, 0.5], "wrongly: band"),
        ("band", [0.5], "wrongly: band"),
        ("step", 0, "wrongly: step"),
        ("packing", "zip", "wrongly: packing"),
        ("training", [], "wrongly: training"),
        ("training.parameters", GONE, r"wrongly: training\.parameters"),
        ("training.parameters.learner", GONE, "wrongly: training: parameters name no learner"),
        ("training.parameters.learner", 3, "wrongly: training: parameters name no learner"),
        ("training.parameters.batches", GONE, "wrongly: training: parameters name no batches"),
        ("training.parameters.batches", 0, "wrongly: training: parameters name no batches"),
        ("training.parameters.validation_share", "a", "parameters name no validation_share"),
        ("training.parameters.validation_share", NAN, r"parameters\.validation_share"),
        ("training.parameters.bits", [22], r"wrongly: training\.parameters\.bits"),
        ("training.inputs", GONE, r"wrongly: training\.inputs"),
        ("training.inputs", 3, r"wrongly: training\.inputs"),
        ("training.inputs", [{"key": "a", "rows": 1}], r"wrongly: training\.inputs\.0\.sha256"),
        (
            "training.inputs",
            [{"key": "a", "sha256": "b", "rows": -1}],
            r"wrongly: training\.inputs\.0\.rows",
        ),
        ("training.warm_start_version", "one", r"wrongly: training\.warm_start_version"),
        ("training.state", {"counts.zlib": 3}, r"wrongly: training\.state"),
    ],
)
def test_a_description_out_of_its_bounds_is_refused(
    folder: Path, name: str, value: object, said: str
) -> None:
    """A missing name, another type, a number out of bounds: a sentence names the place."""
    describe(folder, **{name: value})

    assert_refused(folder, said)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"[1]",
        b"null",
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 2, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"format": 2, "sha256": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"format": 2, "slope": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda content: repr(content[:30]),
)
def test_what_is_no_description_is_refused(folder: Path, content: bytes) -> None:
    """Lists, numbers, bytes and what is nested without end are damage, said in a sentence."""
    (folder / "model.json").write_bytes(content)

    assert_refused(folder, r"model\.json is damaged")


def test_a_description_of_ten_megabytes_is_refused(folder: Path) -> None:
    """Nobody describes a model at such a length."""
    describe(folder, padding="x" * 10_000_000)

    assert_refused(folder, r"model\.json")


def test_what_is_within_the_bounds_is_read(folder: Path) -> None:
    """The last values within a bound are no trouble, nor are the names of later versions."""
    describe(folder, band=[0, 1], slope=-2.5, later={"any": ["thing"]})
    model, artifact = load_artifact(folder)

    assert isinstance(model, SentimentClassifier)
    assert ((0.0, 1.0), -2.5) == (model.shape.band, model.shape.slope)
    assert {"any": ["thing"]} == artifact.description.more["later"]
    assert training() == artifact.training == read_description(folder).training


def test_a_model_without_a_record_serves_and_cannot_be_trained_on(folder: Path) -> None:
    """Serving needs no record of the training; who asks for it is told who wrote none."""
    describe(folder, training=GONE)
    _, artifact = load_artifact(folder)

    assert artifact.description.training is None
    with pytest.raises(ModelError, match="has no record of its training"):
        _ = artifact.training


def test_the_learner_reads_where_no_reader_is_named(folder: Path) -> None:
    """Earlier versions named the learner alone; later ones may have another name for it."""
    describe(folder, reader=GONE)
    earlier = load_artifact(folder)[1].description
    describe(folder, reader="hashed", learner="a better one")
    later = load_artifact(folder)[1].description

    assert ("hashed", "hashed", "") == (earlier.kind, earlier.learner, earlier.reader)
    assert ("hashed", "a better one") == (later.kind, later.learner)


def test_a_record_survives_json() -> None:
    """Everything in it comes back, scalars in their types."""
    parameters = {
        "learner": "hashed",
        "batches": "0 1",
        "validation_share": 0.1,
        "hashed.bits": 22,
        "hashed.balance": True,
        "hashed.smoothing": 1.0,
    }
    record = training(
        parameters=parameters,
        source="synthetic:9@1",
        packages={"numpy": "2.3"},
        warm_start_version=3,
        state={"counts.zlib": "c" * 64},
    )
    again = Training.model_validate_json(record.model_dump_json())

    assert record == again
    assert [type(v) for v in parameters.values()] == [type(v) for v in again.parameters.values()]
    assert ("hashed", "0 1", 0.1) == (again.learner, again.batches, again.validation_share)


def test_records_of_earlier_versions_are_understood() -> None:
    """The counts' digest had a name of its own; names that went are left out."""
    older = {**training().model_dump(), "counts_sha256": "c" * 64, "shards": 3}
    del older["state"]
    found = Training.model_validate(older)

    assert {"counts.zlib": "c" * 64} == found.state
    assert "shards" not in found.model_dump()


def test_records_do_not_change() -> None:
    """Nobody rewrites what a model was made from."""
    with pytest.raises(ValidationError, match="frozen"):
        training().source = "another"  # type: ignore[misc]


def test_a_problem_is_told_without_the_value() -> None:
    """The place and what is wrong with it, never what stood there."""
    given = {"format": 2, "learner": "hashed", "sha256": {"a": ["s3cret"]}}
    with pytest.raises(ValidationError) as caught:
        Description.model_validate(given)

    assert "sha256.a: Input should be a valid string" == first_problem(caught.value)


def test_figures_are_the_finite_numbers_among_the_tags() -> None:
    """Other tags, words and numbers without bounds are somebody else's."""
    tags = {
        "test.accuracy": "0.9",
        "test.log_loss": "1e-3",
        "test.status": "passed",
        "test.ece": "nan",
        "test.roc_auc": "inf",
        "accuracy": "0.1",
    }

    assert {"accuracy": 0.9, "log_loss": 0.001} == records.test_figures(tags)
