"""Write the generated parts of docs pages anew: targets, steps, commands, answers, settings.

A page holds pairs of comments, `<!-- begin: NAME -->` and `<!-- end: NAME -->`; what stands between
them is written here.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from src.model import command, steps
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError
from src.model.core.settings import variables as settings_variables

_ROOT = Path(__file__).resolve().parents[1]
_TARGET = re.compile(r"^([a-z0-9-]+)(?: ([a-z0-9-]+))?:.*?## (.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"^# ([A-Z_]+): (.+)\n\1 \?= (.*)$", re.MULTILINE)
_PAGES = (Path("docs/model/scripts.md"), Path("docs/model/docker.md"), Path("docs/infra/index.md"))
_MODULE = re.compile(r'^module "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


class ReferenceResult(Result):
    """The pages that were changed."""

    changed: list[str]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "docs_reference")
    parser.prog = "python -m tools.docs_reference"
    parser.add_argument("pages", type=Path, nargs="*", default=_PAGES, help="the Markdown pages")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    changed = []
    for page in args.pages:
        before = page.read_text(encoding="utf-8")
        after = brought_up_to_date(before)
        if before != after:
            page.write_text(after, encoding="utf-8")
            changed.append(str(page))
    text = f"updated: {', '.join(changed) or 'nothing; all were current'}"
    return Outcome(ReferenceResult(changed=changed), text)


def brought_up_to_date(page: str) -> str:
    """Return the page with its generated parts written anew.

    Raises:
        DataError: a begin without an end.
    """
    parts = {
        "targets": targets,
        "docker-targets": docker_targets,
        "variables": make_variables,
        "steps": step_table,
        "commands": commands,
        "settings": settings,
        "infra-modules": infra_modules,
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
    rows = [(_made(name), _made(twin), what) for name, twin, what in _found()]
    return _table(["target", "in a container", "what it does"], rows)


def docker_targets() -> str:
    """Return the targets that use Docker as a table."""
    found = [(twin or name, what) for name, twin, what in _found()]
    rows = [(_made(name), what) for name, what in found if name.startswith("docker-")]
    return _table(["target", "what it does"], rows)


def make_variables() -> str:
    """Return the Makefile's variables that docker- targets use as a table."""
    found = _VARIABLE.findall((_ROOT / "Makefile").read_text(encoding="utf-8"))
    rows = [(f"`{name}`", "" if "$(shell" in value else f"`{value}`", what)
            for name, what, value in found]  # fmt: skip
    return _table(["variable", "default", "what it is"], rows)


def step_table() -> str:
    """Return the list of commands as a table: what a scheduler must know of each."""
    rows = []
    for one in steps.COMMANDS.values():
        given = (f"`{a.variable}=`" for a in one.arguments)
        needed = one.resources
        rows.append(
            (
                f"`{one.name}`",
                " ".join(given),
                ", ".join(f"`{name}`" for name in one.needs),
                "yes" if one.forced else "",
                ", ".join(map(str, one.answers)),
                str(one.retries),
                f"{needed.memory_mb:,} MB",
                f"{needed.cpus:g}",
                f"{needed.minutes} min",
            )
        )
    heads = ["command", "variables", "needs", "`--force`", "answers", "retries", "memory", "CPUs"]
    return _table([*heads, "time"], rows)


def infra_modules() -> str:
    """Return who takes what from whom in infra/modules/system, as a diagram of Mermaid."""
    text = (_ROOT / "infra/modules/system/main.tf").read_text(encoding="utf-8")
    arrows = [
        f"  {giver} --> {taker}"
        for taker, body in _MODULE.findall(text)
        for giver in dict.fromkeys(re.findall(r"\bmodule\.(\w+)\.", body))
    ]
    names = [f"  {name}" for name, _ in _MODULE.findall(text)]
    return "\n".join(["```mermaid", "flowchart LR", *names, *arrows, "```", ""])


def _found() -> list[tuple[str, str, str]]:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    found = _TARGET.findall(makefile)
    return [(name, twin, what.replace("|", "\\|")) for name, twin, what in found]


def _made(target: str) -> str:
    return f"`make {target}`" if target else ""


def _table(heads: list[str], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def commands() -> str:
    """Return every command's help text, and what it answers with --json."""
    os.environ["COLUMNS"] = "100"  # argparse wraps its help at the terminal's width
    names = [one.module for one in steps.COMMANDS.values()]
    parts = []
    for name in (*names, *steps.OTHERS):
        module = importlib.import_module(name)
        parser: argparse.ArgumentParser = module.build_parser()
        heading = name.rsplit(".", 1)[-1]
        answered = _answers(_result_of(module))
        parts.append(
            f"### {heading}\n\n```text\n{parser.format_help().rstrip()}\n```\n\n{answered}"
        )
    return "\n" + "\n".join(parts) + "\n"


def _result_of(module: Any) -> type[Result]:
    """Return the class of a command's result, made in its module or imported there."""
    found = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Result) and one is not Result
    ]
    own = [one for one in found if one.__module__ == module.__name__] or found
    return own[0]


def _answers(result: type[Result]) -> str:
    """Return what `--json` prints, as a sentence and a table of its names."""
    schema = result.model_json_schema(mode="serialization")
    said = " ".join((result.__doc__ or "").split())
    properties = schema.get("properties", {})
    if not properties:
        return f"With `--json`: {said}\n"
    rows = [(f"`{name}`", _type(found)) for name, found in properties.items()]
    return f"With `--json`: {said}\n\n{_table(['name', 'type'], rows)}"


def _type(schema: dict[str, Any]) -> str:
    """Return a type of JSON in words."""
    match schema:
        case {"anyOf": several}:
            found = " or ".join(_type(one) for one in several)
        case {"$ref": name}:
            found = f"object ({name.rsplit('/', 1)[-1]})"
        case {"const": value}:
            found = f'`"{value}"`'
        case {"enum": values}:
            found = " or ".join(f'`"{value}"`' for value in values)
        case {"type": "array", **rest}:
            found = f"array of {_type(rest.get('items', {}))}"
        case {"type": "object", "additionalProperties": dict(inner)}:
            found = f"object of {_type(inner)}"
        case _:
            found = str(schema.get("type", "any"))
    return found


def settings() -> str:
    """Return every setting with its default and meaning as a table."""
    rows = []
    for variable in settings_variables():
        default = variable.info.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = f"`{default}`" if default not in ("", None) else "empty"
        rows.append((f"`{variable.name}`", shown, str(variable.info.description)))
    return _table(["variable", "default", "meaning"], rows)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
