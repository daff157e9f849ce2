"""No secret of any setting in what a command prints, logs, writes or records."""

import json
from pathlib import Path

import pytest

from src.model import steps
from tests.conftest import Workspace
from tests.integration.conftest import WebServer, free_port

SECRETS = {
    "MLFLOW_TRACKING_PASSWORD": "opensesame-mlflow-password",
    "MLFLOW_TRACKING_TOKEN": "opensesame-mlflow-token",
    "AWS_SECRET_ACCESS_KEY": "opensesame-aws-secret",
    "AWS_SESSION_TOKEN": "opensesame-aws-token",
}
MARK = "opensesame"
WORDS = {
    "train": ("--batches=0",),
    "tune": ("--batches=0",),
    "preprocess_batch": ("--batch=0",),
    "score": ("in.csv", "out.csv"),
    "predict": ("--title=Great",),
    "run": ("train",),
    "mlflow_server": ("status",),
}
MODULES = [command.module for command in steps.COMMANDS.values()] + list(steps.OTHERS)


@pytest.mark.parametrize("mode", ["--json", "--debug"])
@pytest.mark.parametrize("module", MODULES)
def test_a_command_that_fails_repeats_no_secret(
    workspace: Workspace, module: str, mode: str
) -> None:
    """Where MLflow, S3, Optuna's store or the source is gone, the message hides how to log in."""
    gone = f"127.0.0.1:{free_port()}"
    workspace.set(
        **SECRETS,
        MLFLOW_TRACKING_URI=f"http://bob:{MARK}-address@{gone}",
        MLFLOW_TRACKING_USERNAME=f"{MARK}-user",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
        AWS_ACCESS_KEY_ID="someone",
        AWS_ENDPOINT_URL=f"http://{gone}",
        REVIEWS_SOURCE=f"https://ann:{MARK}-source@{gone}/x.csv?signature={MARK}-query",
        REVIEWS_TUNE_STORAGE=f"postgresql://optuna:{MARK}-optuna@{gone}/db",
        REVIEWS_LOG_FORMAT="json",
    )
    (workspace.path / "in.csv").write_text("title,text\na,b\n")
    name = module.rsplit(".", 1)[-1]
    result = workspace.run(module.removeprefix("src.model."), *WORDS.get(name, ()), mode)

    assert 0 != result.code
    assert MARK not in result.out + result.err
    assert ("Traceback" in result.err) == (mode == "--debug" and name != "mlflow_server")


def test_what_a_source_with_secrets_leaves_behind(tracked: Workspace, web: WebServer) -> None:
    """Files, manifests, reports and MLflow name the source without user, password and signature."""
    web.files["/reviews.csv"] = b"".join(
        f'"{1 + n % 2}","Title {n}","It is number {n}"\n'.encode() for n in range(400)
    )
    host = web.address.removeprefix("http://")
    source = f"http://ann:{MARK}-source@{host}/reviews.csv?signature={MARK}-query"
    tracked.ok("data.ingest", "--source", source)
    tracked.run("data.validate")
    tracked.ok("data.split_batches")
    tracked.ok("data.preprocess_batch", "--batch=0-4")
    tracked.ok("data.preprocess_test")
    tracked.ok("pipeline.train", "--batches=0-4")
    tracked.ok("pipeline.evaluate")
    client = tracked.mlflow()
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    versions = client.search_model_versions()

    assert len(runs) >= 4
    assert MARK not in json.dumps([run.to_dictionary() for run in runs])
    assert MARK not in repr([(version.tags, version.description) for version in versions])
    assert [] == [path for path in _files(tracked.path) if MARK.encode() in path.read_bytes()]
    assert (
        source.partition("@")[2].partition("?")[0]
        in (tracked.data / "raw/manifest.json").read_text()
    )


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
