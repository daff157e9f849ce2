"""Training, judging, promoting, predicting and scoring on generated reviews."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace

PLOTS = ("learning", "calibration", "confusion", "scores", "slices", "behaviour", "roc", "precision_recall")


def test_a_run_tells_everything(tracked: Workspace, small: Workspace) -> None:
    """Parameters, metrics, plots, data sets with digests, code and lock versions, version and alias are in MLflow."""
    trained = small.ok("pipeline.train", "--batches", "0 1")
    small.ok("pipeline.evaluate")
    client = tracked.mlflow()
    run = client.get_run(trained["run_id"])
    plots = {item.path for item in client.list_artifacts(run.info.run_id, "plots")}
    inputs = {entry.dataset.name: entry.tags[0].value for entry in run.inputs.dataset_inputs}
    version = client.get_model_version_by_alias("amazon-reviews-sentiment", "challenger")

    assert ("hashed", "0 1", "22") == tuple(run.data.params[key] for key in ("learner", "batches", "hashed.bits"))
    assert {f"plots/{name}.png" for name in PLOTS} == plots
    assert {"train_batch_0": "training", "train_batch_1": "training", "test": "evaluation"} == inputs
    assert {"git_sha", "lock_sha256", "fingerprint", "code_sha256", "model_version"} <= set(run.data.tags)
    wanted = {"accuracy", "f1_macro", "recall_negative", "precision_positive", "roc_auc", "log_loss", "brier", "ece"}
    assert {f"test.{name}" for name in wanted} <= set(run.data.metrics)
    assert {f"validation.{name}" for name in wanted} <= set(run.data.metrics)
    assert 3 == len(client.get_metric_history(run.info.run_id, "learning.validation_log_loss"))
    assert {"validation.coverage", "validation.accuracy_decided"} <= set(run.data.metrics)
    assert (1, "FINISHED") == (int(version.version), run.info.status)
    manifest = json.loads((small.data / "processed/train_batch_0.manifest.json").read_text())
    digests = {entry.dataset.name: json.loads(entry.dataset.source)["sha256"] for entry in run.inputs.dataset_inputs}
    assert manifest["files"]["processed/train_batch_0.parquet"]["sha256"] == digests["train_batch_0"]


def test_the_same_model_is_not_trained_twice(small: Workspace) -> None:
    """Equal data, parameters and code: the registered version is found; --force trains it anew, bit-identical."""
    first = small.ok("pipeline.train", "--batches", "0")
    again = small.ok("pipeline.train", "--batches", "0")
    forced = small.ok("pipeline.train", "--batches", "0", "--force")
    small.set(REVIEWS_HASHED_EPOCHS="1")
    other = small.ok("pipeline.train", "--batches", "0")
    registry = small.context().registry
    folders = [registry.fetch(v) for v in (registry.get(1), registry.get(2)) if v is not None]

    assert [(1, False), (1, True), (2, False), (3, False)] == [
        (a["model_version"], a["skipped"]) for a in (first, again, forced, other)
    ]
    assert (folders[0] / "model.safetensors").read_bytes() == (folders[1] / "model.safetensors").read_bytes()
    assert 2 == len(folders)


def test_the_validation_rows_stay_the_same_as_batches_accumulate(small: Workspace) -> None:
    """Batch 0's validation rows are among those of batches 0 and 1, and no row is on both sides."""
    from src.model.pipeline.inputs import train_files, training_blocks, validation_rows

    context = small.context()
    one, two = (validation_rows(context.storage, train_files(context, k), 0.05) for k in ((0,), (0, 1)))
    trained = {t for block in training_blocks(context.storage, train_files(context, (0, 1)), 0.05) for t in block.texts}

    assert 0 < len(one) < len(two)
    assert list(one.texts) == list(two.texts[: len(one)])
    assert not trained & set(two.texts)


