"""The prediction log's rows: one class for each kind, one encoder, one reader.

A row is a JSON object on a line of its own. `format` grows when a name changes its meaning or
goes; who reads the log takes format 2 too, and refuses others instead of guessing.
"""

import json
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from src.model.core.errors import DataError
from src.model.core.labels import Answer, Label
from src.model.core.records import first_problem

FORMAT = 3
_RENAMED = {2: {"english_share": "language_share"}}
"""What older formats call what is read all the same, by their number."""

Role = Literal["champion", "canary", "shadow"]
"""Who made a prediction: the champion, a challenger in its place, or one beside it, unheard."""


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, lt=2**62)]


class PredictionRow(NamedTuple):
    """What one model said of one review, and how it read it.

    `time` is UTC, in ISO 8601; `digest` is the SHA-256 of the model's description. `probability`
    is that of positive. Tokens and shares are those of `core.reading`. Title and message are there
    only where the log keeps texts.
    """

    time: str
    request_id: str
    role: Role
    model: str
    version: str
    digest: str
    label: Answer
    probability: Share
    abstained: bool
    title_tokens: Count
    tokens: Count
    unknown_share: Share
    language_share: Share
    title: str | None = None
    message: str | None = None


class FeedbackRow(NamedTuple):
    """What a person said a review really is; it belongs to the prediction of its `request_id`.

    `client` tells clients apart and names none of them, unless by its key.
    """

    time: str
    request_id: str
    label: Label
    client: str = ""


Row = PredictionRow | FeedbackRow

_KINDS: dict[str, TypeAdapter[Any]] = {
    "prediction": TypeAdapter(PredictionRow),
    "feedback": TypeAdapter(FeedbackRow),
}


def encode(row: Row) -> str:
    """Return a row as its line, without the line break.

    Put together by hand, which takes a fifth of what `json` takes: ids, times and labels hold
    nothing that needs escaping, and what could is escaped.

    >>> json.loads(encode(FeedbackRow("2026-01-01T00:00:00+00:00", "a" * 8, "negative")))["kind"]
    'feedback'
    """
    if isinstance(row, FeedbackRow):
        client = f',"client":{json.dumps(row.client)}' if row.client else ""
        return (
            f'{{"format":{FORMAT},"kind":"feedback","time":"{row.time}",'
            f'"request_id":"{row.request_id}","label":"{row.label}"{client}}}'
        )
    text = ""
    if row.title is not None or row.message is not None:
        text = f',"title":{json.dumps(row.title)},"message":{json.dumps(row.message)}'
    return (
        f'{{"format":{FORMAT},"kind":"prediction","time":"{row.time}",'
        f'"request_id":"{row.request_id}","role":"{row.role}",'
        f"{_model(row.model, row.version, row.digest)},"
        f'"label":"{row.label}","probability":{row.probability!r},'
        f'"abstained":{"true" if row.abstained else "false"},'
        f'"title_tokens":{row.title_tokens},"tokens":{row.tokens},'
        f'"unknown_share":{row.unknown_share:.4f},"language_share":{row.language_share:.4f}{text}}}'
    )


@lru_cache(64)
def _model(name: str, version: str, digest: str) -> str:
    """Return the model's part of a row, which is the same for a long time."""
    return json.dumps({"model": name, "version": version, "digest": digest})[1:-1]


def decode(line: str | bytes) -> Row:
    """Return the row on a line.

    >>> row = FeedbackRow("2026-01-01T00:00:00+00:00", "a" * 8, "negative")
    >>> decode(encode(row)) == row
    True

    Raises:
        DataError: it is no row, or of a format this version does not know.
    """
    try:
        found: Any = json.loads(line)
        version, kind = found.pop("format", 1), str(found.pop("kind"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"A line of the prediction log is no row: {error!r}.") from None
    if version not in (FORMAT, *_RENAMED) or kind not in _KINDS:
        msg = f"A row of the prediction log is a {kind[:100]!r} of format {version!r}."
        hint = f"This version of the program reads the formats 2 and {FORMAT}."
        raise DataError(msg, hint=hint)
    for old, new in _RENAMED.get(version, {}).items():
        if old in found:
            found[new] = found.pop(old)
    try:
        row: Row = _KINDS[kind].validate_python(found)
    except ValidationError as error:
        msg = f"A row of the prediction log is damaged: {first_problem(error)}."
        raise DataError(msg) from None
    return row
