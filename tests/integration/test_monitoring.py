"""References and checks on prediction logs as the API writes them, of a real model."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from src.model.core.prediction_row import FeedbackRow, encode
from src.model.data.synthetic import generate, parse
from src.monitoring import check, reference
from src.monitoring.day import Day
from tests.conftest import Result, Workspace, flip
from tests.prediction_logs import LogWriter

FIRST, LAST = "2026-11-20", "2026-11-21"


def run(workspace: Workspace, module: Any, *words: str) -> Result:
    """Run a command of monitoring in this process."""
    workspace.capsys.readouterr()
    code = module.main(list(words))
    captured = workspace.capsys.readouterr()
    return Result(code, captured.out, captured.err)


def verdict(workspace: Workspace, *words: str) -> dict[str, Any]:
    """Judge the days up to LAST and return the answer."""
    return run(workspace, check, f"--until={LAST}", "--json", *words).json


def figure(answer: dict[str, Any], name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = answer["versions"][0]["drift"]["statistics"]
    return next(one for one in found if one["name"] == name)


def reviews(spec: str) -> tuple[list[str], list[str], list[bool]]:
    """Return titles, texts and labels of generated reviews."""
    frame = pl.concat([part for _, part in generate(parse(spec))])
    positive = [label == 2 for label in frame["polarity"].to_list()]
    return frame["title"].to_list(), frame["text"].to_list(), positive


USUAL = "synthetic:900@77"


@pytest.fixture
def watched(workspace: Workspace) -> Workspace:
    """A champion with a reference, made of 1,500 test rows."""
    workspace.set(REVIEWS_TEST_SHARE="0.5", REVIEWS_MONITORING_WINDOW_DAYS="2")
    titles, texts, positive = reviews("synthetic:3000@3")
    frame = pl.DataFrame({
        "polarity": [2 if one else 1 for one in positive], "title": titles, "text": texts,
    })  # fmt: skip
    frame.write_csv(workspace.path / "reviews.csv")
    workspace.ok("data.ingest", "--source", "reviews.csv")
    workspace.ok("data.split_batches")
    workspace.ok("data.preprocess_batch", "--batch", "all")
    workspace.ok("data.preprocess_test")
    workspace.ok("pipeline.train", "--batches", "all")
    workspace.ok("pipeline.evaluate")
    workspace.ok("pipeline.promote")
    assert 0 == run(workspace, reference).code
    return workspace


@pytest.fixture
def log(watched: Workspace) -> LogWriter:
    """The log of the champion's predictions."""
    context = watched.context()
    version = context.registry.get(1)
    assert version is not None
    return LogWriter(watched.data / "predictions", context.registry.fetch(version))


def test_the_same_kind_of_reviews_is_neither_drift_nor_harm(
    watched: Workspace, log: LogWriter
) -> None:
    """The answer has every figure, is the same twice, and is where an orchestrator reads it."""
    titles, texts, positive = reviews(USUAL)
    rows = log.predictions(FIRST, titles, texts)
    log.write(FIRST, rows)
    log.write(LAST, log.labels(LAST, rows, positive))
    first = run(watched, check, f"--until={LAST}", "--json")
    kept = {name: (watched.data / "monitoring" / name).read_bytes()
            for name in ("decision.json", "report.html", "metrics.prom")}  # fmt: skip
    second = run(watched, check, f"--until={LAST}", "--json")
    answer = first.json

    assert (0, first.out) == (second.code, second.out)
    assert kept == {name: (watched.data / "monitoring" / name).read_bytes() for name in kept}
    assert answer == json.loads(kept["decision.json"])
    assert (1, "1", "no", "no", "wait") == tuple(
        answer[name] for name in ("schema", "model_version", "drift", "harm", "decision")
    )
    assert (len(rows), 0.05 * 365) == (answer["n"], answer["false_alarms"]["drift"])
    assert answer["m"] == sum(answer["versions"][0]["drift"]["m"] for _ in [0]) > 1_000
    assert 7 == len(answer["versions"][0]["drift"]["statistics"])
    assert 1 == answer["test_rows_looked_at"]
    assert b"prefers-color-scheme: dark" in kept["report.html"]
    assert b"http" not in kept["report.html"].replace(b"http://www.w3.org/", b"")
    assert b'reviews_monitoring_decision{decision="wait"} 1\n' in kept["metrics.prom"]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("synthetic:900@77?positive_share=0.75", "label_shift"),
        ("synthetic:900@77?vocabulary_shift=1.0", "unknown_share"),
        ("synthetic:900@77?typos=0.5", "unknown_share"),
    ],
)
def test_what_changes_is_named(watched: Workspace, log: LogWriter, spec: str, name: str) -> None:
    """A changed mix, new words and typos are drift, in the figure that they are called by."""
    titles, texts, _ = reviews(spec)
    log.write(LAST, log.predictions(LAST, titles, texts))
    answer = verdict(watched)

    assert "yes" == answer["drift"]
    assert figure(answer, name)["drifted"]


