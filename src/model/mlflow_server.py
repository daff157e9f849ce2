"""MLflow's server on this machine: up, down, status.

It shares the store that runs without a server write to.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import psutil
import requests

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import TrackingError, UnreachableError, UsageError
from src.model.core.names import TRAINED_VIEW
from src.model.core.settings import Settings
from src.model.files.mlflow_database import refuse_percent, sqlite_lock

_STATE, _LOG = Path(".mlflow/server.json"), Path(".mlflow/server.log")
_DEFAULT_STORE = "sqlite:///mlflow.db"
_READY_SECONDS, _STOP_SECONDS = 90.0, 15.0


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
        type=int,
        choices=range(1024, 65536),
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


def _running() -> tuple[psutil.Process, str] | None:
    """Return the server this program started and its address.

    None where that very process is no longer alive.
    """
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, psutil.Error):
        state = json.loads(_STATE.read_text(encoding="utf-8"))
        process = psutil.Process(state["pid"])
        if process.create_time() == state["created"] and process.status() != psutil.STATUS_ZOMBIE:
            return process, state["address"]
    return None


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
    found = _running()
    if found:
        text, links = _shown(found[1], settings)
        head = f"MLflow is up already: {found[1]}"
        return _answer("up", "running", f"{head}\n{text}", address=found[1], **links)
    address = f"http://127.0.0.1:{args.port}"
    if _port_is_taken(args.port):
        msg = f"Port {args.port} is taken by another program."
        hint = "Stop that program, or choose another port: make mlflow-up MLFLOW_PORT=5501."
        raise UsageError(msg, hint=hint)
    if not Path(args.mlflow).exists():
        msg = f"{args.mlflow} is missing."
        raise UsageError(msg, hint="make mlflow-up installs it.")
    refuse_percent(Path(args.mlflow).absolute())
    _STATE.parent.mkdir(exist_ok=True)
    with sqlite_lock(_store(settings), "tables", _READY_SECONDS):  # until the tables are there
        pid = _start(args, settings, address)
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


def _start(args: argparse.Namespace, settings: Settings, address: str) -> int:
    """Start the server and return its process id when it answers. Raises TrackingError."""
    with _LOG.open("ab") as log:
        process = subprocess.Popen(
            _command(args),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=_environment(settings),
        )
    created = psutil.Process(process.pid).create_time()
    state = {"pid": process.pid, "created": created, "address": address}
    _STATE.write_text(json.dumps(state), encoding="utf-8")
    deadline = time.monotonic() + _READY_SECONDS
    while not _healthy(address):
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process.pid)
            _STATE.unlink(missing_ok=True)
            msg = f"MLflow's server did not start; its log ends:\n{_log_end()}"
            raise TrackingError(msg, hint=f"The whole log is {_LOG}.")
        time.sleep(0.2)
    return process.pid


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


def _port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _down() -> Outcome:
    found = _running()
    _STATE.unlink(missing_ok=True)
    if found is None:
        return _answer("down", "stopped", "MLflow is not running")
    _end(found[0].pid)
    return _answer("down", "stopped", "MLflow is down; its data stays")


def _end(pid: int) -> None:
    """Stop the process and its children, gently at first."""
    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for process in family:
        _signal(process, gentle=True)
    _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
    for process in alive:
        _signal(process, gentle=False)


def _signal(process: psutil.Process, *, gentle: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate() if gentle else process.kill()


def _status(settings: Settings) -> Outcome:
    found = _running()
    if found is None:
        text = "MLflow is not running; make mlflow-up starts it"
        return _answer("status", "stopped", text, UnreachableError.exit_code)
    process, address = found
    if not _healthy(address):
        text = f"MLflow runs as process {process.pid} but {address} does not answer; see {_LOG}"
        return _answer("status", "not answering", text, UnreachableError.exit_code, pid=process.pid)
    memory = sum(p.memory_info().rss for p in (process, *process.children(recursive=True))) >> 20
    text, links = _shown(address, settings)
    text = f"MLflow is up: {address} (process {process.pid}, {memory} MB)\n{text}"
    more: dict[str, Any] = {"pid": process.pid, "memory_mb": memory, **links}
    return _answer("status", "running", text, address=address, **more)


def _log_end() -> str:
    return "\n".join(_LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
