"""Ask: send one review to a running API and print its answer."""

import argparse
import os
import sys
from collections.abc import Sequence

import httpx

from src.model.core.errors import ReviewsError, UnreachableError
from src.model.core.proxies import is_near
from src.model.core.settings import ApiSettings, load_settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listens on all, is asked on one


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
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    key = os.environ.get("API_KEY", "")
    try:
        address = args.address.rstrip("/") if args.address else address_of(load_settings().api)
    except ReviewsError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    review = {name: value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
              for name, value in (("title", args.title), ("message", args.message))}  # fmt: skip
    try:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        with httpx.Client(timeout=10, trust_env=not is_near(address)) as client:
            answer = client.post(f"{address}/api/v1/predict", json=review, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError) as error:
        sys.stderr.write(
            f"error: the API at {address} does not answer: {error}\n  Start it with make api-run.\n"
        )
        return UnreachableError.exit_code
    sys.stdout.write(answer.text + "\n")
    return 0 if answer.is_success else 2


def address_of(settings: ApiSettings) -> str:
    """Return where an API with these settings is asked on its own machine."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


if __name__ == "__main__":
    sys.exit(main())
