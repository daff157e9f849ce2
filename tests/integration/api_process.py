"""The API as people run it: a process of its own, in an environment of requirements/api.txt."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from src.model.core.models.hashed import SentimentClassifier, Shape
from tests.conftest import ROOT, training
from tests.integration.processes import free_port, kill_family, until

PROGRAM = ROOT / ".venv-api" / "bin" / "python"
REVIEW = {
    "title": "Broke in a day",
    "message": "A total waste of money; the handle came off in my hand.",
}


@dataclass
class Api:
    """A running API."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    folder: Path

    def predict(self, **changes: Any) -> httpx.Response:
        return self.client.post("/api/v1/predict", json={**REVIEW, **changes})

    def batch(self, reviews: list[Any]) -> httpx.Response:
        return self.client.post("/api/v1/predict/batch", json={"reviews": reviews})

    def is_ready(self) -> bool:
        return self.client.get("/health/ready").is_success

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample; 0 where there is none."""
        for line in self.client.get("/metrics").text.splitlines():
            head, _, number = line.rpartition(" ")
            found = dict(
                pair.split("=")
                for pair in head.partition("{")[2].rstrip("}").replace('"', "").split(",")
                if pair
            )
            if head.partition("{")[0] == name and labels.items() <= found.items():
                return float(number)
        return 0.0

    def looks(self, result: str) -> float:
        """How often looking for another champion ended with `result`."""
        return self.metric("reviews_model_reloads_total", slot="champion", result=result)

    def rows(self) -> list[dict[str, Any]]:
        """What the prediction log holds."""
        parts = sorted((self.folder / "predictions").glob("*/*.jsonl.gz"))
        return [
            json.loads(line)
            for part in parts
            for line in gzip.decompress(part.read_bytes()).splitlines()
        ]

    def said(self) -> str:
        """What it has written to stderr."""
        return (self.folder / "log.txt").read_text()


@cache
def model_of(seed: int) -> SentimentClassifier:
    weights = np.random.default_rng(seed).normal(size=1 << 14).astype(np.float16)
    return SentimentClassifier(weights, Shape(14, 3, band=(0.4, 0.6)))


def probability_of(
    model: SentimentClassifier, title: str = REVIEW["title"], message: str = REVIEW["message"]
) -> float:
    return float(model.read([title], [message]).probability[0])


def put_model(folder: Path, seed: int, version: str) -> SentimentClassifier:
    """Write an exported model, the description last."""
    made = model_of(seed)
    made.save(folder / "aside", training(fingerprint=f"f{seed}"))
    known = {
        "name": "reviews",
        "version": version,
        "run_id": f"run{version}",
        "metrics": {"accuracy": 0.9},
    }
    (folder / "aside/export.json").write_text(json.dumps(known))
    for name in ("model.safetensors", "export.json", "model.json"):
        (folder / "aside" / name).replace(folder / name)
    return made


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Api]:
    """Start the API with folders below `folder`; end it by SIGTERM."""
    if not PROGRAM.exists():
        pytest.fail(f"{PROGRAM} is missing; run the tests with make test")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MLFLOW_TRACKING_URI": "",
        "REVIEWS_API_PORT": str(port),
        "REVIEWS_API_MODEL_DIR": str(folder / "model"),
        "REVIEWS_API_CACHE_DIR": str(folder / "cache"),
        "REVIEWS_API_POLL_SECONDS": "0.2",
        "REVIEWS_LOG_DIR": str(folder / "predictions"),
        "REVIEWS_LOG_SECONDS": "0.3",
        **settings,
    }
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [str(PROGRAM), "-m", "src.api"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        api = Api(process, client, folder)
        try:
            until(lambda: _alive(api), api.said, 40)
            yield api
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                kill_family(process)


@contextmanager
def ready(folder: Path, **settings: str) -> Iterator[Api]:
    """Start the API as `running` does, and wait until it has a model."""
    with running(folder, **settings) as api:
        until(api.is_ready, api.said, 40)
        yield api


def _alive(api: Api) -> bool:
    try:
        return api.client.get("/health/live").is_success
    except httpx.HTTPError:
        return False