def test_a_client_that_swaps_title_and_message_is_seen(watched: Workspace, log: LogWriter) -> None:
    """The titles have become long: the form of the input has changed."""
    titles, texts, _ = reviews(USUAL)
    log.write(LAST, log.predictions(LAST, texts, titles))

    assert figure(verdict(watched), "title_tokens")["drifted"]


def test_flipped_labels_are_harm_without_drift(watched: Workspace, log: LogWriter) -> None:
    """The exit code is 4, the decision to look, and the alarm comes within 300 labels."""
    titles, texts, positive = reviews(USUAL)
    rows = log.predictions(FIRST, titles, texts)
    log.write(FIRST, rows)
    log.write(LAST, log.labels(LAST, rows, [not one for one in positive]))
    result = run(watched, check, f"--until={LAST}", "--json")
    answer = result.json
    watched.set(REVIEWS_MONITORING_FAIL_ON="never")
    report = run(watched, check, f"--until={LAST}")

    assert (4, "no", "yes", "investigate") == (
        result.code, answer["drift"], answer["harm"], answer["decision"],
    )  # fmt: skip
    assert answer["versions"][0]["harm"]["alarms"][0] <= 300
    assert 0 == report.code
    assert report.out.startswith("Investigate: The accuracy has fallen")


def test_drift_can_be_a_no_too(watched: Workspace, log: LogWriter) -> None:
    """With FAIL_ON=drift the exit code is 4, and for the page it never is."""
    titles, texts, _ = reviews("synthetic:900@77?positive_share=0.9")
    log.write(LAST, log.predictions(LAST, titles, texts))
    harm = run(watched, check, f"--until={LAST}")
    watched.set(REVIEWS_MONITORING_FAIL_ON="drift")
    drift = run(watched, check, f"--until={LAST}")
    page = run(watched, check, f"--until={LAST}", "--report")

    assert (0, 4, 0) == (harm.code, drift.code, page.code)


def test_versions_are_judged_apart_and_unknown_ones_are_named(
    watched: Workspace, log: LogWriter
) -> None:
    """One without a reference, and one whose model is another, are not judged with the others."""
    titles, texts, _ = reviews("synthetic:600@78")
    log.write(LAST, log.predictions(LAST, titles, texts))
    log.write(LAST, log.predictions(LAST, titles[:30], texts[:30], version="7"))
    log.write(LAST, log.predictions(LAST, titles[:40], texts[:40], digest="b" * 64))
    log.write(LAST, log.predictions(LAST, titles[:50], texts[:50], version="../../etc"))
    log.write(LAST, log.predictions(LAST, titles[:60], texts[:60], version="1" * 300))
    answer = verdict(watched)
    why = {(one["model_version"], one["n"]): one["why"] for one in answer["unjudged"]}

    assert [("1", len(titles))] == [(v["model_version"], v["n"]) for v in answer["versions"]]
    assert {("7", 30), ("1", 40), ("../../etc", 50), ("1" * 300, 60)} == set(why)
    assert "make monitoring-reference" in why["7", 30]
    assert "another model" in why["1", 40]


