"""The S3 API of moto on loopback, and what it was asked for."""

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


CUT = "cut"


class Request(NamedTuple):
    """What was asked of which key, and by whom; `path` is that of the address, bucket first."""

    method: str
    path: str
    query: str
    signed_by: str


@dataclass
class S3Server:
    """Where it is, and every request so far.

    `before` sees a request before it is answered, and may refuse it with a status of its own, or
    with `CUT` to end the connection without a word; `after` says whether the answer to a request
    that was carried out gets lost with its connection.
    """

    address: str = ""
    requests: list[Request] = field(default_factory=list)
    before: Callable[[Request], str] = field(default=lambda _request: "")
    after: Callable[[Request], bool] = field(default=lambda _request: False)

    def times(self, method: str) -> Counter[str]:
        """How often each object was asked for with a method; a question without key is none."""
        return Counter(
            request.path
            for request in self.requests
            if request.method == method and request.path.strip("/").count("/")
        )


def _refused(status: str, start_response: Any) -> list[bytes]:
    start_response(status, [("Content-Length", "0")])
    return []


def _cut(environ: dict[str, Any]) -> list[bytes]:
    """End the connection before its answer."""
    with suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionError


@contextmanager
def serving_s3() -> Iterator[S3Server]:
    """Serve moto's application, one thread a request, until the block ends."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    state = S3Server()
    moto: Wsgi = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        signature = str(environ.get("HTTP_AUTHORIZATION", ""))
        request = Request(
            method=str(environ["REQUEST_METHOD"]),
            path=str(environ["PATH_INFO"]),
            query=str(environ["QUERY_STRING"]),
            signed_by=signature.partition("Credential=")[2].partition("/")[0],
        )
        state.requests.append(request)
        if refusal := state.before(request):
            return _cut(environ) if refusal == CUT else _refused(refusal, start_response)
        answer = list(moto(environ, start_response))
        return _cut(environ) if state.after(request) else answer

    server = make_server(
        "127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
