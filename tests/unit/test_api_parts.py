"""Parts of the API by themselves: limits, keys, log rows, explanations with places, sources."""

import gzip
import json
import random
import re
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram

from src.api.explanation import explained
from src.api.judging import judge, log_row
from src.api.metrics import Metrics, observe_all
from src.api.model_cache import ModelCache
from src.api.model_store import ModelSlot, Served, load_served
from src.api.prediction_log import FolderSink, ObjectSink, PredictionLog, open_sink
from src.api.rate_limit import Buckets, OwnBuckets, RateLimit, SharedBuckets
from src.api.security import key_owner, read_keys
from src.api.sources import Contents, FolderSource, MlflowSource, Reference
from src.model.core.artifact import DESCRIPTION, read_files
from src.model.core.errors import ModelError, SettingsError, TrackingError
from src.model.core.models.hashed import WEIGHTS, SentimentClassifier, Shape
from src.model.core.prediction_row import FeedbackRow, decode, encode
from src.model.core.proxies import keep_near
from src.model.core.settings import LogSettings, load_settings
from src.model.core.text import ngrams, tokens
from tests.conftest import ROOT, training

SHAPE = Shape(12, 3, slope=2.0, intercept=-0.5, band=(0.4, 0.6))
TIME = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a model of random weights, some of them zero."""
    weights = np.random.default_rng(0).normal(size=1 << 12).astype(np.float16)
    weights[::3] = 0
    folder = tmp_path_factory.mktemp("model")
    SentimentClassifier(weights, SHAPE).save(folder, training(fingerprint="f"))
    return read_files(folder, [DESCRIPTION, WEIGHTS])


@pytest.fixture(scope="module")
def served(contents: dict[str, bytes]) -> Served:
    """The model, loaded as the API does."""
    return load_served(Reference(name="reviews", version="7", alias="champion"), contents)


def test_an_explanation_adds_up_and_has_every_place(served: Served) -> None:
    """Intercept and contributions are the log-odds; each n-gram stands wherever the text has it."""
    title, message = "Not bad", "Not bad &amp; not dear. It&#39;s good"
    found = explained(served.model.explain(title, message))
    (probability,) = served.model.read([title], [message]).probability
    total = found["intercept"] + sum(part["weight"] for part in found["contributions"])
    by_name = {part["ngram"]: part for part in found["contributions"]}
    seen = [
        (found[place["field"]][place["start"] : place["end"]], part["ngram"])
        for part in found["contributions"]
        for place in part["occurrences"]
    ]

    assert np.log(probability / (1 - probability)) == pytest.approx(total, abs=1e-9)
    assert found["exact"]
    assert "Not bad" == found["title"]
    assert "It's good" in found["message"]
    assert set(by_name) <= set(ngrams(title, message, 3))
    assert all(" ".join(tokens(text)) == ngram for text, ngram in seen)
    assert all(
        len(part["occurrences"]) == ngrams(title, message, 3).count(name)
        for name, part in by_name.items()
    )


def test_a_verdict_does_not_depend_on_company(served: Served) -> None:
    """Judged alone or among hundreds, a review has the same verdict, the model's own."""
    titles, messages = ["Great", "", "x" * 500] * 90, ["I love it", "the worst of it", ""] * 90
    together = judge(served, titles, messages)
    alone = [judge(served, [t], [m])[0] for t, m in zip(titles[:3], messages[:3], strict=True)]

    assert together[:3] == alone
    readings = served.model.read(titles, messages)
    for name in ("probability", "abstained", "title_tokens", "tokens", "unknown_share"):
        assert getattr(readings, name).tolist() == [getattr(v, name) for v in together]
    assert alone[1].language_share > alone[0].language_share >= 0
    assert all(0 <= verdict.unknown_share <= 1 for verdict in together)
    assert [] == judge(served, [], [])


