"""MLflow's server on this machine: up, down, status.

It shares the store that runs without a server write to.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import requests

from src.model import command
from src.model.background import Background, Launch, refuse_missing, refuse_taken
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UnreachableError
from src.model.core.names import TRAINED_VIEW
from src.model.core.settings import Settings
from src.model.files.mlflow_database import refuse_percent, sqlite_lock

_SERVER = Background("MLflow's server", Path(".mlflow"))
_DEFAULT_STORE = "sqlite:///mlflow.db"
_READY_SECONDS = 90.0


class ServerResult(Result):
    """Whether the server runs, and where; `memory_mb` is that of all its processes.

    `trainings`, all `runs` and `versions` are where its page shows them, once there are any.
    """

    step: str
    state: Literal["running", "stopped", "not answering"]
    address: str | None = None
    trainings: str | None = None
    runs: str | None = None
    versions: str | None = None
    pid: int | None = None
    memory_mb: int | None = None


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "mlflow_server")
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument(
        "--port",
        type=command.port,
        metavar="PORT",
        default=5500,
        help="port on 127.0.0.1 (default: 5500)",
    )
    parser.add_argument(
        "--mlflow", default=".venv-mlflow/bin/mlflow", help="the mlflow program to start"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if args.action == "up":
        return _up(args, context.settings)
    return _down() if args.action == "down" else _status(context.settings)


def _healthy(address: str) -> bool:
    try:
        return bool(requests.get(f"{address}/health", timeout=2).ok)
    except requests.RequestException:
        return False


def _answer(
    action: str,
    state: Literal["running", "stopped", "not answering"],
    text: str,
    exit_code: int = 0,
    **more: Any,
) -> Outcome:
    return Outcome(ServerResult(step=f"mlflow-{action}", state=state, **more), text, exit_code)


def _up(args: argparse.Namespace, settings: Settings) -> Outcome:
    found = _SERVER.running()
    if found:
        text, links = _shown(found.address, settings)
        head = f"MLflow is up already: {found.address}"
        return _answer("up", "running", f"{head}\n{text}", address=found.address, **links)
    address = f"http://127.0.0.1:{args.port}"
    hint = "Stop that program, or choose another port: make mlflow-up MLFLOW_PORT=5501."
    if _SERVER.leftovers():
        hint = "It may be what a killed server has left: make mlflow-down."
    refuse_taken(args.port, hint)
    refuse_missing(args.mlflow, "mlflow-up")
    refuse_percent(Path(args.mlflow).absolute())
    with sqlite_lock(_store(settings), "tables", _READY_SECONDS):  # until the tables are there
        launch = Launch({"server": _command(args)}, address, _environment(settings))
        _SERVER.start(launch, lambda: _healthy(address), _READY_SECONDS)
    found = _SERVER.running()
    address, pid = (found.address, found.processes["server"].pid) if found else (address, None)
    text, links = _shown(address, settings)
    head = f"MLflow is up: {address}"
    return _answer("up", "running", f"{head}\n{text}", address=address, pid=pid, **links)


def _shown(address: str, settings: Settings) -> tuple[str, dict[str, Any]]:
    """Return where to look and what to set, for people; and the links alone."""
    links = _links(address, settings)
    lines = [f"  {f'{what}:':10} {link}" for what, link in links.items()]
    return "\n".join([*lines, _use(address)]), dict(links)


def _links(address: str, settings: Settings) -> dict[str, str]:
    """Return where runs and versions are shown, once there are any."""
    name = settings.mlflow.experiment
    place = f"{address}/api/2.0/mlflow/experiments/get-by-name"
    try:
        found = requests.get(place, params={"experiment_name": name}, timeout=10).json()
        number = found["experiment"]["experiment_id"]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return {}
    runs = f"{address}/#/experiments/{number}/runs{TRAINED_VIEW}"
    return {
        "trainings": f"{runs}&searchFilter=tags.step%20%3D%20%27train%27",
        "runs": f"{runs}&searchFilter=",  # without one the page keeps the filter it had
        "versions": f"{address}/#/models/{settings.mlflow.model_name}{TRAINED_VIEW}",
    }


def _use(address: str) -> str:
    return (
        f"  for runs through it: export MLFLOW_TRACKING_URI={address} "
        "(without, the same store is used directly)"
    )


def _store(settings: Settings) -> str:
    uri = settings.mlflow.tracking_uri
    return uri if uri and not uri.lower().startswith("http") else _DEFAULT_STORE


def _command(args: argparse.Namespace) -> list[str]:
    return [
        args.mlflow, "server", "--host", "127.0.0.1", "--port", str(args.port),
        # The folder that clients without a server use: both see the same files.
        "--default-artifact-root", str(Path("mlruns").resolve()), "--no-serve-artifacts",
        "--allowed-hosts", f"127.0.0.1:{args.port},localhost:{args.port}",
        "--workers", "1",
    ]  # fmt: skip


def _environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "MLFLOW_BACKEND_STORE_URI": _store(
            settings
        ),  # no word of the command: those everybody sees
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _down() -> Outcome:
    ended = _SERVER.end()
    text = "MLflow is down; its data stays" if ended else "MLflow is not running"
    return _answer("down", "stopped", text)


def _status(settings: Settings) -> Outcome:
    found = _SERVER.running()
    if found is None or "server" not in found.processes:
        text = "MLflow is not running; make mlflow-up starts it"
        return _answer("status", "stopped", text, UnreachableError.exit_code)
    address, pid, memory = found.address, found.processes["server"].pid, found.memory_mb
    if not _healthy(address):
        log = _SERVER.log("server")
        text = f"MLflow runs as process {pid} but {address} does not answer; see {log}"
        return _answer("status", "not answering", text, UnreachableError.exit_code, pid=pid)
    text, links = _shown(address, settings)
    text = f"MLflow is up: {address} (process {pid}, {memory} MB)\n{text}"
    more: dict[str, Any] = {"pid": pid, "memory_mb": memory, **links}
    return _answer("status", "running", text, address=address, **more)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
