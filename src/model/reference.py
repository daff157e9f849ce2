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
_TARGET = re.compile(r"^([a-z0-9-]+)(?: ([a-z0-9-]+))?:.*?## (.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"^# ([A-Z_]+): (.+)\n\1 \?= (.*)$", re.MULTILINE)
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
    parser.add_argument("pages", type=Path, nargs="+", help="the Markdown pages to bring up to date")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    changed = []
    for page in args.pages:
        before = page.read_text(encoding="utf-8")
        after = brought_up_to_date(before)
        if before != after:
            page.write_text(after, encoding="utf-8")
            changed.append(str(page))
    return Outcome({"changed": changed}, f"updated: {', '.join(changed) or 'nothing; all were current'}")


def brought_up_to_date(page: str) -> str:
    """Return the page with its generated parts written anew. Raises DataError for a pair of marks without an end."""
    parts = {
        "targets": targets,
        "docker-targets": docker_targets,
        "variables": variables,
        "commands": commands,
        "settings": settings,
    }
    for name, write in parts.items():
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
    """Return the Makefile's targets as a table, a twin in Docker beside its local one."""
    return _table(["target", "in a container", "what it does"], [(_made(a), _made(b), what) for a, b, what in _found()])


def docker_targets() -> str:
    """Return the targets that use Docker as a table."""
    found = [(twin or name, what) for name, twin, what in _found()]
    return _table(["target", "what it does"], [(_made(n), w) for n, w in found if n.startswith("docker-")])


def variables() -> str:
    """Return the Makefile's variables that docker- targets use as a table."""
    found = _VARIABLE.findall((_ROOT / "Makefile").read_text(encoding="utf-8"))
    rows = [(f"`{name}`", "" if "$(shell" in value else f"`{value}`", what) for name, what, value in found]
    return _table(["variable", "default", "what it is"], rows)


def _found() -> list[tuple[str, str, str]]:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    return [(name, twin, what.replace("|", "\\|")) for name, twin, what in _TARGET.findall(makefile)]


def _made(target: str) -> str:
    return f"`make {target}`" if target else ""


def _table(heads: list[str], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


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
