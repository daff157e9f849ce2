"""Load on the API while everything beside it fails: `python -m bench.faults`; the answer is docs/api/faults.md.

The API serves the champion of a real MLflow server. Every two seconds the alias moves to the other of two versions.
Meanwhile the server is killed and started again, the file system of log and cache is made read-only, then filled to its
last byte. Each answer is compared with what the version it names must say; in the end what the API's metrics say is
compared with what was sent and with what is on the disk.

Needs Linux, and leave to mount a small file system of its own (`unshare`, as root or in a user namespace).
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import load
from bench.fault_table import page, problems, table
from bench.faulty import Disk, Registry, Service, reviews_and_answers

_UNSHARED = "BENCH_FAULTS_UNSHARED"
_SWAP_SECONDS = 2.0
_CONNECTIONS = 8


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the load (default: 60)")
    parser.add_argument("--output", type=Path, help="write the page to this file")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return parser


def story(seconds: float, registry: Registry, disk: Disk) -> list[tuple[float, str, Callable[[], None]]]:
    """Return what happens when: seconds from the begin, its name, and what does it."""
    at = [seconds * share for share in (0.15, 0.25, 0.6, 0.72, 0.78, 0.9)]
    return [
        (at[0], "MLflow killed", registry.kill),
        (at[1], "MLflow started again", registry.launch),
        (at[2], "disk read-only", lambda: disk.read_only(True)),
        (at[3], "disk writable", lambda: disk.read_only(False)),
        (at[4], "disk full", disk.fill),
        (at[5], "disk has room", disk.empty),
    ]


def happen(events: Sequence[tuple[float, str, Callable[[], None]]], watched: Service) -> list[dict[str, Any]]:
    """Let each event happen at its time; return what the metrics were then."""
    begun, seen = time.monotonic(), []
    for at, name, act in events:
        time.sleep(max(0.0, begun + at - time.monotonic()))
        seen.append({"event": name, "at": round(time.monotonic() - begun, 1), "before": watched.counts()})
        act()
    return seen


def swap(registry: Registry, stop: threading.Event) -> None:
    """Move the alias to the other version again and again, where MLflow answers."""
    number = 1
    while not stop.wait(_SWAP_SECONDS):
        number = 3 - number
        registry.champion(number)


def run(seconds: float, folder: Path) -> dict[str, Any]:
    """Return everything that was seen."""
    disk, registry = Disk(folder / "disk"), Registry(folder / "mlflow")
    with contextlib.closing(disk), contextlib.closing(registry):
        registry.start()
        registry.register_two(folder)
        return _watched(seconds, folder, disk, registry)


def _watched(seconds: float, folder: Path, disk: Disk, registry: Registry) -> dict[str, Any]:
    requests, answers = reviews_and_answers()

    def right(number: int, body: bytes) -> bool:
        said = json.loads(body)
        return bool(answers[int(said["model"]["version"])][number] == said["probability"])

    with Service(folder, disk.root, registry.address) as service:
        stop, seen = threading.Event(), list[dict[str, Any]]()
        events = story(seconds, registry, disk)
        threads = [
            threading.Thread(target=swap, args=(registry, stop)),
            threading.Thread(target=lambda: seen.extend(happen(events, service))),
        ]
        for thread in threads:
            thread.start()
        sent = asyncio.run(load.load(service.port, requests, _CONNECTIONS, seconds, right))
        stop.set()
        for thread in threads:
            thread.join()
        time.sleep(3)  # the log catches up
        after = service.counts()
    return {
        "seconds": seconds, "load": sent, "events": seen, "after": after, "moves": registry.moves,
        "rows_on_disk": disk.rows(), "ended": service.process.returncode,
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    if not os.environ.get(_UNSHARED):
        if sys.platform != "linux" or shutil.which("unshare") is None:
            sys.stderr.write("error: this needs Linux with unshare(1): it mounts a small disk to fill it.\n")
            return 2
        words = ["unshare", "-rm", sys.executable, "-m", "bench.faults", *(argv if argv is not None else sys.argv[1:])]
        return subprocess.run(words, env=os.environ | {_UNSHARED: "1"}, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        found = run(args.seconds, Path(folder))
    if args.output:
        args.output.write_text(page(found), encoding="utf-8")
    sys.stdout.write((json.dumps(found | {"problems": problems(found)}) if args.json else table(found)) + "\n")
    return 1 if any(problems(found).values()) else 0


if __name__ == "__main__":
    sys.exit(main())
