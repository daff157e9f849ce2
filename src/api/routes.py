"""The endpoints. What is quick is done at once, what could take long in a few threads.

Health stays answered.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from src.api.explanation import explained
from src.api.judging import Bench, judge, log_row, model_name
from src.api.metrics import Metrics
from src.api.model_store import Served
from src.api.prediction_log import PredictionLog
from src.api.problems import MEDIA_TYPE, described, sentence
from src.api.rate_limit import RateLimit
from src.api.schemas import (
    Accepted,
    Batch,
    BatchPrediction,
    Feedback,
    Health,
    ModelOut,
    Prediction,
    ProblemOut,
    Review,
)
from src.model.core.prediction_row import FeedbackRow, PredictionRow

_AT_ONCE = 5_000  # characters that are judged in well under a millisecond
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


def _service(request: Request) -> Service:
    """Return what the application made.

    FastAPI's `Depends` would cost a tenth of a request's time for the same.
    """
    service: Service = request.app.state.service
    return service


_STATUSES = {
    400: "The body is no JSON in UTF-8",
    401: "An API key is needed",
    408: "The body took too long",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Something in the body does not fit",
    429: "Too many requests",
    503: "No model is loaded yet",
}
_PROBLEM = {MEDIA_TYPE: {"schema": ProblemOut.model_json_schema()}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": _PROBLEM} for status, what in _STATUSES.items()
}
router = APIRouter()
_REVIEWS = TypeAdapter(list[Review])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Json(Response):
    """JSON without a second pass of validation over what was made here."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)


@router.post("/api/v1/predict", response_model=Prediction, responses=_PROBLEMS, tags=["predict"])
async def predict(
    review: Review,
    request: Request,
    explain: Annotated[  # noqa: FBT002 - a query parameter
        bool, Query(description="Add what every n-gram contributes, with its places.")
    ] = False,
) -> Response:
    """Judge one review."""
    service = _service(request)
    title, message = review.title, review.message
    served, role = service.bench.for_review(review)
    small = len(title) + len(message) <= _AT_ONCE and not explain
    if small:
        (verdict,) = judge(served, [title], [message])
    else:
        (verdict,) = await service.aside(judge, served, [title], [message])
    request_id: str = request.state.request_id
    service.bench.count(served, [verdict])
    service.note([log_row(request_id, _now(), served, role, verdict)], [title], [message])
    body: dict[str, Any] = {
        "label": verdict.label,
        "confidence": verdict.confidence,
        "probability": verdict.probability,
        "abstained": verdict.abstained,
        "model": model_name(served),
        "request_id": request_id,
    }
    if explain:
        body["explanation"] = explained(await service.aside(served.model.explain, title, message))
    return Json(body)


@router.post(
    "/api/v1/predict/batch", response_model=BatchPrediction, responses=_PROBLEMS, tags=["predict"]
)
async def predict_batch(batch: Batch, request: Request) -> Response:
    """Judge up to 1,000 reviews, each by the model that would answer it alone.

    Answers come in the order of the reviews, and a bad review fails alone.
    """
    service = _service(request)
    service.limit.charge(request.state.caller, len(batch.reviews) - 1)  # one was paid on entry
    _ = service.bench.champion  # without one there is nothing to judge by
    body = await service.aside(_batch, service, batch.reviews, request.state.request_id)
    return Json(body)


def _batch(service: Service, entries: list[Any], request_id: str) -> dict[str, Any]:
    checked = _checked(entries)
    results: list[dict[str, Any]] = [
        {"error": review} if isinstance(review, str) else {} for review in checked
    ]
    reviews = {n: r for n, r in enumerate(checked) if isinstance(r, Review)}
    now, models = _now(), []
    for (served, role), numbers in service.bench.for_reviews(reviews):
        models.append(model_name(served))
        titles = [reviews[number].title for number in numbers]
        messages = [reviews[number].message for number in numbers]
        verdicts = judge(served, titles, messages)
        service.bench.count(served, verdicts)
        version = served.reference.version
        for number, verdict in zip(numbers, verdicts, strict=True):
            label, confidence, probability, abstained, *_ = verdict
            results[number] = {
                "label": label,
                "confidence": confidence,
                "probability": probability,
                "abstained": abstained,
                "model_version": version,
            }
        rows = (
            log_row(f"{request_id}.{number}", now, served, role, verdict)
            for number, verdict in zip(numbers, verdicts, strict=True)
        )
        service.note(rows, titles, messages)
    failed = len(entries) - len(reviews)
    return {"models": models, "request_id": request_id, "results": results, "failed": failed}


def _checked(entries: list[Any]) -> list[Review | str]:
    """Return each entry as a review, or the sentence on why it is none."""
    try:
        return list(_REVIEWS.validate_python(entries))  # all at once: half the time of one by one
    except ValidationError:
        return [_checked_alone(entry) for entry in entries]


def _checked_alone(entry: Any) -> Review | str:
    try:
        return Review.model_validate(entry)
    except ValidationError as error:
        return sentence(
            described(error.errors(include_url=False, include_input=False, include_context=False))
        )


@router.post(
    "/api/v1/feedback",
    response_model=Accepted,
    status_code=202,
    responses=_PROBLEMS,
    tags=["feedback"],
)
async def feedback(said: Feedback, request: Request) -> Response:
    """Take down what a review really is; it is written beside the prediction it belongs to."""
    _service(request).log.put(FeedbackRow(_now(), said.request_id, said.label))
    return Json({"request_id": said.request_id, "accepted": True}, 202)


@router.get("/api/v1/model", response_model=ModelOut, responses=_PROBLEMS, tags=["model"])
async def model(request: Request) -> Response:
    """Tell which model is served, and which one challenges it."""
    bench = _service(request).bench
    body = _about(bench.champion)
    challenger = bench.challenger
    body["challenger"] = {**_about(challenger), "role": bench.role} if challenger else None
    return Json(body)


def _about(served: Served) -> dict[str, Any]:
    reference = served.reference
    return {
        **model_name(served),
        "alias": reference.alias,
        "digest": served.digest,
        "data_digest": served.data_digest,
        "source": reference.source,
        "loaded_at": served.loaded_at,
        "card": "/card" if served.card else None,
        "metrics": dict(reference.metrics),
    }


@router.get("/health/live", response_model=Health, tags=["health"])
async def live() -> Response:
    """Say that the process answers; no reason to look at anything else."""
    return Json({"status": "alive"})


@router.get("/health/ready", response_model=Health, tags=["health"])
@router.get("/api/v1/health", response_model=Health, tags=["health"])
async def ready(request: Request) -> Response:
    """Say whether a model is loaded: 200 where requests can be answered, 503 where not yet."""
    served = _service(request).bench.champion_slot.current
    if served is None:
        return Json({"status": "not ready"}, 503)
    return Json({"status": "ready", "model_version": served.reference.version})


@router.get("/metrics", response_class=Response, tags=["health"])
async def metrics(request: Request) -> Response:
    """Give Prometheus what it counts."""
    service = _service(request)
    page = await service.aside(service.metrics.page)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")
