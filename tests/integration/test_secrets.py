"""No secret of a source in what the whole pipeline writes and records."""

import json
from pathlib import Path

from tests.conftest import Workspace
from tests.integration.conftest import WebServer

MARK = "opensesame"


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
