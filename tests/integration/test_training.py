"""Training on generated reviews, and what every command says of a failure."""

import json

import polars as pl

from tests.conftest import Workspace

PLOTS = (
    "learning",
    "calibration",
    "confusion",
    "scores",
    "slices",
    "behaviour",
    "roc",
    "precision_recall",
)


def test_a_run_tells_everything(tracked: Workspace, small: Workspace) -> None:
    """Parameters, metrics, plots, digests of the data, versions and the alias are in MLflow."""
    trained = small.ok("pipeline.train", "--batches", "0 1")
    small.ok("pipeline.evaluate")
    client = tracked.mlflow()
    run = client.get_run(trained["run_id"])
    plots = {item.path for item in client.list_artifacts(run.info.run_id, "plots")}
    inputs = {entry.dataset.name: entry.tags[0].value for entry in run.inputs.dataset_inputs}
    version = client.get_model_version_by_alias("amazon-reviews-sentiment", "challenger")

    params = run.data.params
    assert ("hashed", "0 1", "22") == (params["learner"], params["batches"], params["hashed.bits"])
    assert {f"plots/{name}.png" for name in PLOTS} == plots
    assert {
        "train_batch_0": "training",
        "train_batch_1": "training",
        "test": "evaluation",
    } == inputs
    assert {"git_sha", "lock_sha256", "fingerprint", "code_sha256", "model_version"} <= set(
        run.data.tags
    )
    wanted = {
        "accuracy",
        "f1_macro",
        "recall_negative",
        "precision_positive",
        "roc_auc",
        "log_loss",
        "brier",
        "ece",
    }
    assert {f"test.{name}" for name in wanted} <= set(run.data.metrics)
    assert {f"validation.{name}" for name in wanted} <= set(run.data.metrics)
    assert 3 == len(client.get_metric_history(run.info.run_id, "learning.validation_log_loss"))
    assert {"validation.coverage", "validation.accuracy_decided"} <= set(run.data.metrics)
    assert (1, "FINISHED") == (int(version.version), run.info.status)
    manifest = json.loads((small.data / "processed/train_batch_0.manifest.json").read_text())
    made = manifest["files"]["processed/train_batch_0.parquet"]
    data_sets = [entry.dataset for entry in run.inputs.dataset_inputs]
    digests = {found.name: json.loads(found.source)["sha256"] for found in data_sets}
    assert made["sha256"] == digests["train_batch_0"]


def test_the_same_model_is_not_trained_twice(small: Workspace) -> None:
    """Equal data, parameters and code: the version is found, or --force trains the same bits."""
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
    first_weights, forced_weights = (
        (folder / "model.safetensors").read_bytes() for folder in folders
    )
    assert first_weights == forced_weights


def test_the_validation_rows_stay_the_same_as_batches_accumulate(small: Workspace) -> None:
    """Batch 0's validation rows are among those of batches 0 and 1, and no row is on both sides."""
    from src.model.training.examples import training_blocks, validation_rows
    from src.model.training.inputs import local_files, train_files

    context = small.context()
    first, both = (local_files(context.storage, train_files(context, k)) for k in ((0,), (0, 1)))
    one, two = (validation_rows(paths, 0.05) for paths in (first, both))
    blocks = list(training_blocks(both, 0.05))
    trained = {text for block in blocks for text in block.texts}
    rows = sum(pl.read_parquet(path.path).height for path in both)

    assert 0 < len(one) < len(two)
    assert list(one.texts) == list(two.texts[: len(one)])
    assert not trained & set(two.texts)
    assert rows == len(two) + sum(map(len, blocks))


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
        ("pipeline.promote", "--rollback"): "make model-pipeline-train",
        ("pipeline.predict", "--title", "x"): "make model-pipeline-train",
    }
    for words, command in expected.items():
        result = workspace.run(*words)
        assert (2, True) == (result.code, command in result.err), (words, result.err)


def test_older_files_are_not_trained_on(small: Workspace) -> None:
    """After another ingest the processed files are out of date, and training says so."""
    small.ok("data.ingest", "--source", "synthetic:500@4")
    commands = ("pipeline.train", "--batches", "0"), ("data.preprocess_batch", "--batch", "0")
    unsplit = [small.run(*words) for words in commands]
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
    refused = small.run("pipeline.train", "--batches", "11")
    assert "holds 10 batches, and REVIEWS_BATCHES is 12" in refused.err
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


def test_json_errors_are_json_too(workspace: Workspace) -> None:
    """With --json a failure is one object on stdout as well; the sentence still goes to stderr."""
    result = workspace.run("data.split_batches", "--json")
    sentence = f"error: {result.json['message']}\n  {result.json['hint']}\n"

    assert ("UsageError", 2) == (result.json["error"], result.json["exit"])
    assert "data/raw/manifest.json is missing" in result.json["message"]
    assert result.err.endswith(sentence)


def test_debug_shows_the_traceback(workspace: Workspace) -> None:
    """--debug adds the traceback to the sentence; without it there is never one."""
    shown = workspace.run("data.split_batches", "--debug")
    quiet = workspace.run("data.split_batches")

    assert (2, 2) == (shown.code, quiet.code)
    assert "Traceback" in shown.err
    assert "in require_manifest" in shown.err
    assert "error: data/raw/manifest.json is missing" in shown.err
    assert "Traceback" not in quiet.err
