"""Leases in S3, where no kernel lets go what a killed or stopped process holds."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable

import pytest

from src.model.core.errors import StorageError, UsageError
from src.model.files.lease import S3Lease
from tests.conftest import Workspace
from tests.integration.lease_holder import SECONDS, Holder, Opened, put, timed
from tests.integration.s3_server import Request, S3Server

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(on_s3: Workspace) -> Opened:
    """Opens the same storage anew, as each process does."""
    return lambda: on_s3.context().storage


@pytest.fixture
def stopped() -> Callable[[Holder], None]:
    """Stops a process as the kernel does, and lets it go on the next time."""
    frozen: set[int] = set()

    def turn(holder: Holder) -> None:
        pid = holder.process.pid
        os.kill(pid, signal.SIGCONT if pid in frozen else signal.SIGSTOP)
        frozen.symmetric_difference_update({pid})

    return turn


def test_a_killed_holder_in_s3_is_followed_after_its_time(
    opened: Opened, holder: Callable[[], Holder]
) -> None:
    """A holder that no longer shows life is taken over after the lease's time, and not before."""
    other, storage = holder(), opened()
    other.process.kill()
    other.process.wait(10)
    with timed() as seconds, storage.lease("job"):
        took = seconds()
        put(storage, "a.txt", "of the next")

    assert SECONDS <= took < 1.75 * SECONDS
    assert "of the next" == storage.path("a.txt").read_text()


def test_a_holder_in_s3_keeps_its_lease_as_long_as_it_lives(opened: Opened) -> None:
    """After many times its seconds nobody has taken it over."""
    first, second = opened(), opened()
    refused = 0
    with first.lease("job"):
        deadline = time.monotonic() + 3 * SECONDS
        while time.monotonic() < deadline:
            with pytest.raises(UsageError), second.lease("job"):
                pytest.fail("it was taken over")
            refused += 1
        put(first, "a.txt", "still ours")

    assert refused >= 3
    assert "still ours" == second.path("a.txt").read_text()


def test_who_has_lost_a_lease_changes_nothing_any_more(
    opened: Opened, holder: Callable[[], Holder], stopped: Callable[[Holder], None]
) -> None:
    """A process that was stopped for too long is told so, and does not free what it lost."""
    other, second, third = holder(), opened(), opened()
    put(second, "there.txt", "content")
    stopped(other)
    with second.lease("job"):
        put(second, "a.txt", "of the second")
        stopped(other)  # goes on
        said = [other.told("write", "a.txt"), other.told("remove", "there.txt")]
        ended = other.ends()
        with pytest.raises(UsageError, match=f"process {os.getpid()}"), third.lease("job"):
            pytest.fail("the loser has freed it")
        put(second, "b.txt", "of the second")
    with timed() as seconds, third.lease("job"):
        pass

    for one in said:
        assert one.startswith(f"StorageError: {second.root}/.leases/job.json was lost")
        assert "nothing was changed after that" in one
    assert "released" == ended
    assert ["content", "of the second", "of the second"] == [
        third.path(key).read_text() for key in ("there.txt", "a.txt", "b.txt")
    ]
    assert seconds() < SECONDS / 2


def test_the_loser_may_read_and_take_the_lease_again(
    opened: Opened, holder: Callable[[], Holder], stopped: Callable[[Holder], None]
) -> None:
    """A new run of the one that lost is a run like any other."""
    other, second = holder(), opened()
    stopped(other)
    with second.lease("job"):
        put(second, "a.txt", "of the second")
    stopped(other)
    assert other.told("write", "a.txt").startswith("StorageError")
    other.ends()
    again = holder()
    wrote = again.told("write", "a.txt")
    again.ends()

    assert "done" == wrote
    assert "of the first" == second.path("a.txt").read_text()


