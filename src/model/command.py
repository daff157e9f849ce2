"""The edge every command shares: arguments, settings, logs, progress, exit codes; and the composition root."""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from src.model.data.storage import Storage, open_storage
from src.model.errors import ReviewsError, StorageError
from src.model.logs import set_up_logs
from src.model.settings import Settings, load_settings

if TYPE_CHECKING:
    from src.model.tracking import Registry, Tracker

Advance = Callable[..., None]
"""`advance(done, total)`: this much further, of `total` where that is known."""


@dataclass(frozen=True)
class Outcome:
    """What a step answers: an object for machines, a text for people, and the exit code."""

    data: dict[str, Any]
    text: str
    exit_code: int = 0


@dataclass
class Context:
    """Everything a step may reach, made once here and passed in. What is dear to load is made on first use."""

    settings: Settings
    err: Console = field(default_factory=lambda: Console(stderr=True))
    _closing: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @cached_property
    def scratch(self) -> Path:
        """A folder for temporary files, gone when the context closes."""
        return Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="reviews-")))

    @property
    def log(self) -> Any:
        return structlog.get_logger()

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings, self.scratch)

    @cached_property
    def tracker(self) -> "Tracker":
        from src.model.tracking import open_tracker

        return open_tracker(self.settings)

    @cached_property
    def registry(self) -> "Registry":
        from src.model.tracking import open_registry

        return open_registry(self.settings, self.storage, self.scratch)

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """Show a bar on a terminal while the block runs, and nothing elsewhere."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TimeRemainingColumn(),
            console=self.err,
            disable=not self.err.is_terminal,
            transient=True,
        ) as bar:
            task = bar.add_task(what, total=None)

            def advance(done: float, total: float | None = None) -> None:
                if total is not None:
                    bar.update(task, total=total)
                bar.update(task, advance=done)

            yield advance


Run = Callable[[argparse.Namespace, Context], Outcome]


class _Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C is: what was begun is undone, the run is marked as killed."""


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Turn the first SIGTERM into an exception while the block runs; a second one would disturb the cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parser_for(module_doc: str | None, name: str) -> argparse.ArgumentParser:
    """Return a parser whose description is the module's docstring, with the options every step has."""
    parser = argparse.ArgumentParser(
        prog=f"python -m src.model.{name}",
        description=(module_doc or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of text")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser


def main(parser: argparse.ArgumentParser, run: Run, argv: Sequence[str] | None = None) -> int:
    """Parse, build the context, run the step, print its outcome; return the exit code (see errors.py)."""
    args = parser.parse_args(argv)
    try:
        settings = load_settings()
        set_up_logs(settings)
        # Libraries print (MLflow its links, kagglehub its progress); stdout belongs to the answer alone.
        with _sigterm_raises(), Context(settings) as context, redirect_stdout(sys.stderr):
            outcome = run(args, context)
    except ReviewsError as error:
        if args.debug:
            raise
        return _report(error, as_json=args.json)
    except KeyboardInterrupt as stopped:
        sys.stderr.write("Stopped. Nothing half-written remains; the same command starts again.\n")
        return 128 + (signal.SIGTERM if isinstance(stopped, _Terminated) else signal.SIGINT)
    return _answer(json.dumps(outcome.data) if args.json else outcome.text.rstrip(), outcome.exit_code)


def _answer(text: str, exit_code: int) -> int:
    """Print the answer; the work is done, so a reader that has gone away is no failure, and a full disk is."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to say at exit either
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: the answer could not be written: {error}\n")
            return StorageError.exit_code
    return exit_code


def _report(error: ReviewsError, *, as_json: bool) -> int:
    if as_json:
        body = {"error": type(error).__name__, "message": error.message, "hint": error.hint, "exit": error.exit_code}
        sys.stdout.write(json.dumps(body) + "\n")
    sys.stderr.write(f"error: {error}\n")
    return error.exit_code
