"""What a tracker and a registry can do; MLflow and plain files both fill these ports."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from src.model.core.artifact import DESCRIPTION
from src.model.core.digest import sha256
from src.model.core.errors import ModelError, UsageError
from src.model.core.names import ALIASES, CHALLENGER, DIGEST_TAG, GATE_TAG, PREVIOUS
from src.model.core.records import test_figures
from src.model.files.batches import as_ranges

if TYPE_CHECKING:
    from src.model.files.manifest import Manifest

_MOST_DIGITS = 9


@dataclass(frozen=True)
class DataSet:
    """A data file a run read: name, place, digest, rows, and what it was used for."""

    name: str
    source: str
    digest: str
    rows: int
    context: str


@dataclass(frozen=True)
class Version:
    """One registered model version."""

    number: int
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


class Run(Protocol):
    """An open run; pure functions never see one."""

    id: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; they cannot change once logged."""

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics of one step."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""

    def inputs(self, data_sets: Sequence[DataSet]) -> None:
        """Log the data sets the run reads."""

    def rename(self, name: str) -> None:
        """Call the run otherwise in lists."""

    def describe(self, text: str) -> None:
        """Set the run's description, in Markdown."""

    def text(self, content: str, name: str) -> None:
        """Store a text file as artifact `name`."""

    def file(self, path: Path, folder: str = "") -> None:
        """Store a file as an artifact."""

    def link(self, artifact: str) -> str:
        """Return where a person finds an artifact of this run, relative to MLflow's page.

        It is empty where there is no such place.
        """


class Tracker(Protocol):
    """Where runs are recorded."""

    def check(self) -> None:
        """Make sure runs can be recorded, before long work begins, and close those left open.

        Raises TrackingError.
        """

    def start(
        self, name: str, tags: Mapping[str, str], *, nested: bool = False
    ) -> AbstractContextManager[Run]:
        """Open a new run, `nested` in the open one.

        It ends with the block, as failed where the block raises.
        """

    def resume(self, run_id: str) -> AbstractContextManager[Run]:
        """Open a run again to add to it."""

    def record_manifest(self, manifest: "Manifest", files: Sequence[Path] = ()) -> None:
        """Record a data step's manifest, and files beside it, as a run of its own.

        Each content is recorded once.
        """


class Registry(Protocol):
    """Where model versions and their aliases are kept."""

    def exclusive(self, name: str, wait: float) -> AbstractContextManager[object]:
        """Let nobody else do `name` on this registry during the block, as far as it can tell.

        Raises:
            UsageError: somebody still did after `wait` seconds.
        """

    def register(self, run: Run, folder: Path, tags: Mapping[str, str]) -> Version:
        """Store the model in `folder` with the run and register it as a new version."""

    def find(self, fingerprint: str) -> Version | None:
        """Return the newest version with the tag `fingerprint`, or None."""

    def versions(self) -> Sequence[Version]:
        """Return all versions, the oldest first, without their aliases."""

    def get(self, number: int) -> Version | None:
        """Return a version by its number, or None."""

    def by_alias(self, alias: str) -> Version | None:
        """Return the version an alias points to, or None."""

    def set_alias(self, alias: str, number: int) -> None:
        """Point an alias to a version."""

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""

    def describe(self, number: int, text: str) -> None:
        """Set a version's description, in Markdown."""

    def fetch(self, version: Version) -> Path:
        """Return a local folder with the version's model files.

        It raises ModelError where they are gone, or others than were registered.
        """


def run_name(version: Version) -> str:
    """Return what the run of a version is called: what a person looks for in a list of runs.

    >>> tags = {"learner": "hashed", "batches": "0 1 2", "test.figures": '{"accuracy": 0.911}'}
    >>> run_name(Version(3, "run", {**tags, "gate": "promoted"}))
    'version 3: 91.10%, promoted (hashed, batches 0-2)'
    """
    accuracy = test_figures(version.tags).get("accuracy")
    known = [f"{accuracy:.2%}"] if accuracy is not None else []
    known += [version.tags[GATE_TAG]] if GATE_TAG in version.tags else []
    batches = as_ranges(map(int, version.tags.get("batches", "").split()))
    of = f"({version.tags.get('learner', 'unknown')}, batches {batches or 'unknown'})"
    return f"version {version.number}{': ' if known else ''}{', '.join(known)} {of}"


def refuse_changed(folder: Path, version: Version) -> Path:
    """Return the folder of a version's files, if its description is the one that was registered.

    The description has the digests of all other files, which are checked when they are loaded.

    Raises:
        ModelError: it is another one.
    """
    registered, description = version.tags.get(DIGEST_TAG), folder / DESCRIPTION
    if not description.is_file():
        msg = f"The artifact of model version {version.number} holds no model."
        raise ModelError(msg, hint="Train again, or choose another version.")
    if registered and sha256(description) != registered:
        msg = f"The {DESCRIPTION} of model version {version.number} has changed since it was made."
        raise ModelError(msg, hint="Train again, or choose another version.")
    return folder


def resolve(registry: Registry, reference: str) -> Version:
    """Return the version a number or an alias names.

    Raises:
        UsageError: there is none, with what to do about it.
    """
    if reference.isdecimal() and len(reference) <= _MOST_DIGITS:
        version = registry.get(int(reference))
        if version is None:
            msg = f"There is no model version {reference}."
            raise UsageError(
                msg, hint="Numbers and aliases are in MLflow's model registry: make mlflow-up."
            )
        return version
    version = registry.by_alias(reference)
    if version is None and reference in ALIASES:
        what = "previous champion" if reference == PREVIOUS else reference
        msg = f"No model version is the {what} yet."
        raise UsageError(msg, hint=_how_to_get(registry, reference))
    if version is None:
        msg = f"{reference!r} is no model version."
        raise UsageError(msg, hint=f"Give a number or one of {', '.join(ALIASES)}.")
    return version


def _how_to_get(registry: Registry, alias: str) -> str:
    if alias == PREVIOUS:
        return "There is a champion to go back to once a second one was promoted."
    if alias == CHALLENGER:
        return "Run make model-train batches=0 first."
    waiting = registry.by_alias(CHALLENGER)
    if waiting is None:
        return "Run make demo, or make model-pipeline-train on your data."
    return (
        f"Version {waiting.number} is the challenger: targets that read model_version= or "
        f"warm_start= take {waiting.number} there. make model-promote names the bounds it misses."
    )
