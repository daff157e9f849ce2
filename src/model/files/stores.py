"""Which storage the settings mean."""

from pathlib import Path

from src.model.core.errors import SettingsError
from src.model.core.settings import Settings
from src.model.files.s3_storage import S3Storage
from src.model.files.storage import LocalStorage, Storage


def open_storage(settings: Settings, scratch: Path) -> Storage:
    """Return the storage that `REVIEWS_DATA_DIR` names; S3 objects are staged in `scratch`.

    Raises:
        SettingsError: an unknown scheme.
    """
    place = settings.data_dir
    if place.startswith("s3://"):
        if not place.removeprefix("s3://").strip("/"):
            msg = "REVIEWS_DATA_DIR=s3:// names no bucket."
            raise SettingsError(msg, hint="Write s3://bucket/prefix.")
        return S3Storage(place, settings.aws, scratch, settings.lease_seconds)
    if "://" in place:
        msg = f"REVIEWS_DATA_DIR={place!r}: only a folder or s3://bucket/prefix can hold the data."
        raise SettingsError(msg)
    return LocalStorage(Path(place).expanduser())
