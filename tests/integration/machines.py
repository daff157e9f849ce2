"""Machines of their own on one computer: network namespaces on a bridge, an S3 API between them."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.conftest import kill_family

NETWORK, PORT = "10.77.0", 9000
BUCKET = "shared"
_REQUEST = re.compile(r'^(\S+) - - \[[^\]]*\] "(?:\x1b\[[0-9;]*m)*([A-Z]+) /\w+/(\S*) HTTP')


@dataclass
class Machine:
    """A network namespace, with folders that no other machine sees."""

    namespace: str
    address: str
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("REVIEWS_", "MLFLOW_"))}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.home / "tmp"),
            "HOME": str(self.home),
            "REVIEWS_CACHE_DIR": str(self.home / "cache"),
            "REVIEWS_DATA_DIR": f"s3://{BUCKET}/team",
            "AWS_ENDPOINT_URL": f"http://{NETWORK}.1:{PORT}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "MLFLOW_TRACKING_URI": "",
            **more,
        }

    def start(
        self, module: str, *words: str, settings: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command on the machine."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, sys.executable, "-m", f"src.model.{module}",
             *words, "--json"],
            cwd=self.home, env=self.environment(**(settings or {})), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


@dataclass
class Cluster:
    """Two machines, the S3 API they share, and what it was asked."""

    machines: list[Machine]
    log: Path
    _read: int = field(default=0)

    def requests(self) -> list[tuple[str, str, str]]:
        """Return what was asked since the last call: who, the method and the key."""
        lines = self.log.read_text(errors="replace").splitlines()
        new, self._read = lines[self._read :], len(lines)
        found = (_REQUEST.match(line) for line in new)
        return [(match[1], match[2], match[3]) for match in found if match]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def _namespace(name: str, address: str, hub: str) -> Iterator[None]:
    """Make a network namespace whose only cable leads to the hub's bridge."""
    _ip("netns", "add", name)
    try:
        _ip("link", "add", "cable", "netns", name, "type", "veth", "peer", "name", name,
            "netns", hub)  # fmt: skip
        _ip("-n", hub, "link", "set", name, "master", "bridge", "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
        _ip("-n", name, "link", "set", "cable", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        _ip("netns", "del", name)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Bring up a hub with the S3 API, and two machines; nothing of it is reachable from outside."""
    if os.getuid() or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    mark = os.getpid() % 100_000
    hub, names = f"hub{mark}", [f"one{mark}", f"two{mark}"]
    try:
        _ip("netns", "add", hub)
    except subprocess.CalledProcessError:
        pytest.skip("network namespaces are not allowed here")
    server = None
    try:
        _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", hub, "addr", "add", f"{NETWORK}.1/24", "dev", "bridge")
        _ip("-n", hub, "link", "set", "bridge", "up")
        _ip("-n", hub, "link", "set", "lo", "up")
        log = folder / "s3.log"
        with log.open("w") as written:
            server = subprocess.Popen(
                ["ip", "netns", "exec", hub, sys.executable, "-m", "moto.server",
                 "-H", f"{NETWORK}.1", "-p", str(PORT)],
                stdout=subprocess.DEVNULL, stderr=written, start_new_session=True,
            )  # fmt: skip
        machines = [
            Machine(name, f"{NETWORK}.{number}", folder / name)
            for number, name in enumerate(names, 2)
        ]
        with (
            _namespace(names[0], machines[0].address, hub),
            _namespace(names[1], machines[1].address, hub),
        ):
            for machine in machines:
                (machine.home / "tmp").mkdir(parents=True)
            _make_bucket(hub)
            yield Cluster(machines, log)
    finally:
        if server:
            kill_family(server)
        _ip("netns", "del", hub)


def _make_bucket(hub: str) -> None:
    """Wait for the S3 API and make the bucket."""
    options = {
        "endpoint_url": f"http://{NETWORK}.1:{PORT}",
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    code = f"import boto3; boto3.client('s3', **{options}).create_bucket(Bucket='{BUCKET}')"
    command = ["ip", "netns", "exec", hub, sys.executable, "-c", code]
    deadline = time.monotonic() + 60
    while subprocess.run(command, capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, "the S3 API did not come up"
        time.sleep(0.5)
