"""The page at `/`: one template, one script, one style sheet, nothing from elsewhere."""

from functools import cache
from pathlib import Path

import jinja2
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from src.api.problems import Problem
from src.api.schemas import MAX_BATCH, MAX_MESSAGE, MAX_TITLE

_FOLDER = Path(__file__).parent
_CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""A model card is a page of its own with its style and pictures inside, and no script."""

_REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Swagger UI sets styles and draws pictures from data; it, too, loads nothing from elsewhere."""

_WAY_BACK = b'<p><a href="./">Back to the page</a></p>\n'

EXAMPLES = (
    ("Love it", "Works perfectly and looks great. My daughter loves it, highly recommended!"),
    ("Broke in a day", "Total waste of money; the handle came off in my hand."),
    ("Not bad at all", "I wanted to hate it, but it turned out to be very good."),
    ("Hmm", "The box is nice and it arrived early. It does not work, though."),
)


def mount_page(app: FastAPI) -> None:
    """Add the page, its files, the API's reference and the model card to the application."""
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"), name="static")
    swagger = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount("/swagger", swagger, name="swagger")

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return HTMLResponse(_index())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_reference(), headers={"content-security-policy": _REFERENCE_POLICY})

    @app.get("/card", include_in_schema=False)
    async def card(request: Request) -> Response:
        served = request.app.state.service.bench.champion_slot.current
        if served is None or served.card is None:
            raise Problem(404, "The model that is served came without a card.")
        card = served.card.replace(b"</body>", _WAY_BACK + b"</body>", 1)
        return HTMLResponse(card, headers={"content-security-policy": _CARD_POLICY})


@cache
def _reference() -> str:
    return (_FOLDER / "docs.html").read_text(encoding="utf-8")


@cache
def _index() -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True)
    return environment.get_template("index.html").render(
        examples=EXAMPLES, max_title=MAX_TITLE, max_message=MAX_MESSAGE, max_batch=MAX_BATCH
    )
