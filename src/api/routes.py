"""The endpoints. What is quick is done at once, what could take long in a few threads.

Health stays answered.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError

from src.api.explanation import explained
from src.api.judging import answered, judge, log_row, model_name
from src.api.model_store import Served
from src.api.problems import MEDIA_TYPE, described, problem_schema, sentence
from src.api.schemas import (
    Accepted,
    Batch,
    BatchPrediction,
    Feedback,
    Health,
    ModelOut,
    Prediction,
    Review,
)
from src.api.security import pseudonym
from src.api.service import Json, Service, service_of
from src.model.core.prediction_row import FeedbackRow

_AT_ONCE = 5_000  # characters that are judged in well under a millisecond


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
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {MEDIA_TYPE: problem_schema(status, what)}}
    for status, what in _STATUSES.items()
}
router = APIRouter()
_REVIEWS = TypeAdapter(list[Review])
_READY: dict[str, Any] = {
    "response_model": Health,
    "responses": {503: {"model": Health, "description": "No model is loaded yet"}},
    "tags": ["health"],
}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@router.post(
    "/api/v1/predict",
    summary="Judge one review",
    response_model=Prediction,
    responses=_PROBLEMS,
    tags=["predict"],
)
async def predict(
    review: Review,
    request: Request,
    explain: Annotated[  # noqa: FBT002 - a query parameter
        bool, Query(description="Add what every n-gram contributes, with its places.")
    ] = False,
) -> Response:
    """Say whether a review is positive or negative, how sure that is, and what the log calls it."""
    service = service_of(request)
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
    service.remembered.add(request_id)
    body = {**answered(verdict), "model": model_name(served), "request_id": request_id}
    if explain:
        body["explanation"] = explained(await service.aside(served.model.explain, title, message))
    return Json(body)


@router.post(
    "/api/v1/predict/batch",
    summary="Judge up to 1,000 reviews",
    response_model=BatchPrediction,
    responses=_PROBLEMS,
    tags=["predict"],
)
async def predict_batch(batch: Batch, request: Request) -> Response:
    """Judge each review by the model that would answer it alone.

    Answers come in the order of the reviews, and a bad review fails alone.
    """
    service = service_of(request)
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
            results[number] = {**answered(verdict), "model_version": version}
        rows = (
            log_row(f"{request_id}.{number}", now, served, role, verdict)
            for number, verdict in zip(numbers, verdicts, strict=True)
        )
        service.note(rows, titles, messages)
    service.remembered.add(request_id)
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
        return sentence(described(error.errors(include_url=False, include_input=False)))


@router.post(
    "/api/v1/feedback",
    summary="Say what a review really was",
    response_model=Accepted,
    status_code=202,
    responses=_PROBLEMS,
    tags=["feedback"],
)
async def feedback(said: Feedback, request: Request) -> Response:
    """Take down what a review really is; it is written beside the prediction it belongs to.

    `known` says whether this service remembers such a prediction; what it does not know, it takes
    down all the same, since it remembers only about the last hundred thousand since its start.
    """
    service, request_id = service_of(request), said.request_id
    client = pseudonym(request.state.caller)
    service.log.put(FeedbackRow(_now(), request_id, said.label, client))
    known = request_id in service.remembered
    service.metrics.feedback.labels("known" if known else "unknown").inc()
    return Json({"request_id": request_id, "accepted": True, "known": known}, 202)


@router.get(
    "/api/v1/model",
    summary="Which model is served",
    response_model=ModelOut,
    responses=_PROBLEMS,
    tags=["model"],
)
async def model(request: Request) -> Response:
    """Tell which model is served, and which one challenges it."""
    bench = service_of(request).bench
    body = _about(bench.champion)
    challenger = bench.challenger
    body["challenger"] = {**_about(challenger), "role": bench.role} if challenger else None
    return Json(body)


def _about(served: Served) -> dict[str, Any]:
    reference = served.reference
    return {
        **model_name(served),
        "alias": reference.alias,
        "language": served.language,
        "digest": served.digest,
        "data_digest": served.data_digest,
        "generated_data": served.of_generated,
        "source": reference.source,
        "loaded_at": served.loaded_at,
        "card": "/card" if served.card else None,
        "metrics": dict(reference.metrics),
    }


@router.get("/health/live", summary="Does it answer?", response_model=Health, tags=["health"])
async def live() -> Response:
    """Say that the process answers; no reason to look at anything else."""
    return Json({"status": "alive"})


@router.get("/health/ready", summary="Has it a model?", **_READY)
@router.get("/api/v1/health", summary="Has it a model?", **_READY)
async def ready(request: Request) -> Response:
    """Say whether a model is loaded: 200 where requests can be answered, 503 where not yet."""
    served = service_of(request).bench.champion_slot.current
    if served is None:
        return Json({"status": "not ready"}, 503)
    return Json({"status": "ready", "model_version": served.reference.version})


@router.get("/metrics", summary="What Prometheus reads", response_class=Response, tags=["health"])
async def metrics(request: Request) -> Response:
    """Give Prometheus what it counts."""
    service = service_of(request)
    page = await service.aside(service.metrics.page)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")
