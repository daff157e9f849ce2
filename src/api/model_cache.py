"""Models kept on the disk for a start without their source.

Named by what is in them; beside them, which of them each slot used last. Serving depends on none
of this: where nothing can be written, that is said once, and the model is served all the same.
"""

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from src.api.sources import Contents, Reference
from src.model.core.artifact import DESCRIPTION
from src.model.core.disk import atomic_write
from src.model.core.records import Record
from src.model.core.redact import without_secrets

_MAX_BYTES = 1 << 30
_KILLED_SECONDS = 3600.0
_MODEL = re.compile(r"[0-9a-f]{64}")
_LEFT_OVER = re.compile(r"\.fetching-\w+|\.\w+\.json\.\d+\.tmp")


class _Pointer(Record):
    """What a slot used last."""

    reference: Reference
    folder: str


class ModelCache:
    """A folder of model folders."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def last(self, slot: str) -> tuple[Reference, Contents] | None:
        """Return what the slot used last, if its description is still what it was.

        That has the digests of all other files.

        Raises OSError where it is there and cannot be read.
        """
        found = self._pointer(slot)
        if found is None:
            return None
        folder = self._root / found.folder
        try:
            sizes = {p.name: p.stat().st_size for p in folder.iterdir() if p.is_file()}
            if sum(sizes.values()) > _MAX_BYTES:
                return None
            contents = {name: (folder / name).read_bytes() for name in sizes}
        except (FileNotFoundError, NotADirectoryError):
            return None
        if sha256(contents.get(DESCRIPTION, b"")).hexdigest() != found.folder:
            return None
        # Earlier versions wrote the address as it was set, with what was secret in it.
        shown = without_secrets(found.reference.source)
        return found.reference.model_copy(update={"source": shown}), contents

    def _pointer(self, slot: str) -> _Pointer | None:
        """Return what is noted of a slot; its folder is one of ours, directly below the root."""
        try:
            found = _Pointer.model_validate_json((self._root / f"{slot}.json").read_bytes())
        except (OSError, ValidationError):
            return None
        return found if Path(found.folder).name == found.folder else None

    def keep(self, slot: str, reference: Reference, contents: Contents) -> None:
        """Store a model, note that the slot uses it, and delete those that no slot uses.

        Raises OSError where nothing can be written.
        """
        name = sha256(contents[DESCRIPTION]).hexdigest()
        self._root.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".fetching-", dir=self._root))
        try:
            for file, content in contents.items():
                (aside / file).write_bytes(content)
            _remove(self._root / name)  # perhaps damaged; this is whole
            aside.replace(self._root / name)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        pointer = _Pointer(reference=reference, folder=name)
        noted = self._root / f"{slot}.json"
        if noted.is_dir():
            _remove(noted)
        with atomic_write(noted, f".{os.getpid()}") as path:
            path.write_text(pointer.model_dump_json(), encoding="utf-8")
        self._clean()

    def _clean(self) -> None:
        """Delete models that no slot uses, and what fetches that were killed have left.

        Whatever else lies there is somebody else's.
        """
        pointers = (self._pointer(path.stem) for path in self._root.glob("*.json"))
        used = {pointer.folder for pointer in pointers if pointer}
        for old in self._root.iterdir():
            unused = _MODEL.fullmatch(old.name) and old.name not in used
            killed = _LEFT_OVER.fullmatch(old.name) and _age(old) > _KILLED_SECONDS
            if unused or killed:
                _remove(old)


def _age(path: Path) -> float:
    """Return for how many seconds nobody has changed a file or folder; 0 where it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    """Delete a file or folder, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
