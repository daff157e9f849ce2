"""Parts of the API by themselves: limits, keys, log rows, explanations with places, sources."""

import gzip
import json
import random
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram

from src.api.explanation import explained
from src.api.judging import judge, log_row
from src.api.metrics import Metrics, observe_all
from src.api.model_store import Served, load_served
from src.api.prediction_log import FolderSink, ObjectSink, PredictionLog, open_sink
from src.api.security import RateLimit, key_owner, read_keys
from src.api.sources import FolderSource, Reference
from src.model.core.artifact import DESCRIPTION, read_files
from src.model.core.errors import ModelError, SettingsError
from src.model.core.models.hashed import WEIGHTS, SentimentClassifier, Shape
from src.model.core.prediction_row import FeedbackRow, decode, encode
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
    assert alone[1].english_share > alone[0].english_share >= 0
    assert all(0 <= verdict.unknown_share <= 1 for verdict in together)
    assert [] == judge(served, [], [])


def test_the_logs_line_is_json(served: Served) -> None:
    """Put together by hand, it is what a parser reads, under these very names."""
    (verdict,) = judge(served, ["Great"], ["I love it"])
    row = json.loads(encode(log_row("a" * 32, TIME, served, "champion", verdict)))

    assert {
        "format": 2,
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
        "english_share": pytest.approx(0.5, abs=1e-4),
    } == row


def test_a_damaged_model_is_not_served(served: Served, contents: dict[str, bytes]) -> None:
    """What the model's reader refuses never gets as far as a slot."""
    with pytest.raises(ModelError, match="has changed since it was saved"):
        load_served(served.reference, {**contents, WEIGHTS: b"?"})
    with pytest.raises(ModelError, match="is missing"):
        load_served(served.reference, {WEIGHTS: contents[WEIGHTS]})


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
    limit = RateLimit(1.0, 1)
    for number in range(10_050):
        limit.wait(str(number))

    assert 10_000 == len(limit._buckets)
    assert "10049" in limit._buckets


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
    """Parts past their days and what a killed process left are deleted; fresh ones stay."""
    import os

    sink = FolderSink(tmp_path)
    sink.write("d/old.jsonl.gz", b"x")
    (tmp_path / "d/.left.jsonl.gz.tmp").write_bytes(b"x")
    for path in (tmp_path / "d").iterdir():
        os.utime(path, (0, 0))
    sink.write("d/new.jsonl.gz", b"x")
    sink.clean(86_400)

    assert ["new.jsonl.gz"] == [path.name for path in (tmp_path / "d").iterdir()]


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
