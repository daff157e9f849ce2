"""The application: everything is made here, from settings, and nothing is done at import."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from src.api.document import TAGS, documented
from src.api.edge import Edge
from src.api.judging import Bench
from src.api.metrics import Metrics
from src.api.model_cache import ModelCache
from src.api.model_store import ModelSlot
from src.api.page import mount_page
from src.api.prediction_log import PredictionLog, open_sink
from src.api.problems import Problem, described, http_problem, problem_response, sentence
from src.api.rate_limit import RateLimit, open_buckets
from src.api.remembered import open_memory
from src.api.routes import router
from src.api.security import read_keys
from src.api.service import Service
from src.api.sources import FolderSource, MlflowSource, Source
from src.model.core.logs import set_up_logs
from src.model.core.names import CHALLENGER, CHAMPION
from src.model.core.redact import hide, hide_addresses
from src.model.core.settings import Settings

_THREADS = 2


def create_app(settings: Settings) -> FastAPI:
    """Return the application for the settings.

    Raises:
        SettingsError: the keys file or the place of the prediction log makes no sense.
    """
    hide(settings.secrets())
    hide_addresses(settings.addresses())
    set_up_logs(settings)
    metrics = Metrics(monitoring_file=settings.api.monitoring_file)
    bench = _bench(settings, metrics)
    log = PredictionLog(open_sink(settings), settings.log, metrics)
    limit = RateLimit(settings.api.rate, settings.api.burst, open_buckets())
    judging = ThreadPoolExecutor(_THREADS, "judging")
    service = Service(bench, log, metrics, judging, limit, settings.log.text, open_memory())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        log.start()
        for slot in bench.slots:
            slot.start()
        yield
        for slot in bench.slots:
            slot.stop()
        service.executor.shutdown()
        log.stop()

    app = FastAPI(
        title="Sentiment of reviews",
        description=(
            "Is this review positive or negative? Errors are RFC 9457 problem details. "
            "`probability` is always that of positive, `confidence` that of the label."
        ),
        version=_version(),
        lifespan=lifespan,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would repeat the caller's Host
        servers=[{"url": settings.api.root_path}] if settings.api.root_path else None,
    )
    app.state.service = service
    keys = read_keys(settings.api.keys_file)
    app.openapi = documented(app, keys=bool(keys))  # type: ignore[method-assign]
    app.include_router(router)
    mount_page(app)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_body)
    app.add_middleware(
        Edge,
        metrics=metrics,
        keys=keys,
        limit=limit,
        max_body_bytes=settings.api.max_body_bytes,
        timeout_seconds=settings.api.timeout_seconds,
        root_path=settings.api.root_path,
    )
    return app


def _bench(settings: Settings, metrics: Metrics) -> Bench:
    """Return the places for models, each with where it is looked for."""
    remote = settings.mlflow.tracking_uri.lower().startswith(("http://", "https://"))
    cache = ModelCache(settings.api.cache_dir)

    def slot(name: str) -> ModelSlot:
        folder = settings.api.model_dir
        folder = folder if name == CHAMPION else folder / name
        source: Source = FolderSource(folder, settings.mlflow.model_name)
        if remote:
            source = MlflowSource(settings.mlflow, name)
        return ModelSlot(name, source, cache, metrics, settings.api.poll_seconds)

    challenger = slot(CHALLENGER) if settings.api.challenger != "off" else None
    return Bench(slot(CHAMPION), challenger, settings.api, metrics)


def _version() -> str:
    try:
        return version("tutoria-mlops")
    except PackageNotFoundError:
        return "0.1.0"


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "unknown"))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    return problem_response(error, _request_id(request))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    problem = http_problem(error.status_code, str(error.detail), error.headers)
    return problem_response(problem, _request_id(request))


async def _on_bad_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    errors = described(error.errors())
    return problem_response(Problem(422, sentence(errors), errors=errors), _request_id(request))
