"""Airflow on this machine, over the DAGs of this repository: up, down, status, backfill.

The programs that `airflow standalone` would start, each by itself, because that one listens on
every interface. All listen on 127.0.0.1 alone, where whoever may use this machine is an
administrator. The database is SQLite in .airflow, and so are the logs. `backfill` makes up for the
weeks from --since to --until, one after the other.
"""

import argparse
import hmac
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import requests

from src.model import command
from src.model.background import Background, Launch, Running, refuse_missing, refuse_taken
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import TrackingError, UnreachableError, UsageError
from src.orchestration.render import ROOT
from src.orchestration.workflow import WORKFLOWS

_SERVER = Background("Airflow", Path(".airflow"))
_READY_SECONDS = 180.0
State = Literal["running", "stopped", "not answering"]
_FOR_TASKS = ("WORKFLOW_", "REVIEWS_", "MLFLOW_", "DOCKER_", "STACK", "IMAGE_TAG")
_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


class AirflowResult(Result):
    """Whether Airflow runs, and where; `memory_mb` is that of all its processes."""

    step: str
    state: State
    address: str | None = None
    memory_mb: int | None = None


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "airflow_server", "src.orchestration")
    parser.add_argument("action", choices=("up", "down", "status", "backfill"))
    parser.add_argument(
        "--port",
        type=command.port,
        metavar="PORT",
        default=8080,
        help="port on 127.0.0.1 (default: 8080)",
    )
    for name in ("since", "until"):
        parser.add_argument(
            f"--{name}", default="", metavar="DAY", help="of `backfill`: YYYY-MM-DD, inclusive"
        )
    parser.add_argument(
        "--airflow", default=".venv-airflow/bin/airflow", help="the airflow program to start"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    del context
    if args.action == "up":
        return _up(args.airflow, args.port)
    if args.action == "backfill":
        return _backfill(args.since, args.until)
    return _down() if args.action == "down" else _status()


def _environment(port: int, home: Path) -> dict[str, str]:
    """Return what Airflow's programs are started with, beside what this process has."""
    secret = _secret(home / "secret")
    address = f"http://127.0.0.1:{port}"
    said = {
        "CORE__DAGS_FOLDER": ROOT / "airflow/dags",
        "CORE__PLUGINS_FOLDER": ROOT / "airflow/plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 2,
        "CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": True,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__BASE_URL": address,
        "API__SECRET_KEY": secret,
        "API_AUTH__JWT_SECRET": secret,
        "LOGGING__BASE_LOG_FOLDER": home / "logs",
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    found = {f"AIRFLOW__{name}": str(value) for name, value in said.items()}
    return os.environ | found | {"AIRFLOW_HOME": str(home)}


def _programs(airflow: str, port: int) -> dict[str, list[str]]:
    """Return the command line of each program by its name."""
    server = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return {
        "api-server": [airflow, *server],
        "scheduler": [airflow, "scheduler", "--skip-serve-logs"],
        "dag-processor": [airflow, "dag-processor"],
        "triggerer": [airflow, "triggerer", "--skip-serve-logs"],
    }


def _up(airflow: str, port: int) -> Outcome:
    found = _SERVER.running()
    if found and not found.gone:
        text = f"Airflow is up already: {found.address}"
        return _answer("up", "running", text, address=found.address)
    refuse_missing(airflow, "airflow-up")
    if found:
        return _mended(airflow, found)
    address = f"http://127.0.0.1:{port}"
    hint = "Stop that program, or choose another port: make airflow-up AIRFLOW_PORT=8081."
    if _SERVER.leftovers():
        hint = "It may be what killed programs have left: make airflow-down."
    refuse_taken(port, hint)
    home = _SERVER.folder.absolute()
    home.mkdir(exist_ok=True)
    environ = _environment(port, home)
    _migrate(airflow, environ)
    since = datetime.now(UTC)
    launch = Launch(_programs(airflow, port), address, environ, _settings())
    _SERVER.start(launch, lambda: not _sick(address, since), _READY_SECONDS)
    return _answer("up", "running", _shown(address), address=address)


def _mended(airflow: str, found: Running) -> Outcome:
    """Start those programs again that have ended; what the others do goes on."""
    now = _settings()
    other = sorted(name for name in {*now, *found.about} if now.get(name) != found.about.get(name))
    if other:
        msg = f"Airflow was started with another {' and '.join(other)}."
        hint = "Set what was set then, or start all of it anew: make airflow-down airflow-up."
        raise UsageError(msg, hint=hint)
    port = urlsplit(found.address).port
    if port is None:
        msg = f"{_SERVER.state} has no port."
        raise UsageError(msg, hint="Start all of it anew: make airflow-down airflow-up.")
    environ, since = _environment(port, _SERVER.folder.absolute()), datetime.now(UTC)
    launch = Launch(_programs(airflow, port), found.address, environ, now)
    _SERVER.start(launch, lambda: not _sick(found.address, since), _READY_SECONDS)
    text = f"Airflow is up: {found.address}\n  started again: {', '.join(found.gone)}"
    return _answer("up", "running", text, address=found.address)


def _settings() -> dict[str, str]:
    """Return digests of what the environment says to tasks, by name.

    They are keyed by the programs' secret, so that nobody else can try passwords on them.
    """
    key = _secret(_SERVER.folder / "secret").encode()
    return {
        name: hmac.digest(key, value.encode("utf-8", "surrogateescape"), "sha256").hex()[:16]
        for name, value in os.environ.items()
        if name.startswith(_FOR_TASKS)
    }


def _migrate(airflow: str, environ: dict[str, str]) -> None:
    with _SERVER.log("migrate").open("wb") as log:
        done = subprocess.run(
            [airflow, "db", "migrate"], env=environ, stdout=log, stderr=log, check=False
        )
    if done.returncode:
        msg = "Airflow's database could not be brought up to date."
        raise TrackingError(msg, hint=f"The log is {_SERVER.log('migrate')}.")


def _backfill(since: str, until: str) -> Outcome:
    """Have Airflow make up for the Mondays of some days; weekly_training runs one at a time."""
    first, last = _day(since, "since"), _day(until, "until")
    found = _SERVER.running()
    if found is None:
        msg = "Airflow is not running."
        raise UnreachableError(msg, hint="Start it first: make airflow-up.")
    mondays = [
        day
        for day in (first + timedelta(n) for n in range((last - first).days + 1))
        if day.weekday() == 0
    ]
    if not mondays:
        msg = f"There is no Monday from {first} to {last}."
        raise UsageError(msg, hint="For example since=2026-11-02 until=2026-11-23.")
    asked = [day for day in mondays if _ask(found.address, day)]
    text = f"Asked for {len(asked)} of {len(mondays)} Mondays, the others are there already"
    text += "; they run one after the other where weekly_training is switched on: "
    text += f"{found.address}/dags/weekly_training"
    return _answer("backfill", "running", text, address=found.address)


def _ask(address: str, monday: date) -> bool:
    """Ask for the run of a Monday, and say whether there was none yet."""
    minute, hour, *_ = WORKFLOWS["weekly_training"].schedule.split()
    at = f"{monday.isoformat()}T{hour:0>2}:{minute:0>2}:00Z"
    body = {"dag_run_id": f"monday__{monday.isoformat()}", "logical_date": at, "run_after": at}
    place = f"{address}/api/v2/dags/weekly_training/dagRuns"
    for pause in (1, 3, None):  # SQLite may be busy
        answer = requests.post(place, json=body, timeout=30)
        if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or pause is None:
            break
        time.sleep(pause)
    if answer.status_code == HTTPStatus.CONFLICT:
        return False
    if not answer.ok:
        msg = f"Airflow did not take the run of {monday}: {answer.text[:300]}"
        raise TrackingError(msg, hint=f"See {_SERVER.log('api-server')}.")
    return True


def _day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name}={text} is no day.", hint="Write YYYY-MM-DD.") from None


def _secret(path: Path) -> str:
    """Return the secret that Airflow's programs trust one another by, made once."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _sick(address: str, since: datetime | None = None) -> list[str]:
    """Return which parts are not healthy; `api-server` where nothing answers.

    A part that was last heard of before `since` counts as not healthy, whatever is said of it.
    """
    try:
        said = requests.get(f"{address}/api/v2/monitor/health", timeout=3).json()
        return [part for part in _PARTS if not _is_well(said[part], part, since)]
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError):
        return ["api-server"]


def _is_well(said: dict[str, Any], part: str, since: datetime | None) -> bool:
    heard = said.get(f"latest_{part}_heartbeat")
    late = since and heard and datetime.fromisoformat(heard) < since
    return said["status"] == "healthy" and not late


def _shown(address: str) -> str:
    return (
        f"Airflow is up: {address}\n  workflows are switched off at first; one that is switched on "
        "begins with its latest time that has passed"
    )


def _down() -> Outcome:
    ended = _SERVER.end()
    text = "is down; its runs and logs stay in .airflow" if ended else "is not running"
    return _answer("down", "stopped", f"Airflow {text}")


def _status() -> Outcome:
    found = _SERVER.running()
    if found is None:
        text = "Airflow is not running; make airflow-up starts it"
        return _answer("status", "stopped", text, UnreachableError.exit_code)
    about: dict[str, Any] = {"address": found.address, "memory_mb": found.memory_mb}
    if sick := [*found.gone, *_sick(found.address)]:
        parts = ", ".join(dict.fromkeys(part.replace("_", "-") for part in sick))
        text = f"Airflow runs at {found.address}, but not well: {parts}; see .airflow/*.log"
        text += "\n  make airflow-up starts again what has ended" if found.gone else ""
        return _answer("status", "not answering", text, UnreachableError.exit_code, **about)
    what = f"{len(found.processes)} programs, {about['memory_mb']} MB"
    return _answer("status", "running", f"Airflow is up: {found.address} ({what})", **about)


def _answer(action: str, state: State, text: str, exit_code: int = 0, **more: Any) -> Outcome:
    return Outcome(AirflowResult(step=f"airflow-{action}", state=state, **more), text, exit_code)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
