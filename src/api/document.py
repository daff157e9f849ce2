"""The OpenAPI document: what FastAPI makes of the endpoints, and how to show a key."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

TAGS = [
    {"name": "predict", "description": "Judge reviews, one by one or many at once."},
    {"name": "feedback", "description": "Say what a review really was."},
    {"name": "model", "description": "Which model answers."},
    {"name": "health", "description": "For load balancers and Prometheus; no key is asked for."},
]
_KEYS: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of the service: `Authorization: Bearer KEY`.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key in a header of its own.",
    },
}
_EITHER: list[dict[str, list[str]]] = [{name: []} for name in _KEYS]


def documented(app: FastAPI, *, keys: bool) -> Callable[[], dict[str, Any]]:
    """Return what makes the application's document, once.

    Endpoints below `/api/` but the health ask for a key where the service has `keys`.
    """
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            body = made()
            if keys:
                _ask_for_keys(body)
        return app.openapi_schema or {}

    return document


def _ask_for_keys(body: dict[str, Any]) -> None:
    body.setdefault("components", {})["securitySchemes"] = _KEYS
    for path, operations in body["paths"].items():
        for operation in operations.values():
            if path.startswith("/api/") and "health" not in operation["tags"]:
                operation["security"] = _EITHER
