"""Ask: send one review to a running API and print its answer."""

import argparse
import os
import sys
from collections.abc import Sequence

import httpx

from src.model.core.errors import UnreachableError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.api.ask", description=(__doc__ or "").strip(), allow_abbrev=False
    )
    parser.add_argument("address", help="of the API, http://127.0.0.1:8000 for example")
    parser.add_argument("--title", default="", help="the review's title")
    parser.add_argument("--message", default="", help="the review's text")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    key = os.environ.get("API_KEY", "")
    review = {name: value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
              for name, value in (("title", args.title), ("message", args.message))}  # fmt: skip
    try:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        answer = httpx.post(
            f"{args.address}/api/v1/predict", json=review, headers=headers, timeout=10
        )
    except httpx.HTTPError as error:
        sys.stderr.write(
            f"error: the API at {args.address} does not answer: {error}\n  Start it with make "
            "api-run.\n"
        )
        return UnreachableError.exit_code
    sys.stdout.write(answer.text + "\n")
    return 0 if answer.is_success else 2


if __name__ == "__main__":
    sys.exit(main())