def test_what_cannot_be_used_is_counted_with_a_reason(watched: Workspace, log: LogWriter) -> None:
    """Damaged parts, foreign lines, other formats, wrong clocks, repeated rows: none is lost."""
    titles, texts, _ = reviews("synthetic:500@78")
    rows = log.predictions(LAST, titles, texts)
    log.write(LAST, rows)
    log.write(LAST, rows[:20])  # a part written twice
    ahead = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    odd = [
        encode(rows[0]._replace(request_id="x1", time=ahead)),
        encode(rows[0]._replace(request_id="x2", time="2020-01-01T00:00:00.000+00:00")),
        encode(rows[0]._replace(request_id="x3", time="yesterday")),
        encode(rows[0]._replace(request_id="x4")).replace('"format":3', '"format":9'),
        encode(rows[0]._replace(request_id="x5", probability=1.5)),
        encode(rows[0]._replace(request_id="x5", tokens=2**63)),
        '{"format":3,"kind":"prediction"}',
        '{"format":3,"kind":"something"}',
        encode(rows[0]._replace(request_id="x6", time=f"{FIRST}T23:59:59.900+00:00")),  # midnight
    ]
    log.raw(LAST, "\n".join(odd).encode())
    log.raw(LAST, b"no json at all\n[1, 2]\n" + encode(rows[0]._replace(request_id="x7")).encode())
    log.raw(LAST, "\n".join([odd[2], encode(rows[1]._replace(request_id="x8"))]).encode())
    log.raw("2026-11-31", encode(rows[1]._replace(request_id="x9")).encode())
    damaged = log.raw(LAST, "\n".join(odd).encode())
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (damaged.parent / "notes.txt").write_text("not a part")
    (damaged.parent / ".20261121T000000-1-aaaaaaaa.jsonl.gz.tmp").write_bytes(b"half")
    answer = verdict(watched)

    assert len(titles) + 3 == answer["n"]
    assert {
        "damaged part": 1,
        "no row": 6,
        "prediction that is there already": 20,
        "row of another format": 1,
        "time not of its day": 4,
    } == answer["aside"]


def test_labels_are_counted_once_and_unknown_ones_named(watched: Workspace, log: LogWriter) -> None:
    """The last word on a request counts; what is said of unknown requests does not."""
    titles, texts, positive = reviews("synthetic:400@79")
    rows = log.predictions(FIRST, titles, texts)
    log.write(FIRST, rows)
    labels = log.labels(LAST, rows[:200], positive[:200])
    later = [said._replace(time=f"{LAST}T23:59:00.000+00:00") for said in labels[:30]]
    flipped = log.labels(FIRST, rows[100:140], [not one for one in positive[100:140]])
    wrong = [said._replace(time=f"{FIRST}T23:00:00.000+00:00") for said in flipped]
    nobody = [
        FeedbackRow(f"{LAST}T00:00:00.000+00:00", f"nobody-{i}", "positive") for i in range(9)
    ]
    log.write(LAST, [*labels, *later, *wrong, *nobody])
    answer = verdict(watched)

    assert 200 == answer["versions"][0]["harm"]["labels"]
    assert answer["harm"] in {"no", "unknown"}
    assert {
        "label on an unknown prediction": 9, "label said again": 30, "label taken back": 40,
    } == answer["aside"]  # fmt: skip


def test_an_id_that_is_used_every_day_counts_once(watched: Workspace, log: LogWriter) -> None:
    """Clients choose request ids; one label is one label."""
    titles, texts, positive = reviews("synthetic:400@79")
    for day in (FIRST, LAST):
        rows = [
            row._replace(request_id=f"again-{place}")
            for place, row in enumerate(log.predictions(day, titles, texts))
        ]
        log.write(day, rows)
    log.write(LAST, log.labels(LAST, rows, positive))

    assert len(titles) == verdict(watched)["versions"][0]["harm"]["labels"]


def test_labels_in_a_part_that_came_later_count_once(watched: Workspace, log: LogWriter) -> None:
    """A day's sketch that grows holds each prediction once."""
    titles, texts, positive = reviews("synthetic:400@79")
    rows = log.predictions(LAST, titles, texts)
    log.write(LAST, [*rows[:200], *log.labels(LAST, rows[:200], positive[:200])])
    first = verdict(watched)
    log.write(LAST, [*rows[200:], *log.labels(LAST, rows[200:], positive[200:])])
    second, third = verdict(watched), verdict(watched)

    assert 200 == first["versions"][0]["harm"]["labels"]
    assert len(rows) == second["versions"][0]["harm"]["labels"]
    assert second == third


def test_labels_on_a_version_that_predicts_no_more_are_heard(
    watched: Workspace, log: LogWriter
) -> None:
    """Labels come late: after a promotion those on the former champion still tell something."""
    titles, texts, positive = reviews("synthetic:400@79")
    rows = log.predictions(FIRST, titles, texts)
    log.write(FIRST, rows)
    log.write(LAST, log.labels(LAST, rows, [not one for one in positive]))
    answer = verdict(watched, "--window=1")

    assert (0, "yes", "investigate") == (answer["n"], answer["harm"], answer["decision"])
    assert "too little is there" in answer["reason"]