def test_the_logs_line_is_json(served: Served) -> None:
    """Put together by hand, it is what a parser reads, under these very names."""
    (verdict,) = judge(served, ["Great"], ["I love it"])
    row = json.loads(encode(log_row("a" * 32, TIME, served, "champion", verdict)))

    assert {
        "format": 3,
        "kind": "prediction",
        "time": TIME,
        "request_id": "a" * 32,
        "role": "champion",
        "model": "reviews",
        "version": "7",
        "digest": served.digest,
        "label": verdict.label,
        "probability": verdict.probability,
        "abstained": verdict.abstained,
        "title_tokens": 1,
        "tokens": 4,
        "unknown_share": pytest.approx(verdict.unknown_share, abs=1e-4),
        "language_share": pytest.approx(0.5, abs=1e-4),
    } == row


def test_a_damaged_model_is_not_served(served: Served, contents: dict[str, bytes]) -> None:
    """What the model's reader refuses never gets as far as a slot."""
    with pytest.raises(ModelError, match="has changed since it was saved"):
        load_served(served.reference, {**contents, WEIGHTS: b"?"})
    with pytest.raises(ModelError, match="is missing"):
        load_served(served.reference, {WEIGHTS: contents[WEIGHTS]})
    changed = contents[DESCRIPTION] + b"\n"
    registered = served.reference.model_copy(update={"digest": served.digest})
    assert load_served(registered, contents)
    with pytest.raises(ModelError, match="is not the one that was registered"):
        load_served(registered, {**contents, DESCRIPTION: changed})


def test_a_description_of_ten_megabytes_is_not_even_parsed(
    served: Served, contents: dict[str, bytes], tmp_path: Path
) -> None:
    """A source hands over nothing that goes beyond its bounds."""
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    source = FolderSource(tmp_path, "reviews")

    assert contents == source.fetch(served.reference)
    (tmp_path / DESCRIPTION).write_bytes(contents[DESCRIPTION] + b" " * 10_000_000)
    with pytest.raises(ModelError, match="is larger than 4,194,304 bytes"):
        source.fetch(served.reference)


def test_a_token_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    """Three at once, then one each half second, for each caller; no rate means no limit."""
    now = [0.0]
    limit = RateLimit(2.0, 3, clock=lambda: now[0])

    assert [0.0, 0.0, 0.0, 0.5] == [limit.wait("a") for _ in range(4)]
    assert 0.0 == limit.wait("b")
    now[0] = 0.5
    assert [0.0, 0.5] == [limit.wait("a") for _ in range(2)]
    assert [0.0] * 50 == [RateLimit(0, 1).wait("a") for _ in range(50)]


def test_strangers_do_not_fill_the_memory() -> None:
    """Ten thousand callers are remembered, the longest silent one is forgotten first."""
    buckets = OwnBuckets()
    limit = RateLimit(1.0, 1, buckets)
    for number in range(10_050):
        limit.wait(str(number))

    assert 10_000 == sum(buckets.get(str(number)) is not None for number in range(10_050))
    assert buckets.get("10049")


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_a_batch_is_paid_for_review_by_review(tmp_path: Path, kind: str) -> None:
    """What is not there is owed; processes that share a file share what is left."""
    now = [100.0]
    shared = kind == "shared"
    buckets: Buckets = SharedBuckets(tmp_path / "b") if shared else OwnBuckets()
    limit = RateLimit(2.0, 3, buckets, lambda: now[0])
    other = RateLimit(2.0, 3, SharedBuckets(tmp_path / "b") if shared else buckets, limit.clock)

    assert 0.0 == limit.wait("ann")
    limit.charge("ann", 9)
    assert 4.0 == limit.wait("ann") == other.wait("ann")
    assert 0.0 == other.wait("bob")
    now[0] += 4
    assert [0.0, 0.5] == [other.wait("ann"), limit.wait("ann")]


