"""What `bench.faults` lets fail: a disk, a registry, and the API that must not mind."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np

from bench.load import request
from src.model.core.models.hashed import SentimentClassifier, Shape
from src.model.core.records import Training
from src.model.data.synthetic import generate, parse

ROOT = Path(__file__).resolve().parents[1]
_NAME = "amazon-reviews-sentiment"
_DISK_MB = 24
_COUNTED = {
    "requests": 'reviews_requests_total{path="/api/v1/predict",status="200"}',
    "loaded": 'reviews_model_reloads_total{result="loaded",slot="champion"}',
    "unreachable": 'reviews_model_reloads_total{result="unreachable",slot="champion"}',
    "refused": 'reviews_model_reloads_total{result="refused",slot="champion"}',
    "rows_written": 'reviews_log_rows_total{result="written"}',
    "rows_dropped": 'reviews_log_rows_total{result="dropped"}',
    "rows_waiting": "reviews_log_waiting",
    "parts_failed": 'reviews_log_parts_total{result="failed"}',
}


def model_of(number: int) -> SentimentClassifier:
    """Return a model of its own for each number.

    What it says makes no sense, and can be told from another's.
    """
    weights = np.random.default_rng(number).normal(size=1 << 16).astype(np.float16)
    return SentimentClassifier(weights, Shape(16, 2))


def _record(number: int) -> Training:
    """Return the record of a training that never took place."""
    parameters = {"learner": "hashed", "batches": "0", "validation_share": 0.05}
    return Training(parameters=parameters, inputs=(), fingerprint=str(number))


def reviews_and_answers() -> tuple[list[bytes], dict[int, list[float]]]:
    """Return requests, and what each version must answer to them."""
    rows = next(block for _, block in generate(parse("1000@7")))
    titles, texts = rows["title"].to_list(), rows["text"].to_list()
    bodies = [
        json.dumps({"title": t, "message": m}).encode() for t, m in zip(titles, texts, strict=True)
    ]
    answers = {number: model_of(number).probabilities(titles, texts).tolist() for number in (1, 2)}
    return [request("/api/v1/predict", body) for body in bodies], answers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Disk:
    """A small file system of our own, in memory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(root)], check=True
        )

    def read_only(self, on: bool) -> None:  # noqa: FBT001
        subprocess.run(
            ["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.root)], check=True
        )

    def fill(self) -> None:
        with (self.root / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 12))
            except OSError:
                return

    def empty(self) -> None:
        (self.root / "filler").unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.root)], check=True)

    def rows(self) -> int:
        """Return the rows of all parts; each part must be whole."""
        rows = 0
        for part in self.root.glob("predictions/*/*.jsonl.gz"):
            lines = gzip.decompress(part.read_bytes()).splitlines()
            rows += len([json.loads(line) for line in lines])
        return rows


class Registry:
    """A real MLflow server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self.moves = 0
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the server, and do not wait for it."""
        command = [
            str(ROOT / ".venv-mlflow/bin/mlflow"), "server",
            "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db",
            "--artifacts-destination", str(self._folder / "artifacts"),
        ]  # fmt: skip
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self._process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | quiet,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.address}/health", timeout=2).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise SystemExit("error: MLflow's server did not start.")

    def kill(self) -> None:
        if self._process:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None

    close = kill

    def register_two(self, folder: Path) -> None:
        """Register versions 1 and 2, with the project's own registry; version 1 is the champion."""
        code = (
            "import sys; from pathlib import Path; from src.model.context import Context\n"
            "from src.model.core.settings import load_settings\n"
            "with Context(load_settings()) as context:\n"
            "    for folder in sys.argv[1:]:\n"
            "        with context.tracker.start('train', {}) as run:\n"
            "            context.registry.register(run, Path(folder), {'fingerprint': folder})\n"
            "    context.registry.set_alias('champion', 1)\n"
        )
        made = []
        for number in (1, 2):
            made.append(folder / f"made{number}" / "model")
            model_of(number).save(made[-1], _record(number))
            (made[-1] / "counts.zlib").write_bytes(b"not needed to serve")
        environment = os.environ | {
            "MLFLOW_TRACKING_URI": self.address,
            "REVIEWS_CACHE_DIR": str(folder / "aside"),
        }
        subprocess.run(
            [sys.executable, "-c", code, *map(str, made)],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=sys.stderr,
        )

    def champion(self, number: int) -> None:
        """Move the alias, if the server answers."""
        url = f"{self.address}/api/2.0/mlflow/registered-models/alias"
        body = {"name": _NAME, "alias": "champion", "version": str(number)}
        try:
            answer = httpx.post(url, json=body, timeout=5)
            self.moves += answer.is_success
        except httpx.HTTPError:
            pass


class Service:
    """The API in its own environment, with log and cache on the disk that fails."""

    def __init__(self, folder: Path, disk: Path, registry: str) -> None:
        self.port = free_port()
        self._address = f"http://127.0.0.1:{self.port}"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MLFLOW_TRACKING_URI": registry,
            "REVIEWS_API_PORT": str(self.port),
            "REVIEWS_API_POLL_SECONDS": "0.5",
            "REVIEWS_API_CACHE_DIR": str(disk / "cache"),
            "REVIEWS_LOG_DIR": str(disk / "predictions"),
            "REVIEWS_LOG_SECONDS": "0.5",
            "REVIEWS_LOG_PART_BYTES": "200000",
            "REVIEWS_LOG_QUEUE": "2000",
            "REVIEWS_API_RATE": "0",
        }
        self._log = (folder / "api.log").open("wb")
        self.process = subprocess.Popen(
            [str(ROOT / ".venv-api/bin/python"), "-m", "src.api"],
            cwd=folder,
            env=environment,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self._address}/health/ready", timeout=2).is_success:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise SystemExit("error: the API did not become ready.")

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _t: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._log.close()

    def counts(self) -> dict[str, Any]:
        """Return what its metrics say now."""
        said = {}
        for line in httpx.get(f"{self._address}/metrics", timeout=10).text.splitlines():
            head, _, number = line.rpartition(" ")
            said[head] = number
        return {name: int(float(said.get(sample, 0))) for name, sample in _COUNTED.items()}
