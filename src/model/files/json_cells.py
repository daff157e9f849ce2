"""Lines of JSON as rows: an object each, whose cells become text."""

import json
from collections.abc import Sequence
from typing import Any

from src.model.files.csv_records import is_too_long

SCALARS = (str, int, float, bool, type(None))
"""What a cell of a table may be."""


def json_object(line: bytes, expected: Sequence[str]) -> dict[str, Any] | str:
    """Return the object on a line, or the reason why there is none that can be used."""
    if is_too_long(line):
        return "line_too_long"
    try:
        parsed = json.loads(line, parse_constant=_no_constant)
        line.decode("utf-8")
        # This finds lone surrogates, which are no text.
        # …and numbers beyond float64, which would be written as Infinity: no JSON.
        json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeError:
        return "invalid_utf8"
    except (ValueError, RecursionError):
        return "malformed_json"
    if not isinstance(parsed, dict):
        return "malformed_json"
    usable = all(isinstance(parsed.get(name), SCALARS) for name in expected)
    return parsed if usable else "not_text"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def as_text(value: object) -> str | None:
    """Return a cell as text; a list or an object in a column of text as its JSON."""
    if value is None:
        return None
    if not isinstance(value, SCALARS):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
