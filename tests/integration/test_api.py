"""The API as people run it: a process of its own, in an environment made from requirements/api.txt alone."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import distribution, files
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from src.model.classifier import SentimentClassifier, Shape
from tests.conftest import ROOT, Workspace
from tests.integration.conftest import MlflowServer, free_port, kill_family

API_TESTS = ("tests/unit/test_api_parts.py", "tests/unit/test_api_app.py")
REVIEW = {"title": "Broke in a day", "message": "A total waste of money; the handle came off in my hand."}


@dataclass
class Api:
    """A running API."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    folder: Path

    def predict(self, **changes: Any) -> httpx.Response:
        return self.client.post("/api/v1/predict", json={**REVIEW, **changes})

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample; 0 where there is none."""
        for line in self.client.get("/metrics").text.splitlines():
            head, _, number = line.rpartition(" ")
            found = dict(
                pair.split("=") for pair in head.partition("{")[2].rstrip("}").replace('"', "").split(",") if pair
            )
            if head.partition("{")[0] == name and labels.items() <= found.items():
                return float(number)
        return 0.0

    def rows(self) -> list[dict[str, Any]]:
        parts = sorted((self.folder / "predictions").glob("*/*.jsonl.gz"))
        return [json.loads(line) for part in parts for line in gzip.decompress(part.read_bytes()).splitlines()]


def model_of(seed: int) -> SentimentClassifier:
    weights = np.random.default_rng(seed).normal(size=1 << 14).astype(np.float16)
    return SentimentClassifier(weights, Shape(14, 3, band=(0.4, 0.6)))


def put_model(folder: Path, seed: int, version: str) -> SentimentClassifier:
    """Write an exported model, the description last."""
    made = model_of(seed)
    made.save(folder / "aside", {"fingerprint": f"f{seed}"})
    known = {"name": "reviews", "version": version, "run_id": f"run{version}", "metrics": {"accuracy": 0.9}}
    (folder / "aside/export.json").write_text(json.dumps(known))
    for name in ("model.safetensors", "export.json", "model.json"):
        (folder / "aside" / name).replace(folder / name)
    return made


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Api]:
    """Start the API with folders below `folder`; end it by SIGTERM."""
    program = ROOT / ".venv-api" / "bin" / "python"
    if not program.exists():
        pytest.fail(f"{program} is missing; run the tests with make test")
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
            [str(program), "-m", "src.api"], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        api = Api(process, client, folder)
        try:
            until(lambda: alive(api), f"{(folder / 'log.txt').read_text()}")
            yield api
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                kill_family(process)


def alive(api: Api) -> bool:
    try:
        return api.client.get("/health/live").is_success
    except httpx.HTTPError:
        return False


def until(condition: Callable[[], object], what: str = "", seconds: float = 20.0) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come: {what}")
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    put_model(tmp_path / "model", 1, "1")
    return tmp_path


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One API for the tests that only ask."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "model").mkdir()
    put_model(folder / "model", 1, "1")
    with running(folder) as started:
        until(lambda: started.client.get("/health/ready").is_success)
        yield started


def test_a_prediction_is_the_classifiers(api: Api) -> None:
    """Label, confidence, probability, abstention, model and request id; the numbers are those of the model."""
    expected = float(model_of(1).predict_proba([REVIEW["title"]], [REVIEW["message"]])[0])
    answer = api.predict()
    body = answer.json()

    assert expected == body["probability"]
    assert ("positive" if expected >= 0.5 else "negative") == body["label"]
    assert max(expected, 1 - expected) == body["confidence"]
    assert (0.4 < expected < 0.6) == body["abstained"]
    assert {"name": "reviews", "version": "1", "run_id": "run1"} == body["model"]
    assert body["request_id"] == answer.headers["x-request-id"]


def test_an_explanation_on_request(api: Api) -> None:
    """Contributions with places whose sum is the log-odds."""
    body = api.client.post("/api/v1/predict?explain=true", json=REVIEW).json()
    found = body["explanation"]
    total = found["intercept"] + sum(part["weight"] for part in found["contributions"])

    assert total == pytest.approx(np.log(body["probability"] / (1 - body["probability"])), abs=1e-6)
    assert "Broke" == found["title"][slice(*[next(
        (place["start"], place["end"]) for part in found["contributions"] if part["ngram"] == "broke"
        for place in part["occurrences"])][0])]  # fmt: skip


def test_a_batch_keeps_its_order_and_a_bad_review_fails_alone(api: Api) -> None:
    """A thousand at most; answers are those of single requests."""
    reviews: list[Any] = [{"message": f"text {n}"} for n in range(300)]
    reviews[7], reviews[8] = {"message": ""}, "no object"
    body = api.client.post("/api/v1/predict/batch", json={"reviews": reviews}).json()
    single = api.client.post("/api/v1/predict", json=reviews[299]).json()
    too_many = api.client.post("/api/v1/predict/batch", json={"reviews": [{"title": "x"}] * 1001})

    assert (300, 2) == (len(body["results"]), body["failed"])
    assert "both empty" in body["results"][7]["error"]
    assert "valid dictionary" in body["results"][8]["error"]
    assert single["probability"] == body["results"][299]["probability"]
    assert 422 == too_many.status_code


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b'{"title": "", "message": " "}', "application/json", 422, "both empty: write something"),
        (b'{"title": "x", "stars": 5}', "application/json", 422, "stars: Extra inputs"),
        (b'{"title": 5}', "application/json", 422, "title: Input should be a valid string"),
        (b"[" * 100_000, "application/json", (400, 422), ""),
        (b'{"title": "\xff"}', "application/json", (400, 422), ""),
        (b'{"title": "\\ud800"}', "application/json", 422, ""),
        (b"title=x", "application/x-www-form-urlencoded", 415, "must be application/json"),
        (b'{"title": "x"}', "", 415, "of no stated type"),
        (b"", "application/json", 422, ""),
        (b'{"message": "' + b"x " * 3_000_000 + b'"}', "application/json", 413, "larger than"),
        (b'{"message": "' + b"word " * 100_000 + b'"}', "application/json", 422, "at most 50000 characters"),
        (b'{"title": "\\u0000", "message": "a\\u0000b"}', "application/json", 200, ""),
        ('{"title": "café ☕ \U0001f600", "message": "日本"}'.encode(), "application/json; charset=utf-8", 200, ""),
    ],
)
def test_odd_bodies(api: Api, content: bytes, kind: str, status: int | tuple[int, ...], said: str) -> None:
    """Each gets its status and a problem that says what is wrong, without what was sent; nothing is a 5xx."""
    headers = {"content-type": kind} if kind else {}
    answer = api.client.post("/api/v1/predict", content=content, headers=headers)

    assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
    assert said in answer.text
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "request_id"} <= set(answer.json())


def test_other_paths_and_methods_are_problems_too(api: Api) -> None:
    """Not found and not allowed come as problem details, with the security headers every answer has."""
    answers = [api.client.get("/nowhere"), api.client.get("/api/v1/predict"), api.client.get("/")]

    assert [404, 405, 200] == [answer.status_code for answer in answers]
    assert all(a.headers["x-content-type-options"] == "nosniff" for a in answers)
    assert all("default-src 'none'" in a.headers["content-security-policy"] for a in answers)
    assert all("access-control-allow-origin" not in a.headers for a in answers)
    assert "application/problem+json" == answers[0].headers["content-type"]


def test_a_request_id_is_taken_over_only_if_well_formed(api: Api) -> None:
    """A caller's id comes back; one that could break a log line does not."""
    good = api.client.get("/health/live", headers={"x-request-id": "trace-12345.a_b"})
    bad = api.client.get("/health/live", headers={"x-request-id": 'x"\\,injected'})

    assert "trace-12345.a_b" == good.headers["x-request-id"]
    assert 32 == len(bad.headers["x-request-id"])


