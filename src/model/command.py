"""The edge every command shares: arguments, settings, logs, answers and exit codes."""

import argparse
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict
from rich.console import Console

from src.model.context import Context
from src.model.core.ending import Terminated, sigterm_raises
from src.model.core.errors import ReviewsError, StorageError, UsageError
from src.model.core.logs import set_up_logs
from src.model.core.proxies import keep_near
from src.model.core.redact import (
    hide,
    hide_addresses,
    hide_environment,
    stream_without_secrets,
    without_secrets,
)
from src.model.core.settings import load_settings


class Result(BaseModel):
    """What a command answers to machines: one class for each, documented with the command."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Outcome:
    """What a command answers: an object for machines, a text for people, and the exit code.

    `details` is a longer text, for `--verbose`, where there is more to say.
    """

    result: Result
    text: str
    exit_code: int = 0
    details: str = ""

    def said(self, *, verbose: bool) -> str:
        """Return the text for people, the longer one if they asked for it."""
        return self.details if verbose and self.details else self.text

    @property
    def data(self) -> dict[str, Any]:
        """The result as the JSON object that `--json` prints."""
        return self.result.model_dump(mode="json")


_TOLD = ("skipped", "rows", "model_version", "run_id", "decision", "drift", "harm")
"""What the log says of an answer, where it has it."""

_FIRST_PORT, _LAST_PORT, _PORT_DIGITS = 1024, 65535, 5
Run = Callable[[argparse.Namespace, Context], Outcome]


class _Parser(argparse.ArgumentParser):
    """A parser that refuses words as every other wrong input is refused, without its usage."""

    def error(self, message: str) -> NoReturn:
        said = message.removeprefix("argument ")
        raise UsageError(f"{said}.", hint=f"{self.prog} --help says what is taken.")


def parser_for(
    module_doc: str | None, name: str, package: str = "src.model"
) -> argparse.ArgumentParser:
    """Return a parser with the options every step has.

    Its description is the module's docstring.
    """
    parser = _Parser(
        prog=f"python -m {package}.{name}",
        description=(module_doc or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout instead of text"
    )
    parser.add_argument("--verbose", action="store_true", help="show every figure and rule")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser


def port(text: str) -> int:
    """Return a port that anybody may listen on, for `add_argument(type=port)`."""
    number = int(text) if text.isdecimal() and len(text) <= _PORT_DIGITS else 0
    if not _FIRST_PORT <= number <= _LAST_PORT:
        msg = f"{text} is no port from {_FIRST_PORT} to {_LAST_PORT}"
        raise argparse.ArgumentTypeError(msg)
    return number


def main(parser: argparse.ArgumentParser, run: Run, argv: Sequence[str] | None = None) -> int:
    """Parse, build the context, run the step, print its outcome, and return the exit code.

    The exit codes are those of errors.py; 1 is a defect of the program, with its traceback. Nothing
    secret gets to stderr, whoever writes it.
    """
    words = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    hide(word for word in words if "://" in word)
    hide_environment(os.environ)
    with redirect_stderr(stream_without_secrets(sys.stderr)):
        try:
            args = parser.parse_args(words)
            return _answered(parser.prog.rsplit(".", 1)[-1], run, args)
        except ReviewsError as error:
            if "--debug" in words:
                traceback.print_exc()
            return _report(error, as_json="--json" in words)
        except KeyboardInterrupt as stopped:
            sys.stderr.write(
                "Stopped. Nothing half-written remains; the same command starts again.\n"
            )
            return 128 + (signal.SIGTERM if isinstance(stopped, Terminated) else signal.SIGINT)
        except Exception:  # noqa: BLE001 - the last resort: a traceback without secrets
            traceback.print_exc()
            return 1


def _answered(name: str, run: Run, args: argparse.Namespace) -> int:
    """Run the step and print its answer."""
    if sys.getfilesystemencoding() != "utf-8":
        msg = f"Words are read as {sys.getfilesystemencoding()} here, and reviews are UTF-8."
        raise UsageError(msg, hint="Set PYTHONUTF8=1, or a locale such as C.UTF-8.")
    settings = load_settings()
    hide(settings.secrets())
    hide_addresses(settings.addresses())
    set_up_logs(settings)
    keep_near([settings.mlflow.tracking_uri, settings.aws.endpoint_url or ""])
    # Libraries print (MLflow its links, kagglehub its progress); stdout is the answer's alone.
    out = Console(stderr=True) if args.json else Console(file=sys.stdout)
    context = Context(settings, out=out)
    with sigterm_raises(), context, redirect_stdout(sys.stderr):
        outcome = spoken(name, run, args, context)
    text = outcome.said(verbose=args.verbose).rstrip()
    if args.json:
        text = outcome.result.model_dump_json()
    return _answer(text, outcome.exit_code)


def spoken(name: str, run: Run, args: argparse.Namespace, context: Context) -> Outcome:
    """Run a command and log its start and its outcome, where no progress bar shows that it lives.

    A container is not silent until its end that way; with REVIEWS_LOG_FORMAT=json each is an
    object.
    """
    log = context.log.debug if context.err.is_terminal else context.log.info
    begun = time.perf_counter()
    log("started", step=name)
    outcome = run(args, context)
    about = {
        field: value
        for field in _TOLD
        if isinstance(value := getattr(outcome.result, field, None), str | int)
    }
    seconds = round(time.perf_counter() - begun, 3)
    log("done", step=name, exit_code=outcome.exit_code, seconds=seconds, **about)
    return outcome


def _answer(text: str, exit_code: int) -> int:
    """Print the answer and return the exit code.

    The work is done, so a reader that has gone away is no failure, and a full disk is.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Nothing more to say at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: the answer could not be written: {error}\n")
            return StorageError.exit_code
    return exit_code


def _report(error: ReviewsError, *, as_json: bool) -> int:
    """Say what failed, without anything secret, and return the exit code."""
    message, hint = without_secrets(error.message), without_secrets(error.hint)
    if as_json:
        body = {
            "error": type(error).__name__,
            "message": message,
            "hint": hint,
            "exit": error.exit_code,
        }
        sys.stdout.write(json.dumps(body) + "\n")
    sys.stderr.write(f"error: {message}\n" + (f"  {hint}\n" if hint else ""))
    return error.exit_code
