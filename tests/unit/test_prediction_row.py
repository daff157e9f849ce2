"""The prediction log's rows: what is written is read again, and nothing else is."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.core.errors import DataError
from src.model.core.prediction_row import FORMAT, FeedbackRow, PredictionRow, decode, encode

TIME = "2026-01-01T00:00:00.000+00:00"
TIMES = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "+00:00")
IDS = st.from_regex(r"[A-Za-z0-9._-]{8,70}", fullmatch=True)
LABELS = st.sampled_from(["negative", "positive"])
SHARES = st.floats(0, 1)
COUNTS = st.integers(0, 1 << 40)
# Whatever JSON can carry, half characters among it.
TEXTS = st.none() | st.text(st.characters(exclude_categories=()), max_size=60)

PREDICTIONS = st.builds(
    PredictionRow,
    time=TIMES,
    request_id=IDS,
    role=st.sampled_from(["champion", "canary", "shadow"]),
    model=st.text(max_size=20),
    version=st.text(max_size=5),
    digest=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    label=LABELS,
    probability=SHARES,
    abstained=st.booleans(),
    title_tokens=COUNTS,
    tokens=COUNTS,
    unknown_share=SHARES.map(lambda share: round(share, 4)),
    language_share=SHARES.map(lambda share: round(share, 4)),
    title=TEXTS,
    message=TEXTS,
)
FEEDBACK = st.builds(FeedbackRow, time=TIMES, request_id=IDS, label=LABELS)

PREDICTION = PredictionRow(
    TIME, "a" * 32, "canary", "reviews", "7", "d" * 64, "positive", 0.75, False, 2, 30, 0.1, 0.5
)


def row(**changes: object) -> str:
    """Return a prediction's line with other values; None takes a name out."""
    body = {**json.loads(encode(PREDICTION)), **changes}
    return json.dumps({name: value for name, value in body.items() if value is not None})


@given(PREDICTIONS | FEEDBACK)
@settings(max_examples=500)
def test_a_row_comes_back_as_it_was(written: PredictionRow | FeedbackRow) -> None:
    """Whatever people write into a review, its line says what the row said, of the same kind."""
    line = encode(written)

    assert written == decode(line) == decode(line.encode())
    assert type(written) is type(decode(line))


@given(PREDICTIONS | FEEDBACK)
@settings(max_examples=300)
def test_every_row_is_one_line_of_json(written: PredictionRow | FeedbackRow) -> None:
    """A line is a JSON object under the row's own names, in ASCII, and holds no line break."""
    line = encode(written)
    body = json.loads(line, parse_constant=pytest.fail)
    kind = "prediction" if isinstance(written, PredictionRow) else "feedback"
    texts = {"title", "message"}
    logged = any(body.get(name) is not None for name in texts)
    unsaid = (set() if logged else texts) | (set() if body.get("client") else {"client"})
    names = set(written._fields) - unsaid

    assert line.isascii()
    assert [line] == line.splitlines()
    assert (FORMAT, kind) == (body.pop("format"), body.pop("kind"))
    assert names == set(body)


def test_names_and_format_are_these() -> None:
    """Who reads the log relies on them: another set of names is another format."""
    expected = {
        "format": 3,
        "kind": "prediction",
        "time": TIME,
        "request_id": "a" * 32,
        "role": "canary",
        "model": "reviews",
        "version": "7",
        "digest": "d" * 64,
        "label": "positive",
        "probability": 0.75,
        "abstained": False,
        "title_tokens": 2,
        "tokens": 30,
        "unknown_share": 0.1,
        "language_share": 0.5,
    }

    assert expected == json.loads(encode(PREDICTION))
    assert list(expected) == list(json.loads(encode(PREDICTION)))


def test_texts_stand_in_the_row_only_where_they_are_kept() -> None:
    """A row without them has neither name; an empty title is a title."""
    kept = PREDICTION._replace(title="", message='"quoted"\n\u2028é')

    assert not {"title", "message"} & set(json.loads(encode(PREDICTION)))
    assert ("", '"quoted"\n\u2028é') == (
        json.loads(encode(kept))["title"],
        json.loads(encode(kept))["message"],
    )


def test_rows_of_format_2_are_read() -> None:
    """It called one share otherwise; everything else is the same."""
    older = json.loads(encode(PREDICTION)) | {"format": 2}
    older["english_share"] = older.pop("language_share")

    assert PREDICTION == decode(json.dumps(older))
    said = FeedbackRow(TIME, "a" * 32, "negative")
    assert said == decode(encode(said).replace('"format":3', '"format":2'))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "is no row"),
        ("garbage", "is no row"),
        (b"\xff\xfe{}", "is no row"),
        ("[1]", "is no row"),
        ("7", "is no row"),
        ("null", "is no row"),
        ("{}", "is no row"),
        (encode(PREDICTION)[:-1], "is no row"),
        (encode(PREDICTION) * 2, "is no row"),
        ("[" * 2 * sys.getrecursionlimit(), "is no row"),
        (row(format=1), "is a 'prediction' of format 1"),
        (row(format=None), "is a 'prediction' of format 1"),
        (row(format=4), "is a 'prediction' of format 4"),
        (row(format="2"), "is a 'prediction' of format '2'"),
        (row(kind="rumour"), "is a 'rumour' of format 3"),
        (row(kind=["prediction"]), "of the prediction log"),
        (row(kind="feedback", label="neutral"), "is damaged: label"),
        (row(label="neutral"), "is damaged: label"),
        (row(role="king"), "is damaged: role"),
        (row(probability=None), "is damaged: probability"),
        (row(probability="much"), "is damaged: probability"),
        (row(probability=float("nan")), "of the prediction log"),
        (row(probability=float("inf")), "of the prediction log"),
        (row(unknown_share=float("nan")), "of the prediction log"),
        (row(language_share=float("-inf")), "of the prediction log"),
        (row(tokens=2.5), "is damaged: tokens"),
        (row(title={"a": 1}), "is damaged: title"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_row_is_refused(line: str | bytes, said: str) -> None:
    """Another format or kind, garbage, no number: each ends with a sentence, none is guessed at."""
    with pytest.raises(DataError, match=said) as caught:
        decode(line)

    assert caught.value.message.endswith(".")


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_noise_is_refused(noise: Any) -> None:
    """No bytes end in another error."""
    with pytest.raises(DataError):
        decode(noise)