def test_the_openapi_document_describes_every_endpoint(api: Api) -> None:
    """With examples, and problems as problem details."""
    paths = api.client.get("/openapi.json").json()["paths"]

    assert {
        "/api/v1/predict", "/api/v1/predict/batch", "/api/v1/feedback", "/api/v1/model", "/api/v1/health",
        "/health/live", "/health/ready", "/metrics",
    } == set(paths)  # fmt: skip
    assert "application/problem+json" in paths["/api/v1/predict"]["post"]["responses"]["422"]["content"]


def test_predictions_and_feedback_are_logged_without_the_text(folder: Path) -> None:
    """A row for each prediction with what drift needs; feedback has the same id; no part is half there."""
    with running(folder) as api:
        until(lambda: api.client.get("/health/ready").is_success)
        said = api.predict().json()
        api.client.post("/api/v1/predict/batch", json={"reviews": [REVIEW, {"x": 1}, REVIEW]})
        feedback = api.client.post("/api/v1/feedback", json={"request_id": said["request_id"], "label": "negative"})
        until(lambda: len(api.rows()) == 4)
        rows = api.rows()
        counted = api.metric("reviews_log_rows_total", result="written")

    assert 202 == feedback.status_code
    assert ["prediction"] * 3 + ["feedback"] == [row["kind"] for row in rows]
    assert said["request_id"] == rows[0]["request_id"] == rows[3]["request_id"]
    assert [".0", ".2"] == [row["request_id"][-2:] for row in rows[1:3]]
    assert (said["probability"], "1") == (rows[0]["probability"], rows[0]["version"])
    assert 4 == counted
    assert not any("waste of money" in json.dumps(row) for row in rows)
    assert "waste of money" not in (folder / "log.txt").read_text()


