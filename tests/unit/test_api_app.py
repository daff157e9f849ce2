"""The application in this process: every endpoint, every refusal, the page."""

import asyncio
import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

from src.api.app import create_app
from src.api.edge import Edge
from src.api.metrics import Metrics
from src.api.rate_limit import RateLimit
from src.model.core.models.hashed import SentimentClassifier, Shape
from src.model.core.prediction_row import PredictionRow, Row, decode
from src.model.core.settings import load_settings
from tests.conftest import training

REVIEW = {"title": "Broke", "message": "It broke in a day."}


def put_model(folder: Path, seed: int, version: str) -> None:
    weights = np.random.default_rng(seed).normal(size=1 << 12).astype(np.float16)
    model = SentimentClassifier(weights, Shape(12, 3, band=(0.45, 0.55)))
    model.save(folder, training(fingerprint=f"print {seed}"))
    known = {"name": "reviews", "version": version, "run_id": "r", "metrics": {"accuracy": 0.9}}
    (folder / "export.json").write_text(json.dumps(known))


class Client(httpx.Client):
    """A client of an application that runs in this process."""

    app: FastAPI


@contextmanager
def client_of(folder: Path, **settings: str) -> Iterator[Client]:
    values = {
        "MLFLOW_TRACKING_URI": "",
        "REVIEWS_API_MODEL_DIR": str(folder / "model"),
        "REVIEWS_API_CACHE_DIR": str(folder / "cache"),
        "REVIEWS_LOG_DIR": str(folder / "log"),
        "REVIEWS_API_POLL_SECONDS": "0.05",
        "REVIEWS_LOG_SECONDS": "0.05",
        **settings,
    }
    app = create_app(load_settings(values, env_file=None))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until(lambda: server.started)
        try:
            with Client(
                base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20
            ) as client:
                client.app = app
                yield client
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put_model(tmp_path / "model", 1, "1")
    (tmp_path / "model/card.html").write_text("<!doctype html><title>card</title><body>x</body>")
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with client_of(folder) as made:
        wait_ready(made)
        yield made


def logged(folder: Path) -> list[Row]:
    """Return the rows of all parts of the prediction log."""
    parts = sorted((folder / "log").glob("*/*.jsonl.gz"))
    return [decode(line) for p in parts for line in gzip.decompress(p.read_bytes()).splitlines()]


def wait_ready(client: Client) -> None:
    until(lambda: client.get("/health/ready").is_success)


