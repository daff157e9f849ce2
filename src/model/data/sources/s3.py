"""S3 objects as sources."""

import hashlib
from contextlib import suppress
from pathlib import Path

import obstore
from obstore.store import S3Store

from src.model.core.disk import saying_what_failed
from src.model.core.errors import SourceError
from src.model.core.s3 import s3_store, saying_what_s3_said
from src.model.core.settings import Settings
from src.model.data.sources.files import split_of
from src.model.data.sources.kept import is_kept, note
from src.model.files.s3_storage import fetch


def fetch_s3(name: str, settings: Settings) -> Path:
    """Return a local copy of the object `bucket/key`, or of the train and test tables of a prefix.

    A copy is kept by endpoint, address and version (ETag), and used as long as those are the same.

    Raises:
        SourceError: no such object.
        StorageError: S3 cannot be reached or refuses.
    """
    name = name.strip("/")
    bucket, _, key = name.partition("/")
    place = f"s3://{name}"
    store = s3_store(f"s3://{bucket}", settings.aws)
    with saying_what_s3_said(place):
        found = _objects(store, key)
    if not found:
        msg = f"{place} holds no object to read."
        raise SourceError(msg, hint="Check the bucket, the key and AWS_ENDPOINT_URL.")
    versions = "".join(f"{meta['path']}|{meta['e_tag']}|{meta['size']}\n" for meta in found)
    identity = f"{settings.aws.endpoint_url}|{bucket}\n{versions}"
    folder = settings.cache_dir / "s3" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    for meta in found:
        target = folder / Path(meta["path"]).name
        if not is_kept(target):
            copy = fetch(store, f"s3://{bucket}/{meta['path']}", meta["path"], target)
            with saying_what_failed(target):
                note(target, copy.stored.sha256)  # hashed on the way
    alone = len(found) == 1 and found[0]["path"] == key
    return folder / Path(key).name if alone else folder


def _objects(store: S3Store, key: str) -> "list[obstore.ObjectMeta]":
    """Return the object of that key, or those directly below it that are train and test tables."""
    if key:
        with suppress(FileNotFoundError):
            return [obstore.head(store, key)]
    listed = obstore.list_with_delimiter(store, key or None)
    return [meta for meta in listed["objects"] if split_of(Path(meta["path"]).name)]
