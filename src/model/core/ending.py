"""SIGTERM as an exception that cannot get lost, so that every `finally` on the way out runs."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_S = 0.05


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C is: what was begun is undone, the run is marked as killed."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise `Terminated` at the first SIGTERM while the block runs.

    A second SIGTERM would disturb the cleaning up, so it is ignored. Python drops an exception that
    is raised in a finalizer or in the callback of a weak reference (every import runs one), and
    only tells `sys.unraisablehook`: from there the signal is sent again.

    Only the main thread can do this; in any other the block runs as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    def dropped(about: "sys.UnraisableHookArgs") -> None:
        if not isinstance(about.exc_value, Terminated):
            hook_before(about)
            return
        signal.signal(signal.SIGTERM, stop)
        again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()

    hook_before, sys.unraisablehook = sys.unraisablehook, dropped
    handler_before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler_before)
        sys.unraisablehook = hook_before