def test_keys_are_known_by_their_digest(tmp_path: Path) -> None:
    """Comments and empty lines are skipped; a key names its owner, anything else names nobody."""
    path = tmp_path / "keys"
    path.write_text(
        f"# ours\n\nann:{sha256(b'secret').hexdigest()}\nbob:{sha256(b'other').hexdigest()}\n"
    )
    keys = read_keys(path)

    assert ["ann", "bob", None, None] == [
        key_owner(key, keys) for key in ("secret", "other", "", "Secret")
    ]
    assert {} == read_keys(None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ann:secret\n", "line 1, is no"),
        (f"a:{'0' * 64}\na:{'1' * 64}\n", "line 2, is no"),
        ("# none\n", "holds no key"),
    ],
)
def test_a_keys_file_that_makes_no_sense(tmp_path: Path, content: str, said: str) -> None:
    """A plain key, a name twice, and no key at all end the start with a sentence."""
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(SettingsError, match=said):
        read_keys(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_keys(tmp_path / "nowhere")


def test_many_observations_at_once_are_those_one_by_one() -> None:
    """Same buckets, same sum, bounds included."""
    values = [random.Random(0).random() for _ in range(200)] + [0.1, 0.5, 1.0, 2.0]
    pages = []
    for at_once in (True, False):
        registry = CollectorRegistry()
        histogram = Histogram("h", "h", buckets=(0.1, 0.5, 1.0), registry=registry)
        if at_once:
            observe_all(histogram, values)
        else:
            for value in values:
                histogram.observe(value)
        samples = [sample for metric in registry.collect() for sample in metric.samples]
        kept = [sample for sample in samples if "created" not in sample.name]
        pages.append({sample.name + str(sample.labels): sample.value for sample in kept})

    assert pytest.approx(pages[1]) == pages[0]


class BrokenSink:
    """A sink of the port that fails until it is mended."""

    def __init__(self) -> None:
        self.broken = True
        self.parts: list[bytes] = []

    def write(self, name: str, content: bytes) -> None:
        if self.broken:
            raise OSError(28, "No space left on device", name)
        self.parts.append(gzip.decompress(content))

    def clean(self, older_than_seconds: float) -> None:
        raise AssertionError(older_than_seconds)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def test_rows_wait_for_a_sink_that_fails_and_only_then_are_dropped() -> None:
    """What fits is kept for the next try, the oldest dropped and counted; nothing is raised."""
    metrics, sink = Metrics(), BrokenSink()
    log = PredictionLog(sink, LogSettings(part_bytes=1_000), metrics)
    rows = [FeedbackRow(TIME, f"request.{number}", "positive") for number in range(1_000)]
    for row in rows:
        log.put(row)
    log._take(1_000)
    log._write()
    kept = len(log._lines)
    sink.broken = False
    log._write()

    assert 0 < kept < 1_000
    assert (1_000 - kept, kept) == (
        value(metrics, "reviews_log_rows_total", result="dropped"),
        value(metrics, "reviews_log_rows_total", result="written"),
    )
    assert rows[1_000 - kept :] == [decode(line) for line in sink.parts[0].splitlines()]
    assert 1 == value(metrics, "reviews_log_parts_total", result="failed")


def test_a_full_queue_drops_and_counts() -> None:
    """Rows too many and rows that cannot be made are counted; a shadow nobody casts is no row."""
    metrics = Metrics()
    log = PredictionLog(BrokenSink(), LogSettings(queue=5), metrics)
    for _ in range(8):
        log.put(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    log._take(5)
    log.put(lambda: None)
    log._take(1)

    assert 8 == value(metrics, "reviews_log_rows_total", result="dropped")
    assert [] == log._lines


def test_old_parts_and_leftovers_go(tmp_path: Path) -> None:
    """Parts past their days and what a killed process left go; other people's files never do."""
    import os

    sink, day = FolderSink(tmp_path), "2026-01-02"
    ours = [f"20260102T00000{n}-77-0123abc{n}.jsonl.gz" for n in range(3)]
    theirs = ["export.jsonl.gz", ".export.jsonl.gz.tmp", "notes.txt"]
    sink.write(f"{day}/{ours[0]}", b"x")
    for name in (f".{ours[1]}.tmp", *theirs):
        (tmp_path / day / name).write_bytes(b"x")
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / ours[2]).write_bytes(b"x")
    for path in (*(tmp_path / day).iterdir(), tmp_path / "backup" / ours[2]):
        os.utime(path, (0, 0))
    sink.write(f"{day}/{ours[2]}", b"x")
    sink.clean(86_400)

    assert {ours[2], *theirs} == {path.name for path in (tmp_path / day).iterdir()}
    assert (tmp_path / "backup" / ours[2]).exists()


def test_where_the_log_goes() -> None:
    """It goes to a folder, to S3 or nowhere; another scheme ends with a sentence."""
    places = ["log", "s3://bucket/log", "off"]
    sinks = [open_sink(load_settings({"REVIEWS_LOG_DIR": p}, env_file=None)) for p in places]

    assert [FolderSink, ObjectSink, type(None)] == list(map(type, sinks))
    with pytest.raises(SettingsError, match="can be used"):
        open_sink(load_settings({"REVIEWS_LOG_DIR": "gopher://x"}, env_file=None))


def test_the_dashboard_shows_metrics_that_exist() -> None:
    """Every metric in Grafana's dashboard is one of the API's, with the labels it is grouped by."""
    board = json.loads((ROOT / "docker/grafana/dashboards/api.json").read_text(encoding="utf-8"))
    shown = " ".join(
        target["expr"] for panel in board["panels"] for target in panel.get("targets", [])
    )
    used = {
        re.sub(r"_(total|bucket|sum|count)$", "", name)
        for name in re.findall(r"\breviews_[a-z_]+", shown)
    }
    metrics = [value for value in vars(Metrics()).values() if hasattr(value, "describe")]
    exported = {family.name for metric in metrics for family in metric.describe()}
    labels = {label for metric in metrics for label in metric._labelnames} | {"le"}
    grouped = {
        label.strip()
        for group in re.findall(r"by \(([^)]*)\)", shown)
        for label in group.split(",")
    }

    assert len(used) > 8
    assert used <= exported
    assert grouped <= labels


class Broken:
    """A source with a defect that nobody foresaw."""

    missing = ""

    def __init__(self) -> None:
        self.asked = 0

    def latest(self) -> None:
        self.asked += 1
        raise KeyError("surprise")

    def fetch(self, reference: Reference) -> Contents:
        raise AssertionError(reference)


def test_the_thread_that_follows_the_model_outlives_any_defect(tmp_path: Path) -> None:
    """An exception of any kind is counted, said and survived; a gauge tells when it last looked."""
    metrics, source = Metrics(), Broken()
    slot = ModelSlot("champion", source, ModelCache(tmp_path), metrics, 0.01)
    slot.start()
    until = time.monotonic() + 10
    while source.asked < 3 and time.monotonic() < until:
        time.sleep(0.01)
    slot.stop()
    page = metrics.page().decode()

    assert source.asked >= 3
    assert re.search(r'reloads_total\{result="defect",slot="champion"\} [3-9]', page)
    assert 'reviews_thread_seen_seconds{thread="model-champion"} 1' in page


def test_proxies_of_the_environment_do_not_end_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that needs a package we lack, or a bracket in no_proxy, is a sentence at most."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "[::1],a.example")
    near = load_settings({"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, env_file=None).mlflow
    far = load_settings({"MLFLOW_TRACKING_URI": "http://mlflow.example"}, env_file=None).mlflow

    with pytest.raises(TrackingError, match="ConnectError"):
        MlflowSource(near, "champion").latest()
    with pytest.raises(TrackingError, match="cannot be used"):
        MlflowSource(far, "champion").latest()


def test_near_addresses_take_no_proxy() -> None:
    """What the caller has excluded stays excluded, in a form that every client reads."""
    environment = {"no_proxy": "[::1], a.example", "http_proxy": "http://proxy:3128"}
    keep_near(["http://mlflow:5000", "https://b.example", "http://10.0.0.7:9000"], environment)

    expected = "::1,a.example,10.0.0.7,127.0.0.1,localhost,mlflow"
    assert expected == environment["no_proxy"]
    assert "mlflow" in environment["NO_PROXY"].split(",")


def test_the_gauges_of_monitoring_are_handed_on(tmp_path: Path) -> None:
    """As the last check wrote them; a file that holds anything else is not."""
    file = tmp_path / "metrics.prom"
    gauges = b'# TYPE reviews_monitoring_drift gauge\nreviews_monitoring_drift{version="1"} 1\n'
    metrics = Metrics(monitoring_file=file)
    nothing = metrics.page()
    file.write_bytes(gauges)
    both = metrics.page()
    file.write_bytes(gauges + b"up 0\n")
    other = metrics.page()
    file.write_bytes(gauges * 20_000)
    large = metrics.page()

    assert nothing == other == large
    assert nothing + gauges == both