def test_sigterm_drains_and_writes_the_log(folder: Path) -> None:
    """Rows that had not been written when the service was told to end are written then."""
    with running(folder, REVIEWS_LOG_SECONDS="3600") as api:
        until(lambda: api.client.get("/health/ready").is_success)
        for _ in range(20):
            assert api.predict().is_success
        api.process.send_signal(signal.SIGTERM)
        api.process.wait(20)
        rows = api.rows()

    assert 20 == len(rows)
    assert api.process.returncode in {0, -signal.SIGTERM}


def test_a_new_model_is_swapped_in_and_a_damaged_one_is_not(folder: Path) -> None:
    """The folder's model changes, the API follows; what is damaged is refused, and the last good one goes on."""
    with running(folder) as api:
        until(lambda: api.client.get("/health/ready").is_success)
        first = api.predict().json()
        second = put_model(folder / "model", 2, "2")
        until(lambda: api.predict().json()["model"]["version"] == "2")
        swapped = api.predict().json()
        weights = (folder / "model/model.safetensors").read_bytes()
        description = json.loads((folder / "model/model.json").read_text()) | {"bits": 15}
        (folder / "model/model.json").write_text(json.dumps(description))
        (folder / "model/model.safetensors").write_bytes(weights[:-1])
        until(lambda: api.metric("reviews_model_reloads_total", slot="champion", result="refused") >= 1)
        kept = api.predict().json()

    assert "1" == first["model"]["version"]
    assert float(second.predict_proba([REVIEW["title"]], [REVIEW["message"]])[0]) == swapped["probability"]
    assert swapped["probability"] == kept["probability"]
    assert "2" == kept["model"]["version"]


def test_no_model_is_not_ready_and_says_so(tmp_path: Path) -> None:
    """Alive, not ready, 503 with what to do; ready as soon as a model is exported."""
    (tmp_path / "model").mkdir()
    with running(tmp_path) as api:
        before = api.client.get("/health/ready"), api.predict(), api.client.get("/health/live")
        put_model(tmp_path / "model", 1, "1")
        until(lambda: api.client.get("/health/ready").is_success)
        after = api.predict()

    assert [503, 503, 200] == [answer.status_code for answer in before]
    assert "No model is loaded yet" in before[1].json()["detail"]
    assert 200 == after.status_code


def test_keys_and_limits(folder: Path) -> None:
    """Without a key 401, with one 200; beyond the burst 429 with the time to wait; health needs neither."""
    (folder / "keys").write_text(f"ann:{sha256(b'secret').hexdigest()}\n")
    with running(
        folder, REVIEWS_API_KEYS_FILE=str(folder / "keys"), REVIEWS_API_RATE="0.5", REVIEWS_API_BURST="3"
    ) as api:
        until(lambda: api.client.get("/health/ready").is_success)
        headers = {"authorization": "Bearer secret"}
        ours = [api.client.post("/api/v1/predict", json=REVIEW, headers=headers) for _ in range(4)]
        other = api.client.post("/api/v1/predict", json=REVIEW, headers={"x-api-key": "guess"})
        health = api.client.get("/api/v1/health")

    assert [200, 200, 200, 429] == [answer.status_code for answer in ours]
    assert 1 <= int(ours[3].headers["retry-after"]) <= 2
    assert (401, "Bearer", 200) == (other.status_code, other.headers["www-authenticate"], health.status_code)


