"""Run a command and end it as `kill -9` does, before its n-th change of what others can see.

Changes are renames, links and deletions of files and commits of databases; what is in the
temporary folder is seen by nobody and not counted. With n = 0 nothing is killed, and the number of
changes stands on the last line of stderr.
"""

import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = ("rename", "replace", "unlink", "remove", "rmdir", "link", "symlink")


class Counter:
    """Counts changes, and ends the process before the one it was told."""

    def __init__(self, at: int) -> None:
        self.at, self.done = at, 0
        self.temporary = tempfile.gettempdir()  # found before anything is counted

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            if self._is_temporary(arguments[0], options.get("dir_fd")):
                return call(*arguments, **options)
            self.done += 1
            if self.done == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counting

    def _is_temporary(self, place: object, folder: int | None) -> bool:
        if not isinstance(place, str | bytes | os.PathLike):
            return False
        base = Path.cwd() if folder is None else Path(f"/proc/self/fd/{folder}").readlink()
        return (base / os.fsdecode(place)).is_relative_to(self.temporary)


def run(at: int | None, module: str, words: list[str]) -> int:
    """Run a command, killed before its change number `at`; without one nothing is counted."""
    main = importlib.import_module(f"src.model.{module}").main
    if at is None:
        return int(main(words))
    counter = Counter(at)
    for name in CALLS:
        setattr(os, name, counter.counted(getattr(os, name)))
    from sqlalchemy.engine.default import DefaultDialect

    DefaultDialect.do_commit = counter.counted(DefaultDialect.do_commit)  # type: ignore[method-assign]
    code = int(main(words))
    sys.stderr.write(f"\n{counter.done}\n")
    return code
