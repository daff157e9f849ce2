"""Which code and which libraries are running."""

import hashlib
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from src.model.core.settings import Settings

_ROOT = Path(__file__).resolve().parents[3]
UNKNOWN = "unknown"


def git_sha(settings: Settings) -> str:
    """Return the commit, with `-dirty` where files differ from it.

    `REVIEWS_GIT_SHA` where there is no checkout.
    """
    return settings.git_sha or _commit()


@cache
def _commit() -> str:
    def git(*words: str) -> str:
        command = ["git", "-C", str(_ROOT), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        dirty = "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "HEAD") + dirty
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN


def lock_digest() -> str:
    """Return the SHA-256 of the file that pins the model's libraries."""
    path = _ROOT / "requirements" / "model.txt"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else UNKNOWN


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Return the installed version of each distribution; `unknown` where it is not installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = UNKNOWN
    return found