def test_a_part_that_cannot_be_read_now_is_not_lost(watched: Workspace, log: LogWriter) -> None:
    """The check ends with exit code 5, and the next one reads it."""
    titles, texts, _ = reviews("synthetic:400@79")
    (part,) = log.write(LAST, log.predictions(LAST, titles, texts))
    content = part.read_bytes()
    part.unlink()
    part.mkdir()
    failed = run(watched, check, f"--until={LAST}")
    part.rmdir()
    part.write_bytes(content)

    assert 5 == failed.code
    assert len(titles) == verdict(watched)["n"]


def test_one_client_is_no_witness(watched: Workspace, log: LogWriter) -> None:
    """A flood of labels from one client is named, and people are asked to look."""
    titles, texts, positive = reviews("synthetic:800@79?vocabulary_shift=1.0")
    rows = log.predictions(FIRST, titles, texts)
    log.write(FIRST, rows)
    flood = log.labels(LAST, rows[:500], [not one for one in positive[:500]], "client abc")
    log.write(LAST, [*flood, *log.labels(LAST, rows[500:600], positive[500:600], "client def")])
    answer = verdict(watched)

    assert ("yes", "investigate") == (answer["harm"], answer["decision"])
    assert "client abc" in answer["reason"]
    assert 0.8 < answer["versions"][0]["harm"]["loudest_share"] < 0.9


def test_each_part_is_read_once(watched: Workspace, log: LogWriter) -> None:
    """What is new is added to a day's sketch; what is gone from the log stays in it."""
    titles, texts, _ = reviews("synthetic:600@80")
    half = len(titles) // 2
    (gone,) = log.write(LAST, log.predictions(LAST, titles[:half], texts[:half]))
    first = verdict(watched)
    gone.unlink()
    log.write(LAST, log.predictions(LAST, titles[half:], texts[half:]))
    second = verdict(watched)
    sketch = watched.data / f"monitoring/sketches/{LAST}.npz"
    before = Day.read(sketch)
    for part in (watched.data / "predictions").rglob("*.gz"):
        part.unlink()
    third = verdict(watched)

    assert (half, len(titles), len(titles)) == (first["n"], second["n"], third["n"])
    assert 2 == len(before.parts)


def test_a_damaged_sketch_is_made_anew(watched: Workspace, log: LogWriter) -> None:
    """The parts have all that was in it."""
    titles, texts, _ = reviews("synthetic:600@80")
    log.write(LAST, log.predictions(LAST, titles, texts))
    first = verdict(watched)
    sketch = watched.data / f"monitoring/sketches/{LAST}.npz"
    sketch.write_bytes(sketch.read_bytes()[:500])
    second = verdict(watched)
    flip(watched.data / "monitoring/references/1.json")
    third = verdict(watched)

    counted = {"damaged sketch, made anew of what the log still has": 1}
    assert first | {"aside": counted} == second
    assert ([], "wait") == (third["versions"], third["decision"])
    assert "damaged" in third["unjudged"][0]["why"]


def test_texts_tell_which_words_moved(watched: Workspace, log: LogWriter) -> None:
    """Where texts are logged, words are compared too, with their weight in the model."""
    titles, texts, _ = reviews("synthetic:900@77?vocabulary_shift=1.0")
    log.text = True
    log.write(LAST, log.predictions(LAST, titles, texts))
    answer = verdict(watched)
    words = answer["versions"][0]["words"]

    assert figure(answer, "surprise")["drifted"]
    assert words
    assert all(0 <= one["before"] <= 1 and 0 <= one["after"] <= 1 for one in words)
    assert any(one["examples"] for one in words)
    assert any(one["weight"] for one in words)


def test_an_empty_window_waits(watched: Workspace) -> None:
    """No log yet, and a log that is switched off."""
    answer = verdict(watched)
    watched.set(REVIEWS_LOG_DIR="off")
    off = run(watched, check)

    assert (0, None, "insufficient_data", "unknown", "wait") == tuple(
        answer[name] for name in ("n", "model_version", "drift", "harm", "decision")
    )
    assert (2, True) == (off.code, "no prediction is logged" in off.err)