@pytest.mark.parametrize("role", ["shadow", "canary"])
def test_a_challenger_beside_the_champion(folder: Path, role: str) -> None:
    """In the shadow it is logged and never served; as a canary it answers its share, the same reviews every time."""
    (folder / "model/challenger").mkdir()
    put_model(folder / "model/challenger", 2, "2")
    with running(folder, REVIEWS_API_CHALLENGER=role, REVIEWS_API_CANARY_SHARE="0.5") as api:
        until(lambda: (api.client.get("/health/ready").is_success
                       and api.client.get("/api/v1/model").json()["challenger"]))  # fmt: skip
        answers = [[api.predict(title=f"t{n}").json() for n in range(40)] for _ in range(2)]
        until(lambda: len(api.rows()) == 80)
        rows, judged = api.rows(), api.metric("reviews_shadow_seconds_count")
    versions = [[answer["model"]["version"] for answer in turn] for turn in answers]

    assert versions[0] == versions[1]
    if role == "shadow":
        assert {"1"} == set(versions[0])
        assert {"2"} == {row["shadow"]["version"] for row in rows}
        assert 80 == judged
    else:
        assert 8 <= versions[0].count("2") <= 32


def test_two_workers_count_together(folder: Path) -> None:
    """Whichever process answers /metrics, it tells of all requests."""
    with running(folder, REVIEWS_API_WORKERS="2") as api:
        until(lambda: api.client.get("/health/ready").is_success, seconds=40)
        for _ in range(60):
            with httpx.Client(base_url=api.client.base_url) as other:  # a connection of its own: any worker may take it
                until(lambda other=other: other.post("/api/v1/predict", json=REVIEW).is_success)  # type: ignore[misc]
        seen = {api.metric("reviews_requests_total", path="/api/v1/predict", status="200") for _ in range(6)}

    assert {60.0} == seen


