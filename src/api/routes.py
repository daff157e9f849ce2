"""The endpoints. What is quick is done at once, what could take long in a few threads: health stays answered."""

import asyncio
import json
from collections.abc import Callable
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
from src.api.judging import Bench, Verdict, judge, log_line, model_name
from src.api.metrics import Metrics
from src.api.model_store import Served
from src.api.prediction_log import PredictionLog
from src.api.problems import MEDIA_TYPE, described, sentence
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

_AT_ONCE = 5_000  # characters that are judged in well under a millisecond
_T = TypeVar("_T")


@dataclass(frozen=True)
class Service:
    """What the endpoints need; made once by the application."""

    bench: Bench
    log: PredictionLog
    metrics: Metrics
    executor: ThreadPoolExecutor
    log_text: bool

    async def aside(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do work in one of the service's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work, *arguments)

    def note(self, request_id: str, now: str, served: Served, verdict: Verdict, review: Review) -> None:
        """Put a prediction into the log; what needs the text is done there, beside the requests."""
        line = log_line(request_id, now, served, verdict, (len(review.title), len(review.message)))
        if self.log_text or self.bench.role == "shadow":
            self.log.put(partial(self._completed, line, verdict.label, review))
        else:
            self.log.put(line)

    def _completed(self, line: str, label: str, review: Review) -> str:
        text = ""
        if self.log_text:
            text = f',"title":{json.dumps(review.title)},"message":{json.dumps(review.message)}'
        return line + self.bench.shadowed(review.title, review.message, label) + text


def _service(request: Request) -> Service:
    """Return what the application made; FastAPI's `Depends` would cost a tenth of a request's time for the same."""
    service: Service = request.app.state.service
    return service


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {MEDIA_TYPE: {"schema": ProblemOut.model_json_schema()}}}
    for status, what in {
        400: "The body is no JSON in UTF-8", 401: "An API key is needed", 408: "The body took too long",
        413: "The body is too large",
        415: "The body is not JSON", 422: "Something in the body does not fit", 429: "Too many requests",
        503: "No model is loaded yet",
    }.items()
}  # fmt: skip
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
    explain: Annotated[bool, Query(description="Add what every n-gram contributes, with its places.")] = False,  # noqa: FBT002
) -> Response:
    """Judge one review."""
    service = _service(request)
    served = service.bench.for_review(review.title, review.message)
    arguments = (served, review.title, review.message, explain)
    small = len(review.title) + len(review.message) <= _AT_ONCE and not explain
    verdict, explanation = _judged(*arguments) if small else await service.aside(_judged, *arguments)
    request_id: str = request.state.request_id
    service.bench.count(served, [verdict])
    service.note(request_id, _now(), served, verdict, review)
    body = {
        "label": verdict.label,
        "confidence": verdict.confidence,
        "probability": verdict.probability,
        "abstained": verdict.abstained,
        "model": model_name(served),
        "request_id": request_id,
    }
    return Json(body | ({"explanation": explanation} if explain else {}))


def _judged(served: Served, title: str, message: str, explain: bool) -> tuple[Any, Any]:  # noqa: FBT001
    (verdict,) = judge(served, [title], [message])
    return verdict, explained(served.classifier, title, message) if explain else None


@router.post("/api/v1/predict/batch", response_model=BatchPrediction, responses=_PROBLEMS, tags=["predict"])
async def predict_batch(batch: Batch, request: Request) -> Response:
    """Judge up to 1,000 reviews by one model; answers come in their order, and a bad review fails alone."""
    service = _service(request)
    served = service.bench.for_review("", "")
    body = await service.aside(_batch, service, served, batch.reviews, request.state.request_id)
    return Json(body)


def _batch(service: Service, served: Served, entries: list[Any], request_id: str) -> dict[str, Any]:
    checked = _checked(entries)
    reviews = [review for review in checked if isinstance(review, Review)]
    verdicts = judge(served, [review.title for review in reviews], [review.message for review in reviews])
    service.bench.count(served, verdicts)
    now, following = _now(), iter(verdicts)
    results: list[dict[str, Any]] = []
    for place, review in enumerate(checked):
        if isinstance(review, str):
            results.append({"error": review})
            continue
        verdict = next(following)
        label, confidence, probability, abstained, *_ = verdict
        results.append({"label": label, "confidence": confidence, "probability": probability, "abstained": abstained})
        service.note(f"{request_id}.{place}", now, served, verdict, review)
    failed = len(entries) - len(reviews)
    return {"model": model_name(served), "request_id": request_id, "results": results, "failed": failed}


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
        return sentence(described(error.errors(include_url=False, include_input=False, include_context=False)))


@router.post("/api/v1/feedback", response_model=Accepted, status_code=202, responses=_PROBLEMS, tags=["feedback"])
async def feedback(said: Feedback, request: Request) -> Response:
    """Take down what a review really is; it is written beside the prediction it belongs to."""
    row = {"kind": "feedback", "time": _now(), "request_id": said.request_id, "label": said.label}
    _service(request).log.put(json.dumps(row)[:-1])
    return Json({"request_id": said.request_id, "accepted": True}, 202)


@router.get("/api/v1/model", response_model=ModelOut, responses=_PROBLEMS, tags=["model"])
async def model(request: Request) -> Response:
    """Tell which model is served, and which one challenges it."""
    service = _service(request)
    served = service.bench.for_review("", "") if service.bench.role != "canary" else service.bench.champion.current
    challenger = service.bench.challenger.current if service.bench.challenger else None
    body = _about(served) if served else {}
    body["challenger"] = {"role": service.bench.role, **_about(challenger)} if challenger else None
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
    served = _service(request).bench.champion.current
    if served is None:
        return Json({"status": "not ready"}, 503)
    return Json({"status": "ready", "model_version": served.reference.version})


@router.get("/metrics", response_class=Response, tags=["health"])
async def metrics(request: Request) -> Response:
    """Give Prometheus what it counts."""
    service = _service(request)
    page = await service.aside(service.metrics.page)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")
