"""Ask: send one review to a running API and print its answer."""

import argparse
import os
import re
import sys
from collections.abc import Sequence

import httpx

from src.model.core.errors import UnreachableError
from src.model.core.proxies import is_near

_BARE_IPV6 = re.compile(r"^(https?://)([0-9a-fA-F:]*::?[0-9a-fA-F:.]*?)(:\d+)$")


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
    address = _BARE_IPV6.sub(r"\1[\2]\3", args.address.rstrip("/"))
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


if __name__ == "__main__":
    sys.exit(main())
