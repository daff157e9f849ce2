"""Write the generated parts of a docs page anew: targets, commands with their --help, settings.

The page holds pairs of comments, `<!-- begin: NAME -->` and `<!-- end: NAME -->`; what stands between them is ours.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from src.model import command
from src.model.command import Context, Outcome
from src.model.errors import DataError
from src.model.settings import Settings, variable_names
from src.model.steps import STEPS

_ROOT = Path(__file__).resolve().parents[2]
_TARGET = re.compile(r"^([a-z0-9-]+):.*## (.+)$", re.MULTILINE)
COMMANDS = (
    *(step.module for step in STEPS),
    "src.model.pipeline.tune",
    "src.model.pipeline.curve",
    "src.model.pipeline.findings",
    "src.model.pipeline.reproduce",
    "src.model.pipeline.export",
    "src.model.pipeline.predict",
    "src.model.pipeline.score",
    "src.model.pipeline.run",
    "src.model.pipeline.demo",
    "src.model.tracking.server",
)


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "reference")
    parser.add_argument("page", type=Path, help="the Markdown page to bring up to date")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    before = args.page.read_text(encoding="utf-8")
    after = brought_up_to_date(before)
    args.page.write_text(after, encoding="utf-8")
    changed = before != after
    return Outcome({"page": str(args.page), "changed": changed}, f"{args.page}: {'updated' if changed else 'current'}")


def brought_up_to_date(page: str) -> str:
    """Return the page with its generated parts written anew. Raises DataError for a pair of marks without an end."""
    for name, write in (("targets", targets), ("commands", commands), ("settings", settings)):
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        if begin not in page:
            continue
        head, _, rest = page.partition(begin)
        _, found, tail = rest.partition(end)
        if not found:
            raise DataError(f"The page has {begin.strip()} without {end}.")
        page = f"{head}{begin}{write()}{found}{tail}"
    return page


def targets() -> str:
    """Return the Makefile's targets as a table."""
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    found = [(name, what.replace("|", "\\|")) for name, what in _TARGET.findall(makefile)]
    return (
        "\n".join(["| target | what it does |", "|---|---|", *(f"| `make {n}` | {what} |" for n, what in found)]) + "\n"
    )


def commands() -> str:
    """Return every command's help text."""
    os.environ["COLUMNS"] = "100"  # argparse wraps its help at the terminal's width
    parts = []
    for name in COMMANDS:
        parser: argparse.ArgumentParser = importlib.import_module(name).build_parser()
        heading = name.rsplit(".", 1)[-1]
        parts.append(f"### {heading}\n\n```text\n{parser.format_help().rstrip()}\n```\n")
    return "\n" + "\n".join(parts) + "\n"


def settings() -> str:
    """Return every setting with its default and meaning as a table."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    names = variable_names()
    for field, info in Settings.model_fields.items():
        default = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
        shown = f"`{default}`" if default not in ("", None) else "empty"
        lines.append(f"| `{names[field]}` | {shown} | {info.description} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
