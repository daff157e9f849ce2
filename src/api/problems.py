"""Errors as problem details: RFC 9457, `application/problem+json`."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from src.api.schemas import ProblemOut

MEDIA_TYPE = "application/problem+json"
_KNOWN = "A review has title and message, a batch has reviews, feedback request_id and label."
_OBJECT = "must be a JSON object"
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "string_too_long": "is longer than {max_length:,} characters",
    "too_long": "holds more than {max_length:,} items",
    "too_short": "is empty",
    # Of the one field that has a pattern
    "string_pattern_mismatch": "is no request id: take it from a prediction's answer",
}
"""What pydantic's kinds of errors are called here, after the name of the field."""


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An answer other than the one asked for.

    A status, a sentence, and what the sentence cannot hold.
    """

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def problem_response(problem: Problem, request_id: str) -> Response:
    """Return the problem as a response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request_id,
        **problem.more,
    }
    return Response(json.dumps(body), problem.status, problem.headers, MEDIA_TYPE)


def problem_schema(status: int, detail: str) -> dict[str, Any]:
    """Return what the OpenAPI document says of a problem, with an example."""
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": f"{detail}.",
        "request_id": "4d5e" * 8,
    }
    return {"schema": ProblemOut.model_json_schema(), "example": example}


def sentence(errors: Sequence[Mapping[str, str]]) -> str:
    """Return described errors as one sentence."""
    return "; ".join(
        one["message"] if one["field"] == "body" else f"{one['field']}: {one['message']}"
        for one in errors
    )


def described(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return pydantic's errors, with their context, as field and sentence, without what was sent.

    Neither a review nor the name of an unknown field ever comes back in an error.
    """
    return [_described(error) for error in errors]


def _described(error: Mapping[str, Any]) -> dict[str, str]:
    place = [str(part) for part in error["loc"] if part != "body"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in _WORDS:
        message = _WORDS[error["type"]].format(**error.get("ctx", {}))
    if error["type"] == "json_invalid":
        reason = error.get("ctx", {}).get("error", "it cannot be parsed")
        place, message = [], f"The body is no JSON: {reason}, at character {place[-1]}."
    if error["type"] == "extra_forbidden":
        place, message = place[:-1], f"holds a field that is not known here. {_KNOWN}"
    if not place and error["type"] in _WORDS:
        start = "The body is empty" if error["type"] == "missing" else f"It {message}"
        message = f"{start}. {_KNOWN}"
    return {"field": ".".join(place) or "body", "message": message}


def http_problem(status: int, detail: str, headers: Mapping[str, str] | None) -> Problem:
    """Return what the framework refuses, in words that say what to do."""
    if status == HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this address. Every address is in openapi.json, and at /docs."
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"This address takes {(headers or {}).get('Allow', 'another method')} only."
    return Problem(status, detail, headers=headers)
