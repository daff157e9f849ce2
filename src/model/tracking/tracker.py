"""Runs in MLflow."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.time import get_current_time_millis

from src.model.core.names import TRAINED_VIEW
from src.model.core.settings import Settings
from src.model.files.manifest import Manifest, to_json
from src.model.tracking.base import DataSet, Run
from src.model.tracking.connection import connect, saying_what_failed
from src.model.tracking.liveness import beating, is_gone, own_tags

_NOTE_TAG = "mlflow.note.content"
_EXPERIMENT_TAGS = {
    # What MLflow's page shows first: runs and models, and not what it has for language models.
    "mlflow.experimentKind": "custom_model_development",
    _NOTE_TAG: (
        "Is a review **positive or negative**? A run for each step that wrote data and for each "
        "training."
    ),
}


class MlflowRun:
    """One open MLflow run, addressed by its id.

    So nothing is logged to whatever run happens to be active.
    """

    def __init__(self, client: mlflow.MlflowClient, run_id: str) -> None:
        self.id = run_id
        self._client = client

    def params(self, values: Mapping[str, Any]) -> None:
        entries = [Param(key, str(value)[:6000]) for key, value in values.items()]
        with saying_what_failed():
            self._client.log_batch(self.id, params=entries)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        now = get_current_time_millis()
        entries = [Metric(key, value, now, step) for key, value in values.items()]
        with saying_what_failed():
            self._client.log_batch(self.id, entries)

    def tags(self, values: Mapping[str, str]) -> None:
        entries = [RunTag(key, value) for key, value in values.items()]
        with saying_what_failed():
            self._client.log_batch(self.id, tags=entries)

    def inputs(self, data_sets: Sequence[DataSet]) -> None:
        entries = [
            DatasetInput(
                Dataset(
                    name=d.name,
                    digest=d.digest[:36],  # MLflow's limit for a digest
                    source_type="local",
                    source=json.dumps({"uri": d.source, "sha256": d.digest}),
                    profile=json.dumps({"num_rows": d.rows}),
                ),
                [InputTag("mlflow.data.context", d.context)],
            )
            for d in data_sets
        ]
        with saying_what_failed():
            self._client.log_inputs(self.id, entries)

    def rename(self, name: str) -> None:
        with saying_what_failed():
            self._client.update_run(self.id, name=name)

    def describe(self, text: str) -> None:
        self.tags({_NOTE_TAG: text})

    def text(self, content: str, name: str) -> None:
        with saying_what_failed():
            self._client.log_text(self.id, content, name)

    def file(self, path: Path, folder: str = "") -> None:
        with saying_what_failed():
            self._client.log_artifact(self.id, str(path), folder or None)

    def link(self, artifact: str) -> str:
        with saying_what_failed():
            experiment = self._client.get_run(self.id).info.experiment_id
        place = f"#/experiments/{experiment}/runs/{self.id}/artifacts/{artifact}"
        return place + TRAINED_VIEW


_COMPLETE_TAG = "manifest_sha256"
"""Tag of a run that has recorded all of a step's manifest."""


class MlflowTracker:
    """Records runs in the experiment the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect(settings)
        self._experiment: str | None = None

    def check(self) -> None:
        self._close_those_gone()

    def _experiment_id(self) -> str:
        if self._experiment is None:
            with saying_what_failed():
                name = self._settings.mlflow.experiment
                found = self._client.get_experiment_by_name(name)
                self._experiment = (
                    found.experiment_id
                    if found
                    else self._client.create_experiment(name, tags=_EXPERIMENT_TAGS)
                )
        return self._experiment

    @contextmanager
    def start(self, name: str, tags: Mapping[str, str], *, nested: bool = False) -> Iterator[Run]:
        mark = uuid4().hex
        try:
            with saying_what_failed():
                active = mlflow.start_run(
                    experiment_id=self._experiment_id(),
                    run_name=name,
                    tags={**tags, "start_id": mark, **own_tags(time.time())},
                    nested=nested,
                    log_system_metrics=not nested,
                )
        except KeyboardInterrupt as stopped:
            self._end_begun(mark, stopped)
            raise
        yield from self._until_end(active.info.run_id)

    def _close_those_gone(self) -> None:
        """End the runs of processes that were killed: they could not."""
        with saying_what_failed():
            query = "attributes.status = 'RUNNING'"
            for run in self._client.search_runs([self._experiment_id()], query):
                if is_gone(run.data.tags, time.time()):
                    complete = _COMPLETE_TAG in run.data.tags
                    status = "FINISHED" if complete else "KILLED"
                    self._client.set_terminated(run.info.run_id, status)

    def _end_begun(self, mark: str, stopped: KeyboardInterrupt) -> None:
        """End the run of a start that was stopped halfway, if the store has it already."""
        with _not_hiding(stopped), saying_what_failed():
            query = f"tags.start_id = '{mark}'"
            for run in self._client.search_runs([self._experiment_id()], query):
                active = mlflow.active_run()
                if active is not None and active.info.run_id == run.info.run_id:
                    mlflow.end_run("KILLED")
                else:
                    self._client.set_terminated(run.info.run_id, "KILLED")

    @contextmanager
    def resume(self, run_id: str) -> Iterator[Run]:
        # A finished run takes more; opening it again would move its end.
        yield MlflowRun(self._client, run_id)

    def _until_end(self, run_id: str) -> Iterator[Run]:
        run = MlflowRun(self._client, run_id)
        try:
            with beating(run.tags):
                yield run
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            with _not_hiding(error), saying_what_failed():
                mlflow.end_run(status)
            raise
        with saying_what_failed():
            mlflow.end_run("FINISHED")

    def record_manifest(self, manifest: Manifest, files: Sequence[Path] = ()) -> None:
        query = f"tags.{_COMPLETE_TAG} = '{manifest.digest}'"
        with saying_what_failed():
            known = self._client.search_runs([self._experiment_id()], query, max_results=1)
        if known:
            return
        tags = {"step": manifest.step, "code": manifest.code}
        with self.start(manifest.step, tags) as run, tempfile.TemporaryDirectory() as folder:
            given = {key: value for key, value in manifest.parameters.items() if value is not None}
            parents, files_made = manifest.parents.items(), manifest.files.items()
            run.params(given)
            run.inputs([DataSet(Path(k).name, k, digest, -1, "source") for k, digest in parents])
            run.metrics({f"rows.{Path(key).stem}": entry.rows or 0 for key, entry in files_made})
            path = Path(folder) / "manifest.json"
            path.write_text(to_json(manifest), encoding="utf-8")
            for file in (path, *files):
                run.file(file)
            # Last: a run cut short does not count as recorded.
            run.tags({_COMPLETE_TAG: manifest.digest})


@contextmanager
def _not_hiding(original: BaseException) -> Iterator[None]:
    """Let the first failure be the one reported.

    A server that is gone cannot be told about it either.
    """
    try:
        yield
    except Exception as second:  # noqa: BLE001
        original.add_note(f"The run could not be closed either: {second}")
