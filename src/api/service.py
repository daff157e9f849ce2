"""What the endpoints need, and how they answer."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import Response
from pydantic_core import to_json

from src.api.judging import Bench
from src.api.metrics import Metrics
from src.api.prediction_log import PredictionLog
from src.api.rate_limit import RateLimit
from src.api.remembered import RemembersPredictions
from src.model.core.prediction_row import PredictionRow

_T = TypeVar("_T")


@dataclass(frozen=True)
class Service:
    """What the endpoints need; made once by the application."""

    bench: Bench
    log: PredictionLog
    metrics: Metrics
    executor: ThreadPoolExecutor
    limit: RateLimit
    log_text: bool
    remembered: RemembersPredictions

    async def aside(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do work in one of the service's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work, *arguments)

    def note(
        self, rows: Iterable[PredictionRow], titles: Sequence[str], messages: Sequence[str]
    ) -> None:
        """Put predictions into the log; a challenger's shadow is cast there, beside requests.

        A batch's rows best come one by one: held together, they are what Python's garbage
        collector looks through again and again.
        """
        shadowed = self.bench.role == "shadow"
        for row, title, message in zip(rows, titles, messages, strict=True):
            whole = row._replace(title=title, message=message) if self.log_text else row
            self.log.put(whole)
            if shadowed:
                self.log.put(partial(self.bench.shadow, whole, title, message))


def service_of(request: Request) -> Service:
    """Return what the application made.

    FastAPI's `Depends` would cost a tenth of a request's time for the same.
    """
    service: Service = request.app.state.service
    return service


class Json(Response):
    """JSON without a second pass of validation over what was made here."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)
