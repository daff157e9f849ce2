"""The real API as a process of its own on loopback, and a client of it."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import requests

from src.model.core.errors import StorageError
from src.monitoring.simulator import Review

_ROOT = Path(__file__).resolve().parents[2]
_READY_SECONDS, _BATCH = 60.0, 500
_CLIENTS = ("shop", "app", "mail", "phone")


class Client:
    """Sends reviews and labels in turn as several of the service's clients, each with its key."""

    def __init__(self, address: str, keys: Sequence[str]) -> None:
        self._address, self._given = address, keys
        self._keys = cycle(keys)
        self._session = requests.Session()

    def another(self) -> "Client":
        """Return one more, with its own connection: a session is for one thread."""
        return Client(self._address, self._given)

    def version(self) -> str:
        """Return the version that is served."""
        headers = {"x-api-key": next(self._keys)}
        address = f"{self._address}/api/v1/model"
        found = self._session.get(address, headers=headers, timeout=10).json()
        return str(found["version"])

    def is_ready(self) -> bool:
        try:
            answer = self._session.get(f"{self._address}/health/ready", timeout=2)
        except requests.RequestException:
            return False
        return bool(answer.status_code == requests.codes.ok)

    def predict(self, reviews: Sequence[Review]) -> list[str]:
        """Have reviews judged; return the request id of each, empty for one that was refused."""
        ids: list[str] = []
        for start in range(0, len(reviews), _BATCH):
            part = reviews[start : start + _BATCH]
            body = {"reviews": [{"title": r.title, "message": r.message} for r in part]}
            answer = self._post("predict/batch", body)
            for place, found in enumerate(answer["results"]):
                refused = found.get("error")
                ids.append("" if refused else f"{answer['request_id']}.{place}")
        return ids

    def label(self, request_id: str, *, positive: bool) -> None:
        """Say what a review really was."""
        word = "positive" if positive else "negative"
        self._post("feedback", {"request_id": request_id, "label": word})

    def _post(self, path: str, body: object) -> dict[str, Any]:
        headers = {"x-api-key": next(self._keys)}
        address = f"{self._address}/api/v1/{path}"
        answer = self._session.post(address, json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def served(program: Path, settings: Mapping[str, str], place: Path) -> Iterator[Client]:
    """Run the API in the block, with these settings over those of the environment.

    Its keys and its log are in `place`.

    Raises:
        StorageError: it does not start.
    """
    port = _free_port()
    keys = {name: secrets.token_urlsafe(16) for name in _CLIENTS}
    known = "".join(f"{name}:{sha256(key.encode()).hexdigest()}\n" for name, key in keys.items())
    (place / "keys").write_text(known, encoding="ascii")
    own = {"REVIEWS_API_PORT": str(port), "REVIEWS_API_KEYS_FILE": str(place / "keys")}
    environment = os.environ | dict(settings) | own
    log = place / "api.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(program), "-m", "src.api"], cwd=_ROOT, env=environment, stdout=out, stderr=out
        )
        try:
            client = Client(f"http://127.0.0.1:{port}", list(keys.values()))
            until = time.monotonic() + _READY_SECONDS
            while process.poll() is not None or not client.is_ready():
                if process.poll() is not None or time.monotonic() > until:
                    raise StorageError("The API did not start.", hint=f"Its last words: {log}.")
                time.sleep(0.1)
            yield client
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
