"""Parts of the API by themselves: limits, keys, the log's line, explanations with places, sources."""

import gzip
import json
import random
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from src.api.explanation import explained
from src.api.judging import judge, log_line
from src.api.metrics import Metrics, observe_all
from src.api.model_store import Served, load_served
from src.api.prediction_log import FolderSink, PredictionLog, open_sink
from src.api.security import RateLimit, key_owner, read_keys
from src.api.sources import Reference
from src.model.classifier import SentimentClassifier, Shape
from src.model.errors import ModelError, SettingsError
from src.model.settings import load_settings
from src.model.text import clean, ngrams, token_spans, tokens
from tests.conftest import ROOT

SETTINGS = load_settings({}, env_file=None)
TEXTS = st.text(st.sampled_from("ab IİßΣς'’.!?\"\\n&amp;😀é"), max_size=40)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A model of random weights, some of them zero, saved and loaded as the API does."""
    weights = np.random.default_rng(0).normal(size=1 << 12).astype(np.float16)
    weights[::3] = 0
    folder = tmp_path_factory.mktemp("model")
    SentimentClassifier(weights, Shape(12, 3, slope=2.0, intercept=-0.5, band=(0.4, 0.6))).save(
        folder, {"fingerprint": "f"}
    )
    return load_served(Reference("reviews", "7", "champion"), folder)


@given(TEXTS)
def test_tokens_stand_where_their_spans_say(text: str) -> None:
    """The spans are the tokens in order, and cut out of the clean field they fold to the same word."""
    field = clean("", text).text
    spans = token_spans(field)

    assert tokens(field) == [word for word, _, _ in spans]
    cut = [tokens(field[start:end]) for _, start, end in spans]  # a sigma at a word's end looks otherwise when cut off
    assert [[word.replace("ς", "σ")] for word, _, _ in spans] == [[w.replace("ς", "σ") for w in words] for words in cut]


def test_an_explanation_adds_up_and_has_every_place(served: Served) -> None:
    """Intercept and contributions are the log-odds; each n-gram stands where the text has it, as often as it does."""
    title, message = "Not bad", "Not bad &amp; not dear. It&#39;s good"
    found = explained(served.classifier, title, message)
    total = found["intercept"] + sum(part["weight"] for part in found["contributions"])
    by_name = {part["ngram"]: part for part in found["contributions"]}
    seen = [
        (found[place["field"]][place["start"] : place["end"]], part["ngram"])
        for part in found["contributions"]
        for place in part["occurrences"]
    ]

    assert total == pytest.approx(float(served.classifier.logits([title], [message])[0]), abs=1e-9)
    assert "It's good" in found["message"]
    assert set(by_name) <= set(ngrams(title, message, 3))
    assert all(" ".join(tokens(text)) == ngram for text, ngram in seen)
    assert all(len(part["occurrences"]) == ngrams(title, message, 3).count(name) for name, part in by_name.items())


def test_a_verdict_does_not_depend_on_company(served: Served) -> None:
    """Judged alone or among hundreds, a review has the same verdict, that of the classifier itself."""
    titles, messages = ["Great", "", "x" * 500] * 90, ["I love it", "the worst of it", ""] * 90
    together = judge(served, titles, messages)
    alone = [judge(served, [t], [m])[0] for t, m in zip(titles[:3], messages[:3], strict=True)]

    assert together[:3] == alone
    assert served.classifier.predict_proba(titles, messages).tolist() == [v.probability for v in together]
    assert alone[1].english_share > alone[0].english_share >= 0
    assert all(0 <= verdict.unknown_share <= 1 for verdict in together)
    assert [] == judge(served, [], [])


def test_the_logs_line_is_json(served: Served) -> None:
    """Put together by hand, it is what a parser reads."""
    (verdict,) = judge(served, ["Great"], ["I love it"])
    row = json.loads(log_line("a" * 32, "2026-01-01T00:00:00.000+00:00", served, verdict, (5, 9)) + "}")

    assert ("prediction", "reviews", "7", served.digest) == tuple(
        row[k] for k in ("kind", "model", "version", "digest")
    )
    assert (verdict.label, verdict.probability, verdict.abstained) == (
        row["label"], row["probability"], row["abstained"],
    )  # fmt: skip
    assert (5, 9, verdict.ngrams) == (row["title_chars"], row["message_chars"], row["ngrams"])


def test_a_damaged_model_is_not_served(served: Served, tmp_path: Path) -> None:
    """What the classifier refuses never gets as far as a slot."""
    served.classifier.save(tmp_path, {})
    (tmp_path / "model.safetensors").write_bytes(b"?")
    with pytest.raises(ModelError, match="has changed since it was saved"):
        load_served(served.reference, tmp_path)


def test_a_token_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    """Three at once, then one each half second; another caller has a bucket of its own; no rate means no limit."""
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
    path.write_text(f"# ours\n\nann:{sha256(b'secret').hexdigest()}\nbob:{sha256(b'other').hexdigest()}\n")
    keys = read_keys(path)

    assert ["ann", "bob", None, None] == [key_owner(key, keys) for key in ("secret", "other", "", "Secret")]
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
        pages.append(
            {s.name + str(s.labels): s.value for m in registry.collect() for s in m.samples if "created" not in s.name}
        )

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
    """What fits is kept for the next try, the oldest of the rest is dropped and counted, and nothing is raised."""
    metrics, sink = Metrics(), BrokenSink()
    log = PredictionLog(sink, SETTINGS.model_copy(update={"log_part_bytes": 1_000}), metrics)
    for number in range(1_000):
        log.put(f'{{"n":{number}')
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
    assert [json.loads(line)["n"] for line in sink.parts[0].splitlines()] == list(range(1_000 - kept, 1_000))
    assert 1 == value(metrics, "reviews_log_parts_total", result="failed")


def test_a_full_queue_drops_and_counts() -> None:
    """More rows than may wait are counted, not waited for; a row that cannot be made is counted too."""
    metrics = Metrics()
    log = PredictionLog(BrokenSink(), SETTINGS.model_copy(update={"log_queue": 5}), metrics)
    for _ in range(8):
        log.put(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    log._take(5)

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
    """A folder, nowhere, or a sentence."""
    assert isinstance(open_sink(SETTINGS), FolderSink)
    assert open_sink(SETTINGS.model_copy(update={"log_dir": "off"})) is None
    with pytest.raises(SettingsError, match="can be used"):
        open_sink(SETTINGS.model_copy(update={"log_dir": "gopher://x"}))


def test_the_dashboard_shows_metrics_that_exist() -> None:
    """Every metric in Grafana's dashboard is one the API exports, with the labels it is grouped by."""
    board = json.loads((ROOT / "docker/grafana/dashboards/api.json").read_text(encoding="utf-8"))
    shown = " ".join(target["expr"] for panel in board["panels"] for target in panel.get("targets", []))
    used = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in re.findall(r"\breviews_[a-z_]+", shown)}
    metrics = [value for value in vars(Metrics()).values() if hasattr(value, "describe")]
    exported = {family.name for metric in metrics for family in metric.describe()}
    labels = {label for metric in metrics for label in metric._labelnames} | {"le"}
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", shown) for label in group.split(",")}

    assert len(used) > 8
    assert used <= exported
    assert grouped <= labels