def test_steps_out_of_order_say_what_comes_first(workspace: Workspace) -> None:
    """Each step names the command that is missing before it."""
    expected = {
        ("data.validate",): "make model-ingest",
        ("data.split_batches",): "make model-ingest",
        ("data.preprocess_batch", "--batch", "0"): "make model-ingest",
        ("data.preprocess_test",): "make model-ingest",
        ("pipeline.train", "--batches", "0"): "make model-ingest",
        ("pipeline.evaluate",): "make model-train",
        ("pipeline.promote",): "make model-train",
        ("pipeline.promote", "--rollback"): "make model-promote",
        ("pipeline.predict", "--title", "x"): "make model-promote",
    }
    for words, command in expected.items():
        result = workspace.run(*words)
        assert (2, True) == (result.code, command in result.err), (words, result.err)


def test_older_files_are_not_trained_on(small: Workspace) -> None:
    """After another ingest the processed files are out of date, and training says so."""
    small.ok("data.ingest", "--source", "synthetic:500@4")
    unsplit = [small.run(*words) for words in (("pipeline.train", "--batches", "0"),
                                               ("data.preprocess_batch", "--batch", "0"))]  # fmt: skip
    small.ok("data.split_batches")
    result = small.run("pipeline.train", "--batches", "0")
    evaluated = small.run("pipeline.evaluate")

    assert [(2, True)] * 2 == [(r.code, "make model-split-batches again" in r.err) for r in unsplit]
    assert (2, 2) == (result.code, evaluated.code)
    assert "was made from an older batches/train_batch_0.parquet" in result.err
    assert "make model-preprocess-batch batch=0 again" in result.err


def test_fewer_batches_than_asked_for(small: Workspace) -> None:
    """A changed number of batches asks for a new split, which removes the former batches."""
    small.set(REVIEWS_BATCHES="12")
    assert "holds 10 batches, and REVIEWS_BATCHES is 12" in small.run("pipeline.train", "--batches", "11").err
    small.set(REVIEWS_BATCHES="3")
    small.ok("data.split_batches")

    assert 3 == len(list((small.data / "batches").glob("*.parquet")))


def test_a_batch_of_one_label_or_of_few_rows_is_no_training_set(workspace: Workspace) -> None:
    """Exit code 3 and a sentence."""
    for source, said in (
        ("synthetic:500@1?positive_share=1&label_noise=0", "are positive"),
        ("synthetic:30@1", "too few"),
    ):
        workspace.ok("data.ingest", "--source", source)
        workspace.ok("data.split_batches")
        workspace.ok("data.preprocess_batch", "--batch", "0")
        result = workspace.run("pipeline.train", "--batches", "0")
        assert (3, True) == (result.code, said in result.err)


def test_predicting_one_review(champion: Workspace) -> None:
    """Label, confidence, version and the deciding words; nothing to judge is refused."""
    bad = champion.ok("pipeline.predict", "--title", "Broke in a day", "--message", 'Waste of money; "garbage" $5')
    good = champion.run("pipeline.predict", "--title=Love it", "--message=Works perfectly, I love it")
    empty = champion.run("pipeline.predict", "--title", " ")

    assert ("negative", 1) == (bad["label"], bad["model_version"])
    assert 0.5 <= bad["confidence"] <= 1
    assert good.out.startswith("positive (")
    assert bad["words"][0]["weight"] < 0
    assert (2, True) == (empty.code, "nothing to judge" in empty.err)


def test_a_review_of_unknown_words_and_odd_bytes(champion: Workspace) -> None:
    """Words never seen and bytes that are no text still get an answer."""
    assert champion.ok("pipeline.predict", "--title", "zzz")["label"] in {"negative", "positive"}
    assert champion.ok("pipeline.predict", "--message", "caf\udce9 \0 " + "x" * 100_000)["label"]


INPUTS = {
    "in.csv": b'id,message,title\n1,"I love it,\nreally",Great\n2,Waste of money,Bad\n3,"oops,x\n',
    "in.csv.gz": gzip.compress(b"title,text\nGreat,I love it\nBad,Waste of money\n"),
    "in.jsonl": b'{"id": 1, "title": "Great", "text": "I love it", "tags": ["a"]}\n'
    b'{"id": 2, "text": "Waste of money"}\n',
}


