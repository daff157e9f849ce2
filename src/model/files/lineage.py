"""Which files are there, and whether they were made from what is there now."""

from collections.abc import Sequence

from src.model.core.errors import UsageError
from src.model.files.batches import parse_batches
from src.model.files.code_version import code_digest
from src.model.files.counts import ValidateCounts
from src.model.files.layout import (
    ARRIVALS,
    QUALITY_MANIFEST,
    QUALITY_PAGE,
    RAW_MANIFEST,
    RAW_TEST,
    RAW_TRAIN,
    SPLIT_MANIFEST,
    Arrival,
    arrival_of,
    batch_key,
)
from src.model.files.manifest import Manifest, read_manifest, require_manifest
from src.model.files.runs import PREFIX, batches_of_run
from src.model.files.storage import Storage


def current_raw(storage: Storage) -> Manifest:
    """Return the manifest of the raw rows. Raises UsageError where nothing was ingested."""
    return require_manifest(storage, RAW_MANIFEST, "ingest")


def current_split(storage: Storage, batches: int) -> Manifest:
    """Return the manifest of the split.

    Raises:
        UsageError: there is none, or it is older than the raw rows or the number of batches.
    """
    raw = current_raw(storage)
    split = require_manifest(storage, SPLIT_MANIFEST, "split_batches")
    if split.parents.get(RAW_TRAIN) != raw.files[RAW_TRAIN].sha256:
        msg = f"{storage.root}/batches was made from an older {RAW_TRAIN}."
        raise UsageError(msg, hint="Run make model-split-batches again.")
    if len(split.files) != batches:
        msg = (
            f"{storage.root}/batches holds {len(split.files)} batches, and REVIEWS_BATCHES is "
            f"{batches}."
        )
        raise UsageError(msg, hint="Run make model-split-batches again.")
    return split


def arrivals(storage: Storage, batches: int) -> list[Arrival]:
    """Return what was added to the ingested rows, in order; its numbers follow those of the split.

    Raises:
        UsageError: a number is missing, or the split has another number of batches than it had.
    """
    numbers = sorted(
        number for key in storage.list(ARRIVALS) if (number := arrival_of(key)) is not None
    )
    if not numbers:
        return []
    expected = list(range(batches, batches + len(numbers)))
    split = read_manifest(storage, SPLIT_MANIFEST)
    count = len(split.files) if split else numbers[0]
    if (numbers, count) == (expected, batches):
        return [Arrival(number) for number in numbers]
    place, held = f"{storage.root}/{ARRIVALS}", ", ".join(map(str, numbers))
    msg = f"{place} holds the batches {held}, and REVIEWS_BATCHES is {batches}."
    hint = f"They were added after {count} batches: set REVIEWS_BATCHES={count}."
    if count == batches:
        lost = next(n for n, there in zip(expected, numbers, strict=True) if n != there)
        msg = f"{place} holds the batches {held}; batch {lost} is missing."
        hint = "Put it back; or delete those after it too, and add what they held with append=1."
    raise UsageError(msg, hint=hint)


def arrival_manifest(storage: Storage, arrival: Arrival) -> Manifest:
    """Return an arrival's manifest. Raises UsageError where it was added to other rows."""
    raw, manifest = current_raw(storage), require_manifest(storage, arrival.manifest, "ingest")
    if any(manifest.parents.get(key) != raw.files[key].sha256 for key in (RAW_TRAIN, RAW_TEST)):
        msg = f"{storage.root}/{ARRIVALS}{arrival.number} was added to other raw rows."
        hint = f"Delete {storage.root}/{ARRIVALS} and add what arrived again, with append=1."
        raise UsageError(msg, hint=hint)
    return manifest


def numbers_of(storage: Storage, value: str, batches: int) -> tuple[int, ...]:
    """Return the batches that `value` names, of the split and of what arrived since.

    After `run:` it is the name of a run, see `files.runs`.

    Raises:
        UsageError: it names others, or none.
    """
    if value.startswith(PREFIX):
        value = batches_of_run(storage, value.removeprefix(PREFIX))
    return parse_batches(value, batches + len(arrivals(storage, batches)))


def batch_source(storage: Storage, number: int, batches: int) -> tuple[str, str]:
    """Return the key and the SHA-256 of a batch's rows as they were split off, or arrived.

    Raises:
        UsageError: what they come from changed, or they arrived and validation has not passed them.
    """
    if number < batches:
        key = batch_key(number)
        return key, current_split(storage, batches).files[key].sha256
    arrival = Arrival(number)
    return arrival.train, _passed(storage, arrival).files[arrival.train].sha256


def evaluation_sources(storage: Storage, batches: int) -> dict[str, str]:
    """Return the SHA-256 of every file of test rows by its key, the ingested ones first."""
    sources = {RAW_TEST: current_raw(storage).files[RAW_TEST].sha256}
    for arrival in arrivals(storage, batches):
        sources[arrival.test] = _passed(storage, arrival).files[arrival.test].sha256
    return sources


def refuse_failed(storage: Storage, raw: Manifest) -> None:
    """Raise UsageError where validation looked at these very raw rows, and they broke a limit."""
    failed = _failed_parts(storage, raw, (RAW_TRAIN, RAW_TEST))
    if failed and failed & {"both", "train", "test"}:
        msg = f"{storage.root}/raw breaks the limits of the data's quality."
        hint = (
            f"Look at {storage.root}/{QUALITY_PAGE}; ingest other rows, or raise the limit, or set "
            "REVIEWS_LANGUAGE, and run make model-validate."
        )
        raise UsageError(msg, hint=hint)


def _failed_parts(storage: Storage, made: Manifest, keys: Sequence[str]) -> set[str] | None:
    """Return the parts that failed where these very files were validated, None where not."""
    seen = read_manifest(storage, QUALITY_MANIFEST)
    if seen is None or any(seen.parents.get(key) != made.files[key].sha256 for key in keys):
        return None
    return set(seen.counted(ValidateCounts).failed)


def _passed(storage: Storage, arrival: Arrival) -> Manifest:
    """Return an arrival's manifest. Raises UsageError where validation has not passed its rows."""
    manifest = arrival_manifest(storage, arrival)
    failed = _failed_parts(storage, manifest, (arrival.train, arrival.test))
    place = f"{storage.root}/{ARRIVALS}{arrival.number}"
    if failed is None:
        msg = f"{place} has not been validated."
        raise UsageError(msg, hint="Run make model-validate first.")
    if arrival.name in failed:
        msg = f"{place} breaks the limits of the data's quality."
        hint = (
            f"Look at {storage.root}/{QUALITY_PAGE}. Delete {place} and what arrived after it, or "
            "raise the limit and run make model-validate again."
        )
        raise UsageError(msg, hint=hint)
    return manifest


def step_code(step: str) -> str:
    """Return the version of the code that decides what a data step writes."""
    return code_digest(f"src.model.data.{step}")
