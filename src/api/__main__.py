"""Serve: `python -m src.api`, with the settings of REVIEWS_API_* (docs/api/index.md)."""

import argparse
import ctypes
import gc
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from src.api.security import is_key_name
from src.model.core.ending import Terminated, sigterm_raises
from src.model.core.errors import ReviewsError, UsageError
from src.model.core.proxies import keep_near
from src.model.core.redact import hide, hide_addresses, hide_environment, stream_without_secrets
from src.model.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from src.api.supervisor import Supervisor

_M_ARENA_MAX = -8  # of malloc.h
_PARENT_SECONDS = 1.0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.api", description=(__doc__ or "").strip(), allow_abbrev=False
    )
    parser.add_argument("--new-key", metavar="NAME", help="make an API key, show it once, and end")
    return parser


def make_app() -> object:
    """Return the application of this process's settings; what uvicorn calls in each worker."""
    sys.stderr = stream_without_secrets(sys.stderr)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    return _app(load_settings())


def _end_with_parent(parent: int) -> None:
    """End this worker where the process that started it is gone: nobody would end it then."""
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    hide_environment(os.environ)
    with redirect_stderr(stream_without_secrets(sys.stderr)):
        args = build_parser().parse_args(argv)
        try:
            settings = load_settings()
            hide(settings.secrets())
            hide_addresses(settings.addresses())
            if args.new_key is not None:
                return _new_key(args.new_key)
            with sigterm_raises():  # uvicorn raises the signal again when it has shut down
                return _serve(settings)
        except Terminated:
            return 128 + signal.SIGTERM
        except KeyboardInterrupt:
            sys.stderr.write("Stopped: no request was cut off, and every row is in the log.\n")
            return 128 + signal.SIGINT
        except ReviewsError as error:
            sys.stderr.write(f"error: {error}\n")
            return error.exit_code


def _new_key(name: str) -> int:
    if not is_key_name(name):
        msg = (
            f"{name!r} cannot name a key: letters, digits, dots, dashes and underscores, up to 64."
        )
        raise UsageError(msg, hint="For example make api-key name=ann.smith.")
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"{name}:{sha256(key.encode()).hexdigest()}\n")
    sys.stderr.write(
        f"The key of {name}, shown only now: {key}\nAdd the line above to REVIEWS_API_KEYS_FILE.\n"
    )
    return 0


def _serve(settings: Settings) -> int:
    several = settings.api.workers > 1
    with ExitStack() as closing:
        if several:  # one alone needs no folder: its root may be read-only, without any other place
            shared = tempfile.TemporaryDirectory(prefix="reviews-api-")
            # Before prometheus_client is imported anywhere.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = closing.enter_context(shared)
        import uvicorn

        from src.api.protocol import BoundedProtocol
        from src.api.supervisor import Supervisor

        app = _app(settings)  # a setting that makes no sense ends here, with a sentence
        config = uvicorn.Config(
            "src.api.__main__:make_app" if several else app,
            factory=several,
            workers=settings.api.workers,
            log_config=None,  # through stderr as it is now, so without secrets
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=20,
            ws="none",
            loop="uvloop",
            http=BoundedProtocol,
            proxy_headers=bool(settings.api.trusted_proxies),
            forwarded_allow_ips=settings.api.trusted_proxies or None,
        )
        listening = _bound(settings.api.host, settings.api.port)
        host = f"[{settings.api.host}]" if ":" in settings.api.host else settings.api.host
        address = f"http://{host}:{settings.api.port}"
        sys.stderr.write(f"Serving on {address} (Ctrl-C ends it)\n")
        if several:
            return _supervised(Supervisor(config, sockets=[listening]))
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def _supervised(supervisor: "Supervisor") -> int:
    """Run the workers until a signal, which their parent keeps to itself."""
    supervisor.run()
    if supervisor.ended_by is None:
        return 1  # they could not start, and have said why
    raise KeyboardInterrupt if supervisor.ended_by == signal.SIGINT else Terminated


def _end_on_hangup(_number: int, _frame: object) -> None:
    """End as on SIGTERM, with every row written, where the terminal goes away."""
    os.kill(os.getpid(), signal.SIGTERM)


def _app(settings: Settings) -> "FastAPI":
    """Return the application, with this process's memory set up for it.

    What was made at start-up stays, so the garbage collector need not look through it again and
    again: batches take a thirtieth less time so.
    """
    from src.api.app import create_app
    from src.api.protocol import BoundedProtocol

    BoundedProtocol.head_seconds = settings.api.timeout_seconds
    BoundedProtocol.max_connections = settings.api.max_connections
    signal.signal(signal.SIGHUP, _end_on_hangup)
    keep_near([settings.mlflow.tracking_uri, settings.aws.endpoint_url or ""])
    _share_one_heap()
    app = create_app(settings)
    gc.collect()
    gc.freeze()
    return app


def _share_one_heap() -> None:
    """Let all threads allocate from one heap, where the C library is glibc.

    Batches take a tenth less time so.

    A thread's own heap gives its memory back after every batch and asks for it again; see
    M_ARENA_MAX in mallopt(3).
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket on the address. Raises UsageError where it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        msg = f"{host}:{port} cannot be listened on: {error.strerror or error}."
        hint = (
            "Choose another: make api-run API_PORT=8010, or REVIEWS_API_PORT and REVIEWS_API_HOST."
        )
        raise UsageError(msg, hint=hint) from error
    listening.set_inheritable(True)
    return listening


if __name__ == "__main__":
    sys.exit(main())
