"""Errors as problem details: RFC 9457, `application/problem+json`."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


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


def sentence(errors: Sequence[Mapping[str, str]]) -> str:
    """Return described errors as one sentence."""
    return "; ".join(
        one["message"] if one["field"] == "body" else f"{one['field']}: {one['message']}"
        for one in errors
    )


def described(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return pydantic's errors as field and sentence, without what was sent.

    A review never comes back in an error.
    """
    return [
        {
            "field": ".".join(str(part) for part in error["loc"] if part != "body") or "body",
            "message": str(error["msg"]).removeprefix("Value error, "),
        }
        for error in errors
    ]