def test_a_port_that_is_taken_and_settings_that_make_no_sense(folder: Path) -> None:
    """The start ends with exit code 2 and a sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environments: list[tuple[Mapping[str, str], str]] = [
            ({"REVIEWS_API_PORT": str(taken.getsockname()[1])}, "cannot be listened on"),
            ({"REVIEWS_LOG_DIR": "gopher://x"}, "can be used"),
            ({"REVIEWS_API_PRT": "1"}, "Did you mean REVIEWS_API_PORT?"),
            ({"REVIEWS_API_KEYS_FILE": "nowhere"}, "make api-key"),
        ]
        for settings, said in environments:
            done = subprocess.run(
                [str(ROOT / ".venv-api/bin/python"), "-m", "src.api"], cwd=folder, capture_output=True, text=True,
                timeout=60, check=False, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings},
            )  # fmt: skip
            assert (2, True) == (done.returncode, said in done.stderr), done.stderr


def test_only_the_apis_own_libraries_are_loaded() -> None:
    """Its environment has no scikit-learn, pandas, polars, pyarrow or MLflow, and the application is made there."""
    code = (
        "import importlib.util as u, sys, src.api.app\n"
        "from src.model.settings import load_settings\n"
        "src.api.app.create_app(load_settings({}, env_file=None))\n"
        "print([n for n in ('sklearn', 'pandas', 'polars', 'pyarrow', 'mlflow', 'scipy', 'boto3') if u.find_spec(n)])\n"
        "print(sorted(n for n in sys.modules if n.startswith('src.model.')))"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(ROOT / ".venv-api/bin/python"), "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    absent, ours = done.stdout.splitlines()

    assert "[]" == absent
    allowed = "artifact classifier digest errors labels logs serving_settings settings text weights"
    assert set(allowed.split()) == {name.removeprefix("src.model.") for name in json.loads(ours.replace("'", '"'))}


def test_the_apis_own_tests_pass_in_its_environment(tmp_path: Path) -> None:
    """Everything that is tested in process passes with the packages of requirements/api.txt alone, beside pytest's."""
    for name in ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers"):
        for top in {file.parts[0] for file in files(name) or ()} - {".."}:
            (tmp_path / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    done = subprocess.run(
        [str(ROOT / ".venv-api/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *API_TESTS], cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True,
        check=False, timeout=240,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout[-4000:]
    assert "skipped" not in done.stdout


def test_it_follows_an_alias_in_mlflow_and_outlives_it(
    workspace: Workspace, mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    """Version 2 is promoted: the API follows; rolled back: it follows; MLflow ends, the API is restarted: it serves."""
    from src.model.learners.counts import COUNTS

    workspace.set(MLFLOW_TRACKING_URI=mlflow_server.address)
    registry, tracker = workspace.context().registry, workspace.context().tracker
    for seed in (1, 2):
        made = tmp_path / f"made{seed}" / "model"
        model_of(seed).save(made, {"fingerprint": f"f{seed}"})
        (made / COUNTS).write_bytes(b"not needed to serve")
        with tracker.start(f"train {seed}", {}) as run:
            registry.register(run, made, {"fingerprint": f"f{seed}", "test.accuracy": "0.9"})
    registry.set_alias("champion", 1)
    expected = [float(model_of(s).predict_proba([REVIEW["title"]], [REVIEW["message"]])[0]) for s in (1, 2)]

    def version(api: Api) -> str:
        return str(api.client.get("/api/v1/model").json().get("version", ""))

    with running(tmp_path, MLFLOW_TRACKING_URI=mlflow_server.address) as api:
        until(lambda: version(api) == "1")
        first = api.predict().json()["probability"]
        registry.set_alias("champion", 2)
        until(lambda: version(api) == "2")
        second = api.predict().json()["probability"]
        registry.set_alias("champion", 1)
        until(lambda: version(api) == "1")
        kill_family(mlflow_server.process)
        until(lambda: api.metric("reviews_model_reloads_total", slot="champion", result="unreachable") >= 1)
        alone = api.predict().json()["probability"]
    with running(tmp_path, MLFLOW_TRACKING_URI=mlflow_server.address) as api:
        restarted = api.predict().json()

    assert [expected[0], expected[1], expected[0]] == [first, second, alone]
    assert (expected[0], "1") == (restarted["probability"], restarted["model"]["version"])


def test_a_registered_version_is_exported_for_it(champion: Workspace) -> None:
    """`export` writes model, version and card; another learner is refused."""
    answer = champion.ok("pipeline.export")
    champion.set(REVIEWS_LEARNER="tfidf")
    champion.ok("pipeline.train", "--batches", "0")
    refused = champion.run("pipeline.export", "--model-version", "2")
    known = json.loads((champion.data / "model/export.json").read_text())

    assert (1, "data/model") == (answer["model_version"], answer["folder"])
    assert {"card.html", "export.json", "model.json", "model.safetensors"} == {
        path.name for path in (champion.data / "model").iterdir() if path.is_file()
    }
    assert ("1", True) == (known["version"], known["metrics"]["accuracy"] > 0.5)
    assert (2, True) == (refused.code, "the API serves hashed alone" in refused.err)


def test_a_read_only_log_folder_fails_no_request(folder: Path) -> None:
    """Where the log cannot be written every request is answered, and the failure is in the metrics."""
    (folder / "predictions").write_text("a file where the folder should be")
    with running(folder) as api:
        until(lambda: api.client.get("/health/ready").is_success)
        codes = {api.predict().status_code for _ in range(30)}
        until(lambda: api.metric("reviews_log_parts_total", result="failed") >= 1)
        (folder / "predictions").unlink()
        until(lambda: api.metric("reviews_log_rows_total", result="written") == 30)

    assert {200} == codes


def test_killed_while_it_writes_it_leaves_only_whole_parts(folder: Path) -> None:
    """After kill -9 every part can be read to its end."""
    with running(folder, REVIEWS_LOG_SECONDS="0.05") as api:
        until(lambda: api.client.get("/health/ready").is_success)
        reviews = [{"title": str(n), "message": "text " * 50} for n in range(1000)]
        for _ in range(5):
            assert api.client.post("/api/v1/predict/batch", json={"reviews": reviews}).is_success
        until(lambda: bool(list((folder / "predictions").glob("*/*.gz"))))
        api.process.kill()
        api.process.wait(10)
        rows = api.rows()

    assert rows
    assert all(row["kind"] == "prediction" for row in rows)
    shutil.rmtree(folder / "predictions")
