"""Content digests of files."""

import hashlib
from io import BufferedIOBase
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return sha256_of(file)


def sha256_of(file: BufferedIOBase) -> str:
    """Return the hexadecimal SHA-256 of what is left to read of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()
