"""Load on a server of ours on this machine.

`python -m bench.load PORT PATH CONNECTIONS SECONDS BODIES.json` prints one JSON object: requests,
statuses, requests per second and latencies in milliseconds. Every connection sends the next request
when the answer to the last one is there. Bodies are taken in turns.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import uvloop

_HOST = "127.0.0.1"
_END = b"\r\n\r\n"


Check = Callable[[int, bytes], bool]
"""Whether the answer to the request of that number (in the list of requests) is right."""

More = Callable[[], bool]
"""Whether to send more requests."""


@dataclass
class Tally:
    """What all connections saw together; status `broken` counts connections that ended early."""

    requests: Iterator[tuple[int, bytes]]
    more: More
    check: Check | None = None
    wrong: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def summary(self, seconds: float) -> dict[str, Any]:
        times = np.array(self.latencies or [np.nan]) * 1e3
        p50, p99 = np.percentile(times, [50, 99]).tolist()
        return {
            "requests": len(self.latencies),
            "statuses": dict(self.statuses),
            "wrong": self.wrong,
            "per_second": len(self.latencies) / seconds,
            "p50_ms": p50,
            "p99_ms": p99,
            "max_ms": float(times.max()),
        }


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, tally: Tally, done: asyncio.Future[None]) -> None:
        self._tally = tally
        self._done = done
        self._buffer = b""
        self._number = 0
        self._begun = 0.0
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # It is TCP; uvloop's class has another ancestor.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        if not self._tally.more():
            self._closed = True
            self._transport.close()
            return
        self._number, request = next(self._tally.requests)
        self._begun = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(_END)
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._tally.latencies.append(time.perf_counter() - self._begun)
        status = head[9:12].decode()
        self._tally.statuses[status] += 1
        if self._tally.check and status == "200":
            self._tally.wrong += not self._tally.check(self._number, rest)
        self._buffer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or not self._closed:
            self._tally.statuses["broken"] += 1
        if not self._done.done():
            self._done.set_result(None)


def request(path: str, body: bytes | None) -> bytes:
    """Return one request as bytes: a POST of JSON, or a GET."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nhost: {_HOST}\r\n\r\n".encode()
    about = f"content-type: application/json\r\ncontent-length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\nhost: {_HOST}\r\n{about}\r\n\r\n".encode() + body


def lasting(seconds: float) -> More:
    """Return what is true for some seconds from now."""
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() < until


async def load(
    port: int, requests: Sequence[bytes], connections: int, more: More, check: Check | None = None
) -> dict[str, Any]:
    """Send requests in turns over some connections as long as `more()`; return what came back."""
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    tally = Tally(itertools.cycle(enumerate(requests)), more, check)
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Connection(tally, end), _HOST, port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    return tally.summary(time.perf_counter() - begun)


def main(argv: Sequence[str]) -> int:
    port, path, connections, seconds, bodies = argv
    listed = json.loads(Path(bodies).read_text(encoding="utf-8")) if bodies != "-" else [None]
    requests = [
        request(path, None if body is None else json.dumps(body).encode()) for body in listed
    ]
    answer = uvloop.run(load(int(port), requests, int(connections), lasting(float(seconds))))
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