@pytest.mark.parametrize("status", ["403 Forbidden", "500 Internal Server Error"])
def test_nothing_is_changed_while_s3_cannot_confirm_the_lease(
    opened: Opened, s3: S3Server, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Where S3 fails for the lease alone, a write fails too; once it works again, so do writes."""
    storage = opened()

    def ill(request: Request) -> str:
        return status if ".leases/" in request.path else ""

    with storage.lease("job"):
        put(storage, "a.txt", "before")
        monkeypatch.setattr(s3, "before", ill)
        time.sleep(SECONDS + 0.2)
        with pytest.raises(StorageError, match="could not be read or written"):
            put(storage, "a.txt", "meanwhile")
        with pytest.raises(StorageError, match="could not be read or written"):
            storage.remove("a.txt")
        monkeypatch.setattr(s3, "before", lambda _request: "")
        meanwhile = storage.path("a.txt").read_text()
        put(storage, "a.txt", "after")

    assert ("before", "after") == (meanwhile, storage.path("a.txt").read_text())


def test_a_long_upload_does_not_cost_the_lease(
    opened: Opened, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder shows life while S3 takes many times the lease's seconds for a file."""
    first, second = opened(), opened()
    uploading, refused = threading.Event(), list[str]()

    def slow(request: Request) -> str:
        if request.method == "PUT" and request.path.endswith("/a.txt"):
            uploading.set()
            time.sleep(3 * SECONDS)
        return ""

    def contend() -> None:
        assert uploading.wait(10)
        for _ in range(3):
            with pytest.raises(UsageError) as caught, second.lease("job"):
                pytest.fail("it was taken over")
            refused.append(caught.value.message)

    monkeypatch.setattr(s3, "before", slow)
    thread = threading.Thread(target=contend)
    thread.start()
    with first.lease("job"):
        put(first, "a.txt", "a long one")
        thread.join()

    assert 3 == len(refused)
    assert "a long one" == second.path("a.txt").read_text()


def test_a_lease_says_who_has_it(opened: Opened) -> None:
    """Its object is small, below `.leases/`, says who holds it, and that it is free afterwards."""
    storage = opened()
    with storage.lease("job") as lease:
        assert isinstance(lease, S3Lease)
        lease.confirm()
        held = storage.path(".leases/job.json").read_text()
    free = storage.path(".leases/job.json").read_text()

    assert f"process {os.getpid()} on {socket.gethostname()}" in held
    assert '"holder": ""' in free
    assert len(held) < 1_000


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_lost_answer_does_not_make_a_holder_its_own_rival(
    opened: Opened, s3: S3Server, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    """The lease was taken, and nobody heard of it: the holder finds itself and goes on."""
    storage = opened()
    for _ in range(earlier):  # then the first write replaces a lease that was given back
        with storage.lease("job"):
            pass
    lost: list[str] = []

    def after(request: Request) -> bool:
        first = request.method == "PUT" and ".leases/" in request.path and not lost
        lost.extend([request.path] * first)
        return first

    monkeypatch.setattr(s3, "after", after)
    with storage.lease("job"):
        put(storage, "a.txt", "mine")

    assert (1, "mine") == (len(lost), storage.path("a.txt").read_text())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": 1}', b"\xff\xfe"])
def test_an_object_that_is_no_lease_is_taken_over_after_its_time(
    opened: Opened, content: bytes
) -> None:
    """What somebody else left there blocks nobody for ever."""
    storage = opened()
    with storage.writing(".leases/job.json") as path:
        path.write_bytes(content)
    with timed() as seconds, storage.lease("job"):
        took = seconds()

    assert SECONDS <= took < 1.75 * SECONDS


def test_a_step_on_s3_is_refused_while_another_machine_runs_it(
    workspace: Workspace, opened: Opened
) -> None:
    """Two ingests on one bucket: the second ends with exit code 2 and changes nothing."""
    with opened().lease("ingest"):
        second = workspace.run("data.ingest", "--source", "synthetic:100@1")
    there = opened().list("raw/")
    first = workspace.run("data.ingest", "--source", "synthetic:100@1")

    assert (2, True) == (second.code, "Another process is running ingest" in second.err)
    assert ([], 0) == (there, first.code)


def test_who_waits_with_fewer_seconds_respects_those_of_the_holder(
    on_s3: Workspace, opened: Opened
) -> None:
    """A run holds its data for its own seconds, whatever another machine has set."""
    on_s3.set(REVIEWS_LEASE_SECONDS="6")
    patient = opened()
    on_s3.set(REVIEWS_LEASE_SECONDS="1")
    hasty = opened()
    with patient.lease("job"):
        with pytest.raises(UsageError, match="Another process is running job"), hasty.lease("job"):
            pytest.fail("it was taken over from one that lives")
        put(patient, "a.txt", "still ours")

    assert "still ours" == hasty.path("a.txt").read_text()
