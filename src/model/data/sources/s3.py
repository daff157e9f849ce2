"""S3 objects as sources."""

import hashlib
from pathlib import Path

from pyarrow import fs

from src.model.data.readers import FORMATS
from src.model.data.storage import fetch_object, s3_filesystem, saying_what_failed
from src.model.errors import SourceError
from src.model.settings import Settings


def fetch_s3(name: str, settings: Settings) -> Path:
    """Return a local copy of the object `bucket/key`, or of the train and test tables below a prefix.

    Raises:
        SourceError: no such object.
        StorageError: S3 cannot be reached or refuses.
    """
    filesystem = s3_filesystem(settings)
    name = name.rstrip("/")
    with saying_what_failed(f"s3://{name}"):
        info = filesystem.get_file_info(name)
        found = (
            [info]
            if info.type == fs.FileType.File
            else filesystem.get_file_info(fs.FileSelector(name, allow_not_found=True))
        )
    tables = [f for f in found if f.type == fs.FileType.File and (len(found) == 1 or _is_table(f.base_name))]
    if not tables:
        msg = f"s3://{name} holds no object to read."
        raise SourceError(msg, hint="Check the bucket, the key and AWS_ENDPOINT_URL.")
    state = hashlib.sha256("".join(f"{t.path}|{t.size}|{t.mtime_ns}\n" for t in tables).encode()).hexdigest()[:16]
    folder = settings.cache_dir / "s3" / state
    for table in tables:
        if not (folder / table.base_name).exists():
            fetch_object(filesystem, table.path, folder / table.base_name)
    return folder / tables[0].base_name if info.type == fs.FileType.File else folder


def _is_table(name: str) -> bool:
    return any(name in {f"train{ending}", f"test{ending}"} for ending in FORMATS)
