"""The model card of a version, as Markdown and as a page.

See Mitchell et al. (2019), "Model cards for model reporting".
"""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt

from src.model.core.labels import THRESHOLD
from src.model.core.names import GENERATED
from src.model.core.records import Description, InputFile, Training
from src.model.evaluation.behaviour import Rate
from src.model.evaluation.intervals import Interval
from src.model.evaluation.slices import Slice

_WEAKEST = 3
_FIGURES = {
    "roc_auc": "area under the ROC curve",
    "pr_auc": "area under the precision-recall curve",
    "log_loss": "log loss, nats",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "coverage": "share decided",
    "accuracy_decided": "accuracy where decided",
}
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_H2 = re.compile(r"<h2>(.*?)</h2>")
_STYLE = """
:root { --ink: #1a202c; --paper: #ffffff; --line: #e2e8f0; --link: #1f5fa8; --shade: #4a5568; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8edf4; --paper: #12161d; --line: #3b4657; --link: #8ec1f7; --shade: #a9b5c6; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1.05rem; }
a { color: var(--link); }
.wide { overflow-x: auto; margin: 1rem 0;
  background: linear-gradient(to right, var(--paper) 1rem, transparent 2rem),
  linear-gradient(to left, var(--paper) 1rem, transparent 2rem) 100% 0,
  linear-gradient(to right, var(--shade), transparent) 0 0 / .5rem 100%,
  linear-gradient(to left, var(--shade), transparent) 100% 0 / .5rem 100%;
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; }
table { border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; }
td { font-variant-numeric: tabular-nums; } code { overflow-wrap: anywhere; font-size: .9em; }
img { max-width: min(100%, 27rem); border-radius: .4rem; } img[alt="slices"] { max-width: 100%; }
thead:not(:has(th:not(:empty))) { display: none; }
@media (max-width: 40rem) { td { min-width: 5rem; } }
"""


@dataclass(frozen=True)
class CardFacts:
    """Everything a card tells.

    `description` is the model's own `model.json`, and `training` a part of it; `language` is the
    name of the one it reads, `batches` what it saw, as `0-4`. `source` is what
    the test rows were ingested from; what the train rows were from, the description says.
    `confusion` has counts, true label by row, predicted label by column, negative first. `date` is
    the day of the evaluation, and `aliases` what the version was called then.
    """

    name: str
    version: int
    source: str
    description: Description
    language: str
    batches: str
    training: Training
    test: InputFile
    positive_share: float
    date: str
    aliases: Sequence[str]
    confusion: Sequence[Sequence[int]]
    figures: Mapping[str, float]
    intervals: Mapping[str, Interval]
    slices: Sequence[Slice]
    min_slice_rows: int
    value_columns: Sequence[str]
    rates: Sequence[Rate]
    footprint: Mapping[str, str]
    plots: Sequence[str]


def summary(facts: CardFacts) -> str:
    """Return the card in one sentence."""
    accuracy, interval = facts.figures["accuracy"], facts.intervals["accuracy"]
    caveat = " These rows are generated: the figure says nothing about real reviews."
    return (
        "Tells whether a review is positive or negative; "
        f"right on {accuracy:.2%} of {facts.test.rows:,} test rows "
        f"(95 % interval {interval.low:.2%} to {interval.high:.2%})."
        f"{caveat if _generated(facts.source) else ''}"
    )


def brief(facts: CardFacts) -> str:
    """Return the card's first part as Markdown: what fits beside a version in MLflow's page."""
    return _rendered("card_summary.md.jinja", facts)


def _generated(source: str) -> bool:
    return source.startswith(GENERATED)


def markdown(facts: CardFacts) -> str:
    """Return the card as Markdown; plots are links to PNG files beside it."""
    return _rendered("model_card.md.jinja", facts)


def _rendered(template: str, facts: CardFacts) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        # Markdown: what comes from outside goes through `cell`, and the page takes no HTML.
        autoescape=False,  # noqa: S701
    )
    environment.filters |= {"cell": _cell, "slug": _slug, "figure_name": _figure_name}
    source = (Path(__file__).parent / "model_card.md.jinja").read_text(encoding="utf-8")
    failing = sorted((r for r in facts.rates if r.share < 1), key=lambda rate: rate.share)
    return environment.get_template(template).render(
        vars(facts),
        headings=_HEADING.findall(source),
        summary=summary(facts),
        generated=_generated(facts.source),
        learner=facts.description.learner,
        sha256=facts.description.sha256,
        band=facts.description.more.get("band", (0.5, 0.5)),
        threshold=THRESHOLD,
        known_rows=sum(file.rows for file in facts.training.inputs),
        cases=sum(rate.cases for rate in facts.rates),
        weakest=failing[:_WEAKEST],
    )


def _cell(value: object) -> str:
    """Return a value as Markdown that stays text and inside its table cell."""
    text = " ".join(str(value).split())
    return "".join("\\" + c if c in "\\`*_{}[]<>()#+!|~" else c for c in text)


def _figure_name(figure: str) -> str:
    """Return a figure as people call it.

    >>> _figure_name("f1_macro"), _figure_name("precision_negative"), _figure_name("brier")
    ('F1, mean of both labels', 'precision, negative', 'Brier score')
    """
    kind, _, label = figure.partition("_")
    if figure in _FIGURES or kind not in {"precision", "recall", "f1"}:
        return _FIGURES.get(figure, figure.replace("_", " "))
    of = "mean of both labels" if label == "macro" else label
    return f"{'F1' if kind == 'f1' else kind}, {of}"


def _slug(heading: str) -> str:
    """Return a heading as a link calls it.

    >>> _slug("Ethical considerations")
    'ethical-considerations'
    """
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def page(text: str, plots: Mapping[str, bytes]) -> str:
    """Return the card as one HTML page that needs no other file; `plots` are PNG images by name."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    body = _H2.sub(lambda found: f'<h2 id="{_slug(found[1])}">{found[1]}</h2>', body)
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>')
    body = body.replace("</table>", "</table></div>")
    for name, image in plots.items():
        data = base64.b64encode(image).decode()
        body = body.replace(f'src="{name}.png"', f'src="data:image/png;base64,{data}"')
    title = html.escape(text.splitlines()[0].lstrip("# "))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
