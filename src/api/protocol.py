"""HTTP connections within bounds of size, time and number.

uvicorn waits for ever for the rest of a request's head, takes one of any size, and as many
connections as there are: a few hundred half-open ones silence a service.
"""

from asyncio import TimerHandle, Transport
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD_BYTES = 65_536  # of the address and all headers together
_ANSWER = (
    b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%s"
)
_TOO_SLOW = (408, b"Request Timeout", b"The request's headers took too long to arrive.\n")
_TOO_LARGE = (431, b"Request Header Fields Too Large", b"Address and headers are over 64 KiB.\n")
_TOO_MANY = (503, b"Service Unavailable", b"There are too many connections. Try again later.\n")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. The limits are those of the process; they are set before it listens."""

    head_seconds: ClassVar[float] = 10.0
    max_connections: ClassVar[int] = 512

    _timer: TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(_TOO_MANY)
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        before = self._in_head
        super().data_received(data)
        if self._in_head:  # parts of a header are kept until it is whole
            self._head_bytes += len(data) if before else 0  # else most of it was a body
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._refuse(_TOO_LARGE)
            else:
                self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._in_head = False
        if len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > _MAX_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.transport.is_closing():
            super().on_message_complete()

    def _expect_head(self) -> None:
        """Begin to wait for the rest of a head; most come whole and need no timer."""
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.head_seconds, self._refuse, _TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: tuple[int, bytes, bytes]) -> None:
        """Say why, once, and end the connection."""
        self._stop_timer()
        if not self.transport.is_closing():
            status, phrase, text = answer
            self.transport.write(_ANSWER % (status, phrase, len(text), text))
            self.transport.close()