@pytest.mark.parametrize("source", [*INPUTS, "in.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet"])
def test_scoring_keeps_rows_and_order(champion: Workspace, source: str, target: str) -> None:
    """The same rows come back in the same order with three more columns, in any format; broken rows beside them."""
    if source in INPUTS:
        Path(source).write_bytes(INPUTS[source])
    else:
        pl.DataFrame({"id": [1, 2], "title": ["Great", None], "text": ["I love it", "Waste of money"]}).write_parquet(
            source
        )
    answer = champion.ok("pipeline.score", source, target)
    read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[target.rpartition(".")[2]]
    scored: pl.DataFrame = read(target)  # type: ignore[operator]

    assert (2, 1 if source == "in.csv" else 0, 1) == (answer["rows"], answer["rejected"], answer["model_version"])
    assert ["positive", "negative"] == scored["label"].to_list()
    assert [1, 1] == scored["model_version"].to_list()
    assert (source == "in.csv") == Path(f"{target}.rejected.jsonl").exists()
    text = "message" if source == "in.csv" else "text"
    assert "Waste of money" == scored[text][1]


def test_scoring_json_lines_keeps_types(champion: Workspace) -> None:
    """Numbers and lists of a JSON Lines source are the same in a JSON Lines result."""
    Path("in.jsonl").write_bytes(INPUTS["in.jsonl"])
    champion.ok("pipeline.score", "in.jsonl", "out.jsonl")
    first = json.loads(Path("out.jsonl").read_text().splitlines()[0])

    assert (1, ["a"], "positive") == (first["id"], first["tags"], first["label"])


def test_scores_do_not_depend_on_the_block(champion: Workspace) -> None:
    """Thirty thousand rows in one file have the scores they have one by one."""
    frame = pl.DataFrame({"title": ["Great", "Bad"] * 15_000, "text": ["I love it", "Waste of money"] * 15_000})
    frame.write_parquet("in.parquet")
    champion.ok("pipeline.score", "in.parquet", "out.parquet")
    scored = pl.read_parquet("out.parquet")
    alone = champion.ok("pipeline.predict", "--title", "Great", "--message", "I love it")["probability"]

    assert frame.rows() == scored.select("title", "text").rows()
    assert {alone} == set(scored["probability"][::2])


@pytest.mark.parametrize(
    ("source", "content", "target", "code", "said"),
    [
        ("in.csv", b"a,b\n1,2\n", "out.csv", 3, "has no column title, text or message; it has a, b"),
        ("in.csv", b"title,label\n1,2\n", "out.csv", 3, "has the column label already"),
        ("in.csv", b"title\nx\n", "out.xlsx", 2, "names no format"),
        ("in.csv", b"title\nx\n", "in.csv", 2, "would replace its own input"),
        ("in.csv", None, "out.csv", 2, "in.csv does not exist"),
        ("in.csv", b"", "out.csv", 3, "is empty"),
        ("in.csv", b"title\nx\n", "nowhere/out.csv", 2, "The folder nowhere does not exist"),
        ("in.csv", b"title\nx\n", "", 2, "An input and an output file are needed"),
        ("out.csv.rejected.jsonl", b'{"title": "x"}', "out.csv", 2, "would replace its own input"),
        ("in.jsonl", b'{"title": "x"}\n{"title": "y", "label": []}\n', "out.csv", 3, "has the column label already"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    champion: Workspace, source: str, content: bytes | None, target: str, code: int, said: str
) -> None:
    """Nothing is written where the input or the output makes no sense."""
    if content is not None:
        Path(source).write_bytes(content)
    result = champion.run("pipeline.score", source, target)

    assert (code, True) == (result.code, said in result.err), result.err
    assert content is None or Path(source).read_bytes() == content


def test_json_errors_are_json_too(workspace: Workspace) -> None:
    """With --json a failure is one object on stdout as well, and the sentence still goes to stderr."""
    result = workspace.run("data.split_batches", "--json")

    assert ("UsageError", 2) == (result.json["error"], result.json["exit"])
    assert result.err.startswith("error: ")


def test_debug_shows_the_traceback(workspace: Workspace) -> None:
    """--debug hands the exception on; without it there is never a traceback."""
    from src.model.errors import UsageError

    with pytest.raises(UsageError):
        workspace.run("data.split_batches", "--debug")
    assert "Traceback" not in workspace.run("data.split_batches").err
