"""Is what answers at an address the API, ready, and does it tell good from bad? A minute at most.

Exit code 0: yes; 4: it answers, and not as it should; 5: nobody answers.
"""

import argparse
import os
import sys
import time

import requests

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, UnreachableError, UsageError
from src.model.core.proxies import is_near
from src.model.core.redact import hide

_SECONDS, _PAUSE, _TIMEOUT, _READY = 60.0, 1.0, 10, 200
REVIEWS = {
    "positive": {"title": "Excellent, I love it", "message": "Great quality, works perfectly."},
    "negative": {"title": "Terrible, do not buy", "message": "It broke at once. Waste of money."},
}


class SmokeResult(Result):
    """Where what answers, with which version of the model."""

    address: str
    model_version: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "smoke", "tools.infra")
    parser.add_argument("--address", default="", help="of the API: https://reviews.example.com")
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, help=f"to wait at most ({_SECONDS:g})"
    )
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    version = answered(args.address, args.seconds)
    result = SmokeResult(address=args.address, model_version=version)
    said = f"{args.address} serves model version {version}; it told a good review from a bad one."
    return Outcome(result, said)


def answered(address: str, seconds: float = _SECONDS) -> str:
    """Return the model's version that an API serves, once it is ready and has told two reviews.

    Raises:
        UsageError: the address is none.
        UnreachableError: nobody answers in time.
        GateError: what answers is not ready in time, or is wrong.
    """
    checked_address(address)
    key = os.environ.get("API_KEY", "")
    hide([key])
    with requests.Session() as session:
        session.trust_env = not is_near(address)
        if key:
            session.headers["authorization"] = f"Bearer {key}"
        version = _ready(session, address.rstrip("/"), time.monotonic() + seconds)
        for label, review in REVIEWS.items():
            _told(session, address.rstrip("/"), label, review)
    return version


def checked_address(address: str) -> None:
    """Refuse what is no address.

    Raises:
        UsageError: it is none.
    """
    if not address.startswith(("http://", "https://")):
        raise UsageError("url= has to be the API's address: https://reviews.example.com")


def _ready(session: requests.Session, address: str, until: float) -> str:
    while True:
        try:
            answer = session.get(f"{address}/health/ready", timeout=_TIMEOUT)
            if answer.status_code == _READY:
                return str(answer.json()["model_version"])
            error: Exception = GateError(f"{address} is not ready: status {answer.status_code}.")
        except (ValueError, KeyError, TypeError):  # requests' own error of JSON is both
            error = GateError(f"What answers at {address} is not this API.")
        except requests.RequestException as cause:
            error = UnreachableError(f"{address} does not answer: {type(cause).__name__}.")
        if time.monotonic() > until:
            raise error
        time.sleep(_PAUSE)


def _told(session: requests.Session, address: str, label: str, review: dict[str, str]) -> None:
    try:
        answer = session.post(f"{address}/api/v1/predict", json=review, timeout=_TIMEOUT)
        found = _label(answer.json()) if answer.ok else f"status {answer.status_code}"
    except requests.RequestException as error:
        raise UnreachableError(f"{address} was ready, and ended: {error}.") from error
    if found != label:
        raise GateError(f"A {label} review was answered with {found}: {review['title']}.")


def _label(body: object) -> str:
    return str(body.get("label")) if isinstance(body, dict) else "something else"


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