def test_a_window_can_become_the_reference(watched: Workspace, log: LogWriter) -> None:
    """A drift that was looked at and accepted is none any more; what labels told stays."""
    today = datetime.now(UTC).date().isoformat()
    titles, texts, _ = reviews("synthetic:900@77?positive_share=0.9")
    stamp = f"{today}T00:00:00.000+00:00"
    log.write(today, log.predictions(today, titles, texts, time=stamp))
    before = run(watched, check, "--json").json
    few = run(watched, reference, "--window=x")
    adopted = run(watched, reference, "--window=1")
    after = run(watched, check, "--json").json

    assert (2, 0) == (few.code, adopted.code)
    assert ("yes", "no") == (before["drift"], after["drift"])
    assert figure(after, "label_shift")["distance"] < 1
    assert abs(figure(after, "label_shift")["reference"] - 90) < 5
    assert all(word["before"] <= 1 for word in after["versions"][0]["words"])
    assert "the prediction log from" in after["versions"][0]["reference"]
    assert before["versions"][0]["harm"]["expected"] == after["versions"][0]["harm"]["expected"]


def test_references_are_made_once(watched: Workspace) -> None:
    """A second run finds them; a version is made anew where it is asked for."""
    again = run(watched, reference, "--json").json
    anew = run(watched, reference, "--json", "--model-version=1").json
    none = run(watched, reference, "--model-version=9")

    assert ([], [1]) == (again["made"], anew["made"])
    assert again["rows"] == anew["rows"]
    assert (2, True) == (none.code, "no model version 9" in none.err)


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (["--until=soon"], {}, "is no day"),
        (["--window=0"], {}, "no number of days"),
        ([], {"REVIEWS_MONITORING_MIN_EFFECTS": '{"lable_shift": 3}'}, "which is no figure"),
        ([], {"REVIEWS_MONITORING_MIN_EFFECTS": "3"}, "no JSON object"),
        ([], {"REVIEWS_MONITORING_DRIFT_RATE": "1"}, "REVIEWS_MONITORING_DRIFT_RATE"),
        (["--until=0001-01-01"], {}, "is no day"),
    ],
)
def test_wrong_words_are_refused(
    workspace: Workspace, words: list[str], settings: dict[str, str], said: str
) -> None:
    """Exit code 2 and the name of what is wrong."""
    workspace.set(**settings)
    result = run(workspace, check, *words)

    assert (2, True) == (result.code, said in result.err)


def test_figures_go_to_the_versions_run(tracked: Workspace) -> None:
    """Over time, by day, with the run of the version in MLflow; the reference is its artifact."""
    tracked.set(REVIEWS_TEST_SHARE="0.5")
    tracked.ok("pipeline.run", "ingest", "--source", "synthetic:3000@3")
    tracked.ok("pipeline.run", "train", "--batches", "0")
    context = tracked.context()
    version = context.registry.get(1)
    assert version is not None
    log = LogWriter(tracked.data / "predictions", context.registry.fetch(version))
    titles, texts, positive = reviews("synthetic:600@78")
    for day in (FIRST, LAST):
        rows = log.predictions(day, titles, texts)
        log.write(day, [*rows, *log.labels(day, rows, positive)])
        run(tracked, check, f"--until={day}")
    client = tracked.mlflow()
    artifacts = [item.path for item in client.list_artifacts(version.run_id, "monitoring")]
    history = client.get_metric_history(version.run_id, "live.accuracy")

    assert ["monitoring/reference.json"] == artifacts
    assert 1 == history[1].step - history[0].step
    assert "wait" == client.get_run(version.run_id).data.tags["live.decision"]


def test_without_mlflow_there_is_a_verdict_all_the_same(watched: Workspace, log: LogWriter) -> None:
    """It says that it was not recorded, and what was found."""
    titles, texts, _ = reviews("synthetic:600@78")
    log.write(LAST, log.predictions(LAST, titles, texts))
    watched.set(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    result = run(watched, check, f"--until={LAST}")

    assert 0 == result.code
    assert "not recorded" in result.out
    assert (watched.data / "monitoring/decision.json").is_file()


def test_a_log_in_s3_is_read(watched: Workspace, log: LogWriter, bucket: str) -> None:
    """Parts are objects; one that cannot be had ends the check with exit code 5."""
    import boto3

    titles, texts, _ = reviews("synthetic:600@78")
    paths: list[Path] = log.write(LAST, log.predictions(LAST, titles, texts))
    address = watched.context().settings.aws.endpoint_url
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    for path in paths:
        client.put_object(Bucket=bucket, Key=f"log/{LAST}/{path.name}", Body=path.read_bytes())
    client.put_object(Bucket=bucket, Key="log/notes.txt", Body=gzip.compress(b"nothing"))
    watched.set(REVIEWS_LOG_DIR=f"s3://{bucket}/log")
    found = verdict(watched)
    watched.set(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    gone = run(watched, check, f"--until={LAST}")

    assert len(titles) == found["n"]
    assert 5 == gone.code
