"""Ask: send one review to a running API and show its answer.

As text on a terminal, as JSON elsewhere. A key is read from API_KEY.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from typing import Any

import httpx

from src.model.core.errors import ReviewsError, UnreachableError, UsageError
from src.model.core.names import MANY_UNKNOWN
from src.model.core.proxies import is_near
from src.model.core.redact import hide, stream_without_secrets
from src.model.core.settings import ApiSettings, load_settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listens on all, is asked on one
_SHOWN = 6
_KEY_NEEDED = 401


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.api.ask", description=(__doc__ or "").strip(), allow_abbrev=False
    )
    parser.add_argument(
        "address",
        nargs="?",
        help="of the API; the one of REVIEWS_API_HOST and REVIEWS_API_PORT unless given",
    )
    parser.add_argument("--title", default="", help="the review's title")
    parser.add_argument("--message", default="", help="the review's text")
    parser.add_argument("--json", action="store_true", help="the API's answer as it is")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    key = os.environ.get("API_KEY", "")
    hide([key])
    with redirect_stderr(stream_without_secrets(sys.stderr)):
        try:
            return _show(args, key)
        except ReviewsError as error:
            sys.stderr.write(f"error: {error}\n")
            return error.exit_code


def _show(args: argparse.Namespace, key: str) -> int:
    address = args.address.rstrip("/") if args.address else address_of(load_settings().api)
    review = {"title": _as_text(args.title), "message": _as_text(args.message)}
    if args.json or not sys.stdout.isatty():
        answer = asked(address, review, key, explain=False)
        if not answer.headers.get("content-type", "").endswith("json"):
            said(answer)  # of another program: refused
        sys.stdout.write(answer.text + "\n")
        return 0 if answer.is_success else UsageError.exit_code
    sys.stdout.write(answer_text(said(asked(address, review, key, explain=True))) + "\n")
    return 0


def _as_text(value: str) -> str:
    """Return a command-line argument with bytes that are no UTF-8 replaced."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def asked(address: str, review: Mapping[str, str], key: str, *, explain: bool) -> httpx.Response:
    """Return the API's answer. Raises UnreachableError where there is none."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(timeout=10, trust_env=not is_near(address)) as client:
            place = f"{address}/api/v1/predict{'?explain=true' if explain else ''}"
            return client.post(place, json=review, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError) as error:
        msg = f"The API at {address} does not answer: {error}."
        hint = "Start it with make api-run; one on another port is asked with API_PORT=8010."
        raise UnreachableError(msg, hint=hint) from None


def said(answer: httpx.Response) -> dict[str, Any]:
    """Return what a successful answer says. Raises UsageError where it is a refusal."""
    try:
        body: dict[str, Any] = answer.json()
        if answer.is_success:
            return body
        detail = str(body["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"What answers there is not this API (status {answer.status_code})."
    hint = (
        "Set API_KEY=…; make api-key name=… makes one." if answer.status_code == _KEY_NEEDED else ""
    )
    raise UsageError(detail, hint=hint or "See docs/api/index.md.")


def answer_text(body: Mapping[str, Any]) -> str:
    """Return a prediction for people.

    >>> part = {"ngram": "love", "weight": 1.5}
    >>> print(answer_text({
    ...     "label": "positive", "confidence": 0.9, "abstained": False, "unknown_share": 0.5,
    ...     "other_language": False, "model": {"version": "3"}, "request_id": "abc",
    ...     "explanation": {"contributions": [part]},
    ... }))
    positive (90.0% sure, model version 3, request abc)
       +1.50  love
      50% of its words are unknown to the model
    """
    about = f"model version {body['model']['version']}, request {body['request_id']}"
    sure = f"{body['confidence']:.1%} sure"
    head = f"{body['label']} ({sure}, {about})"
    if body["label"] == "undecided":
        head = f"undecided: the model knows no word of it ({about})"
    elif body["abstained"]:
        head = f"undecided, leans {body['label']} ({sure}: too close to call, {about})"
    parts = body["explanation"]["contributions"][:_SHOWN]
    lines = [head, *(f"  {part['weight']:+6.2f}  {part['ngram']}" for part in parts)]
    if parts and body.get("unknown_share", 0) > MANY_UNKNOWN:
        lines.append(f"  {body['unknown_share']:.0%} of its words are unknown to the model")
    if body.get("other_language"):
        lines.append("  it does not look like the language that the model was made for")
    return "\n".join(lines)


def address_of(settings: ApiSettings) -> str:
    """Return where an API with these settings is asked on its own machine."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


if __name__ == "__main__":
    sys.exit(main())
