"""The data quality page: one HTML file with its plots inside, readable without a network."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from src.model.core.records import Record
from src.model.data.quality import LENGTH_EDGES, Check, SplitStatistics

_BLUE, _ORANGE, _RED, _GREY = "#2b6cb0", "#dd6b20", "#c53030", "#a0aec0"

MEANINGS = {
    "quarantined": "rows the ingest set aside (dropped ratings not counted)",
    "class": "rows of the rarer label",
    "empty_title": "rows with an empty title",
    "empty_text": "rows with an empty text",
    "encoding_damage": "rows with replacement characters or mojibake",
    "non_english": "rows that do not look English by their most frequent words",
    "duplicates": "rows that repeat an earlier row exactly",
    "conflicts": "rows whose same title and text carry both labels",
    "overlap": "test rows that also stand in train",
}


def render(
    source: str,
    statistics: Mapping[str, SplitStatistics],
    checks: Sequence[Check],
    quarantined: Mapping[str, int],
    examples: str,
) -> str:
    """Return the page as HTML; `examples` names the file with example rows."""
    environment = Environment(
        loader=PackageLoader("src.model.data", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
    )
    figures = (_balance(statistics), _lengths(statistics), _findings(checks))
    return environment.get_template("quality_report.html").render(
        source=source,
        statistics=statistics,
        checks=checks,
        meanings=MEANINGS,
        failed=[check for check in checks if not check.passed],
        quarantined=quarantined,
        examples=examples,
        plots=[_svg(figure) for figure in figures],
    )


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    style: Any = {"svg.hashsalt": "reviews", "svg.fonttype": "none", "font.family": "sans-serif"}
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(style):
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib's own drawing of numbers


def _balance(statistics: Mapping[str, SplitStatistics]) -> Figure:
    figure = Figure(figsize=(4.2, 2.9), layout="constrained")
    axes = figure.add_subplot()
    names = list(statistics)
    positive = [found.positive / max(found.rows, 1) for found in statistics.values()]
    negative = [1 - share for share in positive]
    axes.barh(names, negative, color=_ORANGE, label="negative")
    axes.barh(names, positive, left=negative, color=_BLUE, label="positive")
    for place, share in enumerate(positive):
        axes.text(
            (1 - share) / 2, place, f"{1 - share:.1%}", ha="center", va="center", color="white"
        )
        axes.text(1 - share / 2, place, f"{share:.1%}", ha="center", va="center", color="white")
    axes.set(title="Labels", xlim=(0, 1))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return figure


def _lengths(statistics: Mapping[str, SplitStatistics]) -> Figure:
    figure = Figure(figsize=(5.6, 2.9), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{edge:,}" for edge in LENGTH_EDGES]
    drawn = zip((-0.2, 0.2), statistics.items(), (_BLUE, _ORANGE), strict=False)
    for offset, (split, found), colour in drawn:
        shares = found.lengths / max(found.rows, 1)
        places = [place + offset for place in range(len(names))]
        axes.bar(places, shares, 0.4, color=colour, label=split)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set(title="Length of title and text", xlabel="bytes, from")
    axes.legend(frameon=False)
    return figure


def _findings(checks: Sequence[Check]) -> Figure:
    shown = [check for check in checks if check.name != "class"]
    figure = Figure(figsize=(9.8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{check.name.replace('_', ' ')}, {check.split}" for check in shown]
    colours = [_BLUE if check.passed else _RED for check in shown]
    axes.barh(names, [check.share for check in shown], color=colours)
    widest = max([check.share for check in shown] + [0.01])
    for place, check in enumerate(shown):
        if check.limit <= widest * 1.15:
            axes.plot([check.limit] * 2, [place - 0.4, place + 0.4], color="black", linewidth=1.5)
        axes.text(widest * 1.16, place, f"{check.share:.2%}", va="center", fontsize=9)
    axes.set_xlim(0, widest * 1.15)
    axes.invert_yaxis()
    decimals = 0 if widest > 0.1 else 1  # noqa: PLR2004
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.{decimals}%}")
    axes.set(title="Findings as shares of rows; a black mark is the limit, where it is in sight")
    return figure


class CheckRecord(Record):
    """One finding held against its limit; `limit_is` says on which side it must stay."""

    name: str
    split: str
    rows: int
    share: float
    limit: float
    limit_is: Literal["maximum", "minimum"]
    passed: bool

    def __str__(self) -> str:
        """Return the finding as a line for people."""
        found = f"{self.rows:,} {MEANINGS[self.name]} ({self.split}): {self.share:.2%}"
        return f"{found}, {self.limit_is} {self.limit:.2%}"

    @property
    def setting(self) -> str:
        """The setting that holds the limit."""
        side = "MAX" if self.limit_is == "maximum" else "MIN"
        return f"REVIEWS_{side}_{self.name.upper()}"


class SplitRecord(Record):
    """Rows of a split, positive ones, and how many are how long, by lower edges in bytes."""

    rows: int
    positive: int
    length_bytes: dict[str, int]


class QualityReport(Record):
    """The page's findings for machines; `quarantined` counts rows by their reason."""

    source: str
    passed: bool
    checks: list[CheckRecord]
    splits: dict[str, SplitRecord]
    quarantined: dict[str, int]


def report(
    source: str,
    statistics: Mapping[str, SplitStatistics],
    checks: Sequence[Check],
    quarantined: Mapping[str, int],
) -> QualityReport:
    """Return the same findings for machines."""
    return QualityReport(
        source=source,
        passed=all(check.passed for check in checks),
        checks=[
            CheckRecord(
                name=check.name,
                split=check.split,
                rows=check.rows,
                share=round(check.share, 6),
                limit=check.limit,
                limit_is="maximum" if check.at_most else "minimum",
                passed=check.passed,
            )
            for check in checks
        ],
        splits={
            split: SplitRecord(
                rows=found.rows,
                positive=found.positive,
                length_bytes=dict(zip(map(str, LENGTH_EDGES), found.lengths.tolist(), strict=True)),
            )
            for split, found in statistics.items()
        },
        quarantined=dict(quarantined),
    )
