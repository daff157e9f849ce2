"""Leases: one at a time, on a disk and in S3, whatever becomes of the holder."""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from src.model.core.errors import UsageError
from src.model.files.storage import Storage
from tests.conftest import Workspace
from tests.integration.lease_holder import SECONDS, Holder, Opened, put, timed


@pytest.fixture(params=["local", "s3"])
def opened(request: pytest.FixtureRequest, workspace: Workspace) -> Opened:
    """Opens the same storage anew, as each process does."""
    if request.param == "s3":
        request.getfixturevalue("on_s3")
    return lambda: workspace.context().storage


def test_two_exclude_each_other(opened: Opened) -> None:
    """The second is refused, told who holds the lease, and both can write as before."""
    first, second = opened(), opened()
    with first.lease("job"):
        with pytest.raises(UsageError) as caught, second.lease("job"):
            pytest.fail("both hold it")
        put(first, "a.txt", "of the first")
    put(second, "b.txt", "of the second")
    me = f"process {os.getpid()} on {socket.gethostname()}"

    assert f"Another process is running job on the same data ({me})." == caught.value.message
    assert "REVIEWS_DATA_DIR" in caught.value.hint
    assert 2 == caught.value.exit_code
    assert ("of the first", "of the second") == tuple(
        first.path(key).read_text() for key in ("a.txt", "b.txt")
    )


def test_other_names_do_not_disturb_each_other(opened: Opened) -> None:
    """Ingesting and training go on side by side, and one process can hold both."""
    first, second = opened(), opened()
    with first.lease("ingest"), second.lease("train"), first.lease("registry"):
        put(first, "a.txt", "content")

    assert "content" == second.path("a.txt").read_text()


def test_one_that_is_let_go_is_free_at_once(opened: Opened) -> None:
    """However the block ended, the next one waits for nothing."""
    first, second = opened(), opened()
    with pytest.raises(ZeroDivisionError), first.lease("job"):
        _ = 1 / 0
    with timed() as seconds:
        for storage in (second, first, second):
            with storage.lease("job"):
                pass

    assert seconds() < SECONDS / 2


def test_one_can_wait_for_its_turn(opened: Opened) -> None:
    """Who waits long enough gets the lease as soon as it is free, and not before."""
    first, second = opened(), opened()
    order: list[str] = []
    taken = threading.Event()

    def hold() -> None:
        with first.lease("job"):
            taken.set()
            time.sleep(2 * SECONDS)
            order.append("the first ends")

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(10)
    with timed() as seconds, second.lease("job", wait=30):
        order.append("the second begins")
    thread.join()

    assert ["the first ends", "the second begins"] == order
    assert 1.8 * SECONDS < seconds() < 2.5 * SECONDS


def test_waiting_has_an_end(opened: Opened) -> None:
    """Whose holder shows life for longer than somebody wants to wait refuses him after that."""
    first, second = opened(), opened()
    with (
        first.lease("job"),
        timed() as seconds,
        pytest.raises(UsageError, match="Another process is running job"),
        second.lease("job", wait=1.5 * SECONDS),
    ):
        pytest.fail("both hold it")

    assert 1.5 * SECONDS <= seconds() < 2.5 * SECONDS


def test_ten_at_once_come_one_after_the_other(opened: Opened) -> None:
    """Of many that begin together no two are ever inside, and each has its turn."""
    inside, most, turns = 0, 0, 0
    guard = threading.Lock()

    def work(storage: Storage) -> None:
        nonlocal inside, most, turns
        with storage.lease("job", wait=60):
            with guard:
                inside, turns = inside + 1, turns + 1
                most = max(most, inside)
            time.sleep(0.02)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=work, args=(opened(),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (0, 1, 10) == (inside, most, turns)


def test_another_process_is_respected(opened: Opened, holder: Callable[[], Holder]) -> None:
    """A lease is one of machines, not of objects in a process, and is free when that one ends."""
    other, storage = holder(), opened()
    with pytest.raises(UsageError) as caught, storage.lease("job"):
        pytest.fail("both hold it")
    wrote = other.told("write", "a.txt")
    ended = other.ends()
    with timed() as seconds, storage.lease("job"):
        put(storage, "b.txt", "of the next")

    assert f"(process {other.process.pid} on {socket.gethostname()})" in caught.value.message
    assert ("done", "released") == (wrote, ended)
    assert seconds() < SECONDS / 2
    assert "of the first" == storage.path("a.txt").read_text()


def test_a_killed_holder_of_a_file_is_followed_at_once(
    workspace: Workspace, holder: Callable[[], Holder]
) -> None:
    """The kernel lets a lock go with its process, however that ends."""
    other, storage = holder(), workspace.context().storage
    other.process.kill()
    other.process.wait(10)
    with timed() as seconds, storage.lease("job"):
        pass

    assert seconds() < SECONDS / 2


def test_the_folder_of_locks_is_the_datas(workspace: Workspace, tmp_path: Path) -> None:
    """On a disk the lock is a file below the data folder, so whoever shares that respects it."""
    with workspace.context().storage.lease("job"):
        lock = tmp_path / "data/.locks/job.lock"
        content = lock.read_text()

    assert f"process {os.getpid()} on {socket.gethostname()}" == content
