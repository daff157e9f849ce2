"""Structured logs on stderr, the same for every command and for the API."""

import logging
import sys

import structlog

from src.model.settings import Settings


def _stderr_of_now(*_: object) -> structlog.PrintLogger:
    """Return a logger on what stderr is when something is logged: a long-lived thread outlives a redirected one."""
    return structlog.PrintLogger(sys.stderr)


def set_up_logs(settings: Settings) -> None:
    """Send structured logs to stderr, for people or as JSON lines."""
    console = settings.log_format == "console"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if console
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=_stderr_of_now,
        cache_logger_on_first_use=False,
    )
