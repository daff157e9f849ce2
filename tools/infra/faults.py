"""Plant the faults of tests/infra/faults.toml one after the other, and say which test sees each.

Each is planted in a copy of the repository. The table goes to docs/infra/faults.md. Exit code 4:
one was not seen, or is not where the list says that it is to be planted.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from rich.progress import track

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError, GateError

ROOT = Path(__file__).resolve().parents[2]
LIST, PAGE = ROOT / "tests/infra/faults.toml", ROOT / "docs/infra/faults.md"
_COPIED = ("src", "tests", "tools", "infra", "airflow", "docker", ".github", "docs", "requirements")
_LEFT = shutil.ignore_patterns(".terraform*", "__pycache__", "*.tfstate*", "terraform.tfvars*")
_PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-W", "ignore")
_RENDERED = ("-m", "src.orchestration.render", "--check")
_PLANS = (*_PYTEST, "tests/infra/test_plan.py")
_SEEN_BY: dict[str, tuple[tuple[str, ...], ...]] = {
    "plan": (_PLANS,),
    "rights": ((*_PYTEST, "tests/infra/test_task_roles.py", "tests/infra/test_github_roles.py"),),
    "rendered": (_RENDERED,),
    "workflow": ((*_PYTEST, "tests/unit/test_github.py"),),
}


@dataclass(frozen=True)
class Fault:
    """A change of one place, and the kind of tests that have to see it."""

    name: str
    kind: str
    file: str
    old: str
    new: str

    def planted(self, text: str) -> str:
        """Return a file's text with the fault in it.

        Raises:
            DataError: its place is not there, or not there once.
        """
        if text.count(self.old) != 1:
            hint = "Bring tests/infra/faults.toml up to date."
            raise DataError(f"{self.name}: its place is not once in {self.file}.", hint=hint)
        return text.replace(self.old, self.new)


class FaultsResult(Result):
    """What saw each fault; nothing where none did."""

    seen: dict[str, str]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "faults", "tools.infra")
    parser.add_argument("--only", default="", help="those whose name this expression finds")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (2)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    chosen = [one for one in read_faults() if re.search(args.only, one.name, re.IGNORECASE)]
    with _copies(args.jobs) as copies, ThreadPoolExecutor(args.jobs) as workers:
        list(workers.map(lambda kind: _sound(kind, copies), {one.kind for one in chosen}))
        found = workers.map(lambda fault: _seen(fault, copies), chosen)
        seen = {}
        bar = track(chosen, "planting", console=context.err)
        for one, test in zip(bar, found, strict=True):
            seen[one.name] = test
            context.log.info("planted", fault=one.name, seen_by=test or "nothing")
    if not args.only:
        PAGE.write_text(page(chosen, seen), encoding="utf-8")
    missed = [name for name, test in seen.items() if not test]
    if missed:
        raise GateError(f"Nothing saw: {'; '.join(missed)}.", hint="Write a test for each.")
    return Outcome(FaultsResult(seen=seen), f"All {len(seen)} faults were seen.")


def read_faults() -> list[Fault]:
    found = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [Fault(**one) for one in found["fault"]]


@contextmanager
def _copies(count: int) -> Iterator["SimpleQueue[Path]"]:
    """Give copies of the repository, whose tests find our environments."""
    copies: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            root = Path(folder) / str(number)
            root.mkdir()
            for name in _COPIED:
                shutil.copytree(ROOT / name, root / name, ignore=_LEFT)
            for name in ("Makefile", "pyproject.toml", "README.md"):
                shutil.copy(ROOT / name, root / name)
            for place in ROOT.glob(".venv*"):
                (root / place.name).symlink_to(place)
            copies.put(root)
        yield copies


def _sound(kind: str, copies: "SimpleQueue[Path]") -> None:
    """Run what has to see a kind of fault where there is none.

    Raises:
        DataError: it fails all the same, so it would see everything; or it is skipped.
    """
    root = copies.get()
    try:
        failed = [found for words in _SEEN_BY[kind] if (found := _failed(root, words))]
    finally:
        copies.put(root)
    if failed:
        raise DataError(f"{failed[0]} fails without any fault.", hint="Mend it first.")


def _seen(fault: Fault, copies: "SimpleQueue[Path]") -> str:
    """Return what sees a fault in one of the copies, or nothing."""
    root = copies.get()
    path = root / fault.file
    whole = path.read_text(encoding="utf-8")
    try:
        path.write_text(fault.planted(whole), encoding="utf-8")
        if fault.file.endswith(".py"):  # whoever changes the list of commands writes files anew
            _failed(root, _RENDERED[:-1])
        found = (_failed(root, words) for words in _SEEN_BY[fault.kind])
        return next(filter(None, found), "")
    finally:
        path.write_text(whole, encoding="utf-8")
        shutil.copytree(ROOT / "infra", root / "infra", ignore=_LEFT, dirs_exist_ok=True)
        copies.put(root)


def _failed(root: Path, words: Sequence[str]) -> str:
    """Run a command; return what has failed in it."""
    done = subprocess.run(
        [sys.executable, *words], cwd=root, capture_output=True, text=True, check=False,
        timeout=1800,
    )  # fmt: skip
    if "pytest" not in words:
        return "make steps-check" if done.returncode else ""
    # Where Terraform refuses the plan that all tests read, the first of them is in error.
    test = re.search(
        r"^(?:FAILED|ERROR(?=.*TerraformError)) (.+?)(?: - |$)", done.stdout, re.MULTILINE
    )
    if test:
        return test[1].removeprefix("tests/")
    if done.returncode or not re.search(r"^\d+ passed(?!.* skipped)", done.stdout, re.MULTILINE):
        raise DataError(f"The tests themselves cannot run: {done.stdout[-2000:]}")
    return ""


def page(faults: Sequence[Fault], seen: dict[str, str]) -> str:
    """Return the table of faults as a page."""
    told = {name: f"`{test}`" if test else "**nothing**" for name, test in seen.items()}
    rows = [f"| {one.name} | `{one.file}` | {told[one.name]} |\n" for one in faults]
    count = sum(map(bool, seen.values()))
    return (
        "# Planted faults\n\n`make infra-faults` plants each of these in a copy of the repository: "
        f"{count} of {len(faults)} were seen, by the test that is named.\n\n"
        "| fault | planted in | seen by |\n|---|---|---|\n" + "".join(rows)
    )


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
