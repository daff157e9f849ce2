"""A signal to end arrives wherever Python happens to be."""

import os
import signal
import time
import weakref
from collections.abc import Callable

import pytest

from src.model.core.ending import Terminated, sigterm_raises


class _Finalized:
    """Asks to end while it is finalized, where Python drops every exception."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)


class _Watched:
    pass


def _in_a_finalizer() -> None:
    _Finalized()


def _in_a_callback() -> None:
    def gone(_reference: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

    watched = _Watched()
    kept = weakref.ref(watched, gone)
    del watched
    assert kept() is None


def _in_the_open() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("where", [_in_a_finalizer, _in_a_callback, _in_the_open])
def test_a_signal_is_not_lost_where_python_drops_exceptions(where: Callable[[], None]) -> None:
    """Finalizers and callbacks (every import runs one) swallow what is raised in them."""
    with pytest.raises(Terminated), sigterm_raises():
        where()
        time.sleep(10)


def test_the_handler_before_comes_back() -> None:
    """Outside the block nothing has changed."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), sigterm_raises():
        _in_the_open()
        time.sleep(10)

    assert before == signal.getsignal(signal.SIGTERM)


def test_a_second_signal_leaves_the_cleaning_up_alone() -> None:
    """Only the first one raises."""
    cleaned = False
    with pytest.raises(Terminated), sigterm_raises():
        try:
            _in_the_open()
            time.sleep(10)
        finally:
            _in_the_open()
            time.sleep(0.01)
            cleaned = True

    assert cleaned
