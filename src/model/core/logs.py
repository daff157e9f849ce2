"""Structured logs on stderr, the same for every command and for the API."""

import logging
import sys
import traceback

import structlog
from structlog.typing import EventDict

from src.model.core.redact import without_secrets
from src.model.core.settings import Settings


def _stderr_of_now(*_: object) -> structlog.PrintLogger:
    """Return a logger on what stderr is when something is logged.

    A long-lived thread outlives a redirected one.
    """
    return structlog.PrintLogger(sys.stderr)


def _hide_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Take what is secret out of every text that is logged, tracebacks included."""
    if event.pop("exc_info", None):
        event["traceback"] = traceback.format_exc()
    return {
        name: without_secrets(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def set_up_logs(settings: Settings) -> None:
    """Send structured logs to stderr, for people or as JSON lines."""
    console = settings.log_format == "console"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _hide_secrets,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if console
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
        logger_factory=_stderr_of_now,
        cache_logger_on_first_use=False,
    )