def until(condition: Callable[[], object]) -> None:
    """Wait for what comes by itself; a connection is accepted as soon as the server is there."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def test_every_endpoint_answers(client: Client) -> None:
    """One request to each gives what its schema promises, and all tell of the same model."""
    said = client.post("/api/v1/predict", json=REVIEW).json()
    explained = client.post("/api/v1/predict?explain=true", json=REVIEW).json()
    batch = client.post("/api/v1/predict/batch", json={"reviews": [REVIEW, {"title": 3}]}).json()
    feedback = client.post(
        "/api/v1/feedback", json={"request_id": said["request_id"], "label": "positive"}
    )
    model = client.get("/api/v1/model").json()
    metrics = client.get("/metrics").text

    assert said["probability"] == explained["probability"] == batch["results"][0]["probability"]
    expected = {"title", "message", "intercept", "exact", "contributions"}
    assert expected == set(explained["explanation"])
    assert {"models", "request_id", "results", "failed"} == set(batch)
    assert [{"name": "reviews", "version": "1", "run_id": "r"}] == batch["models"]
    assert "1" == batch["results"][0]["model_version"]
    assert (1, 202) == (batch["failed"], feedback.status_code)
    assert ("reviews", "1", 0.9, "print 1", None) == (
        model["name"],
        model["version"],
        model["metrics"]["accuracy"],
        model["data_digest"],
        model["challenger"],
    )
    assert feedback.json()["known"]
    assert ("English", False) == (model["language"], model["generated_data"])
    for answer in (said, batch["results"][0]):
        assert 0 <= answer["unknown_share"] <= 1
        assert answer["other_language"] is False
    assert 'reviews_predictions_total{label="' in metrics
    assert ["alive", "ready", "ready"] == [
        client.get(path).json()["status"]
        for path in ("/health/live", "/health/ready", "/api/v1/health")
    ]


def test_the_page_and_the_card(client: Client) -> None:
    """The page takes nothing from elsewhere, and the card has a policy of its own."""
    page = client.get("/").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    card = client.get("/card")

    assert {"static/style.css", "static/app.js"} <= set(sources)
    assert all("//" not in source and not source.startswith("/") for source in sources)
    assert not re.findall(r"<script(?![^>]* src=)|\son\w+=|style=", page)
    assert [200, 200] == [
        client.get(path).status_code for path in ("/static/style.css", "/static/app.js")
    ]
    assert "<title>card</title>" in card.text
    assert '<a href="./">Back to the page</a>' in card.text
    assert card.headers["content-security-policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'"
    )


def test_a_model_without_a_card_has_none(tmp_path: Path) -> None:
    """It is a problem with the status 404."""
    put_model(tmp_path / "model", 1, "1")
    with client_of(tmp_path) as client:
        wait_ready(client)
        answer = client.get("/card")

    assert 404 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]


def test_the_edge_refuses_before_the_endpoint_works(folder: Path) -> None:
    """A missing key, too many requests, no JSON, too large a body: each has status and sentence."""
    (folder / "keys").write_text(f"ann:{sha256(b'secret').hexdigest()}\n")
    settings = {
        "REVIEWS_API_KEYS_FILE": str(folder / "keys"),
        "REVIEWS_API_RATE": "0.001",
        "REVIEWS_API_BURST": "4",
        "REVIEWS_API_MAX_BODY_BYTES": "100",
    }
    key = {"x-api-key": "secret"}
    with client_of(folder, **settings) as client:
        wait_ready(client)
        answers = [
            client.post("/api/v1/predict", json=REVIEW),
            client.post("/api/v1/predict", json=REVIEW, headers=key),
            client.post(
                "/api/v1/predict", content=b"x", headers=key | {"content-type": "text/plain"}
            ),
            client.post("/api/v1/predict", json={"title": "x" * 200}, headers=key),
            client.post(
                "/api/v1/predict",
                content=iter([b"x" * 60] * 3),
                headers=key | {"content-type": "application/json"},
            ),
            client.post("/api/v1/predict", json=REVIEW, headers=key),
        ]

    assert [401, 200, 415, 413, 413, 429] == [answer.status_code for answer in answers]
    assert all("detail" in answer.json() for answer in answers if answer.is_error)


def test_below_a_path_that_a_proxy_leaves_on(folder: Path) -> None:
    """Page, script and endpoints are found with the path and without, and guarded both ways."""
    (folder / "keys").write_text(f"ann:{sha256(b'secret').hexdigest()}\n")
    settings = {
        "REVIEWS_API_ROOT_PATH": "/our/reviews",
        "REVIEWS_API_KEYS_FILE": str(folder / "keys"),
    }
    with client_of(folder, **settings) as client:
        wait_ready(client)
        page = client.get("/our/reviews/").text
        links = [link for link in re.findall(r'(?:src|href)="([^"#]+)"', page) if ":" not in link]
        found = {link: client.get(f"/our/reviews/{link}").status_code for link in links}
        refused = [
            client.post(f"{path}/api/v1/predict", json=REVIEW).status_code
            for path in ("", "/our/reviews", "/our/reviews/our/reviews", "/our/reviews/", "//")
        ]
        let_in = client.post(
            "/our/reviews/api/v1/predict", json=REVIEW, headers={"x-api-key": "secret"}
        )
        document = client.get("/our/reviews/openapi.json").json()
        servers = document["servers"]

    assert len(links) >= 2
    assert {200} == set(found.values()), found
    assert [401, 401] == refused[:2]
    assert set(refused[2:]) <= {401, 404, 405}
    assert let_in.is_success
    assert {"bearer", "header"} == set(document["components"]["securitySchemes"])
    assert [{"url": "/our/reviews"}] == servers


def test_the_text_may_be_called_text(client: Client) -> None:
    """As in every file of reviews; one name at a time."""
    wait_ready(client)
    said = [
        client.post("/api/v1/predict", json={"title": REVIEW["title"], name: REVIEW["message"]})
        for name in ("message", "text")
    ]
    both = client.post("/api/v1/predict", json={**REVIEW, "text": "x"})
    batch = client.post("/api/v1/predict/batch", json={"reviews": [{"text": REVIEW["message"]}]})

    assert said[0].json()["probability"] == said[1].json()["probability"]
    assert "message and text are two names of one field" in both.json()["detail"]
    assert 422 == both.status_code
    assert 0 == batch.json()["failed"]


def test_no_answer_sends_the_caller_to_another_host(client: Client) -> None:
    """A path with one slash too many is not found, whatever host the caller names."""
    answers = [
        client.get(path, headers={"host": "evil.example"}, follow_redirects=False)
        for path in ("/card/", "/api/v1/model/", "/metrics/", "//evil.example/card/")
    ]

    assert {404} == {answer.status_code for answer in answers}
    assert not any("location" in answer.headers for answer in answers)


def test_a_body_that_does_not_come_and_a_defect() -> None:
    """A slow body is 408; an endpoint that breaks is 500 without its reason; both are counted."""
    metrics = Metrics()

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a secret reason")

    edge = Edge(broken, metrics, {}, RateLimit(0, 1), 1_000, 0.01)

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        async def slow() -> Any:
            await asyncio.sleep(1)
            yield b"{}"

        transport = httpx.ASGITransport(edge)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            head = {"content-type": "application/json"}
            return await client.post(
                "/api/v1/predict", content=slow(), headers=head
            ), await client.get("/x")

    late, defect = asyncio.run(ask())

    assert (408, 500) == (late.status_code, defect.status_code)
    assert "secret" not in defect.text
    assert 1 == metrics.registry.get_sample_value(
        "reviews_requests_total", {"path": "other", "status": "500"}
    )


@pytest.mark.parametrize("role", ["shadow", "canary"])
def test_a_challenger(folder: Path, role: str) -> None:
    """It is told of with the model, takes its part, and has log rows that say which part it is."""
    put_model(folder / "model/challenger", 2, "2")
    settings = {
        "REVIEWS_API_CHALLENGER": role,
        "REVIEWS_API_CANARY_SHARE": "1",
        "REVIEWS_LOG_TEXT": "true",
    }
    with client_of(folder, **settings) as client:
        wait_ready(client)
        until(lambda: client.get("/api/v1/model").json()["challenger"])
        about = client.get("/api/v1/model").json()
        served = client.post("/api/v1/predict", json=REVIEW).json()["model"]["version"]
        service = client.app.state.service
        service.log.stop()
        shadowed = service.metrics.registry.get_sample_value("reviews_shadow_seconds_count")
    rows = logged(folder)

    assert (role, "2") == (about["challenger"]["role"], about["challenger"]["version"])
    assert ("1", 1) == (served, shadowed) if role == "shadow" else ("2", 0) == (served, shadowed)
    expected = [("champion", "1"), ("shadow", "2")] if role == "shadow" else [("canary", "2")]
    assert expected == [(row.role, row.version) for row in rows if isinstance(row, PredictionRow)]
    assert 1 == len({row.request_id for row in rows})


def test_without_a_model_nothing_is_judged(tmp_path: Path) -> None:
    """Until one is loaded the answer is 503, with a time to come back."""
    with client_of(tmp_path) as client:
        answers = [
            client.post("/api/v1/predict", json=REVIEW),
            client.get("/api/v1/model"),
            client.get("/health/ready"),
        ]

    assert [503, 503, 503] == [answer.status_code for answer in answers]
    assert "2" == answers[0].headers["retry-after"]
