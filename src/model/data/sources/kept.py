"""Copies of what was fetched, used again only while they are what was fetched.

Beside each copy stands its digest. A copy that was cut short, changed or never noted is fetched
anew.
"""

from pathlib import Path

from src.model.core.digest import sha256
from src.model.core.disk import atomic_write


def note(copy: Path, digest: str) -> None:
    """Remember a copy by its SHA-256. Raises OSError where that cannot be written."""
    with atomic_write(_digest_of(copy)) as path:
        path.write_text(digest, encoding="ascii")


def noted(copy: Path) -> str:
    """Return the SHA-256 that was noted of a copy; empty where none was."""
    try:
        return _digest_of(copy).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def is_kept(copy: Path) -> bool:
    """Say whether the copy is there and still what was noted."""
    try:
        return noted(copy) == sha256(copy)
    except OSError:
        return False


def forget(copy: Path) -> None:
    """Delete a copy."""
    _digest_of(copy).unlink(missing_ok=True)
    copy.unlink(missing_ok=True)


def _digest_of(copy: Path) -> Path:
    return copy.with_name(f".{copy.name}.sha256")
