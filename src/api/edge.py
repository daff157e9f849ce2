"""What happens to every request before and after its endpoint.

Identity, limits, time, headers, counts.
"""

import asyncio
import re
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.api.metrics import Metrics
from src.api.problems import Problem, problem_response
from src.api.rate_limit import RateLimit
from src.api.security import HEADERS, key_owner

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_GUARDED, _OPEN = "/api/", "/api/v1/health"
_WITH_BODY = ("/api/v1/predict", "/api/v1/feedback")
_JSON = "application/json"


@dataclass(frozen=True)
class Edge:
    """ASGI middleware around the whole application."""

    app: ASGIApp
    metrics: Metrics
    keys: Mapping[str, bytes]
    limit: RateLimit
    max_body_bytes: int
    timeout_seconds: float
    root_path: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        if scope["method"] == "HEAD":  # a GET whose body the server leaves out
            scope = {**scope, "method": "GET"}
        if self.root_path:
            scope = {**scope, "path": _below(scope["path"], self.root_path)}
        headers = Headers(scope=scope)
        request_id = _well_formed(headers.get("x-request-id")) or uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        sending = _Sending(send, request_id)
        try:
            self._admit(scope, headers)
            takes_body = scope["method"] == "POST" and scope["path"].startswith(_WITH_BODY)
            body = await self._body(headers, receive) if takes_body else None
            await self.app(scope, receive if body is None else _replay(body, receive), sending)
        except Problem as problem:
            await self._refuse(problem, request_id, scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last resort: a defect answers 500, without its details
            structlog.get_logger().error(
                "request failed", request_id=request_id, error=repr(type(error)), exc_info=True
            )
            defect = Problem(500, "This should not have happened. The service goes on.")
            await self._refuse(defect, request_id, scope, receive, sending)
        finally:
            path = getattr(scope.get("route"), "path", None) or "other"
            self.metrics.requests.labels(path, sending.status).inc()
            self.metrics.latency.labels(path).observe(time.perf_counter() - begun)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        """Let the request pass, or raise the Problem that refuses it."""
        path: str = scope["path"]
        if not path.startswith(_GUARDED) or path == _OPEN:
            return
        owner = key_owner(_given_key(headers), self.keys) if self.keys else None
        address = scope["client"][0] if scope.get("client") else "unknown"
        caller = f"key {owner}" if owner else f"address {address}"
        scope["state"]["caller"] = caller
        wait = self.limit.wait(caller)
        if wait:
            seconds = str(int(wait) + 1)
            raise Problem(
                429,
                f"Too many requests: try again in {seconds} s.",
                headers={"retry-after": seconds},
            )
        if self.keys and owner is None:
            detail = (
                "An API key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
            raise Problem(401, detail, headers={"www-authenticate": "Bearer"})

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body, within its limits of size and time."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON:
            what = "another type" if kind else "no stated type"
            raise Problem(415, f"The body must be {_JSON} by its Content-Type; it is of {what}.")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "Send the body as it is, without a Content-Encoding.")
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self.max_body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._received(receive)
        except TimeoutError:
            raise Problem(
                408, f"The body did not arrive within {self.timeout_seconds:g} s."
            ) from None

    async def _received(self, receive: Receive) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "The caller went away before the body was complete.")
            part = message.get("body", b"")
            size += len(part)
            if size > self.max_body_bytes:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(
            413,
            f"The body is larger than {self.max_body_bytes:,} bytes: send fewer or shorter "
            "reviews.",
        )

    async def _refuse(
        self, problem: Problem, request_id: str, scope: Scope, receive: Receive, sending: "_Sending"
    ) -> None:
        if not sending.started:
            await problem_response(problem, request_id)(scope, receive, sending)


def _below(path: str, root: str) -> str:
    """Return a path without the one that a reverse proxy has left before it.

    >>> [_below(path, "/reviews") for path in ("/reviews/card", "/reviews", "/card", "/reviewsx")]
    ['/card', '/', '/card', '/reviewsx']
    """
    rest = path.removeprefix(root)
    return path if rest and not rest.startswith("/") else rest or "/"


class _Sending:
    """Sends on, with our headers on every answer; remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = (b"x-request-id", request_id.encode())
        self.status = "none"
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = str(message["status"])
            own = message.get("headers", ())
            named = {name for name, _ in own}
            message["headers"] = [
                *own,
                *(header for header in HEADERS if header[0] not in named),
                self._id,
            ]
        await self._send(message)


def _well_formed(value: str | None) -> str | None:
    return value if value and _REQUEST_ID.fullmatch(value) else None


def _given_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body once, then whatever comes after it."""
    waiting: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False}
    ]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
