"""The data quality page: one HTML file with its plots inside, readable without a network."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from src.model.core.records import Record
from src.model.data.quality import LENGTH_EDGES, Check, SplitStatistics
from src.model.data.quality_shift import Shift, ShiftRecord

_BLUE, _ORANGE, _RED = "#2b6cb0", "#dd6b20", "#c53030"
_COLOURS = (_BLUE, _ORANGE, "#718096", "#2f855a")
_INGESTED = 2  # train and test; what follows arrived later
_DRAWN = 4  # parts whose lengths are drawn side by side
_BARS = 12  # parts whose labels are drawn below each other

MEANINGS = {
    "quarantined": "rows the ingest set aside (dropped ratings not counted)",
    "class": "rows of the rarer label",
    "empty_title": "rows with an empty title",
    "empty_text": "rows with an empty text",
    "encoding_damage": "rows with replacement characters or mojibake",
    "other_language": "rows that look like another language, by their most frequent words",
    "duplicates": "rows that repeat an earlier row exactly",
    "conflicts": "rows whose same title and text carry both labels",
    "overlap": "test rows that also stand in train",
}


@dataclass(frozen=True)
class Findings:
    """All that was found: per part of the data, against limits, and between parts.

    `quarantined` counts rows by their reason.
    """

    source: str
    statistics: Mapping[str, SplitStatistics]
    checks: Sequence[Check]
    shifts: Sequence[Shift]
    quarantined: Mapping[str, int]

    @property
    def over(self) -> int:
        """How many limits are broken."""
        checks, shifts = (c.passed for c in self.checks), (s.passed for s in self.shifts)
        return [*checks, *shifts].count(False)


def render(findings: Findings, examples: str) -> str:
    """Return the page as HTML; `examples` names the file with example rows."""
    environment = Environment(
        loader=PackageLoader("src.model.data", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
    )
    own = {check.split for check in findings.checks} - set(list(findings.statistics)[_INGESTED:])
    ingested = [check for check in findings.checks if check.split in own]
    figures = (_balance(_last(findings, _BARS)), _lengths(_last(findings, _DRAWN)),
               _findings(ingested))  # fmt: skip
    return environment.get_template("quality_report.html").render(
        found=findings,
        ingested=ingested,
        arrived=[check for check in findings.checks if check.split not in own],
        noticed=[shift for shift in findings.shifts if shift.noticed],
        meanings=MEANINGS,
        examples=examples,
        plots=[_svg(figure) for figure in figures],
    )


def _last(findings: Findings, most: int) -> dict[str, SplitStatistics]:
    """Return train and test and the latest arrivals, so many parts in all."""
    parts = list(findings.statistics.items())
    return dict(parts[:_INGESTED] + parts[_INGESTED:][_INGESTED - most :])


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    style: Any = {"svg.hashsalt": "reviews", "svg.fonttype": "none", "font.family": "sans-serif"}
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(style):
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib's own drawing of numbers


def _balance(statistics: Mapping[str, SplitStatistics]) -> Figure:
    figure = Figure(figsize=(4.2, max(2.9, 0.4 * len(statistics))), layout="constrained")
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
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return figure


def _lengths(statistics: Mapping[str, SplitStatistics]) -> Figure:
    figure = Figure(figsize=(5.6, 2.9), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{edge:,}" for edge in LENGTH_EDGES]
    width = 0.8 / len(statistics)
    for number, (split, found) in enumerate(statistics.items()):
        shares = found.lengths / max(found.rows, 1)
        offset = (number - (len(statistics) - 1) / 2) * width
        places = [place + offset for place in range(len(names))]
        axes.bar(places, shares, width, color=_COLOURS[number], label=split)
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
    """The page's findings for machines; `quarantined` counts rows by their reason.

    `shifts` hold shares of the test rows and of each arrival against those of the train rows.
    """

    source: str
    passed: bool
    checks: list[CheckRecord]
    splits: dict[str, SplitRecord]
    quarantined: dict[str, int]
    shifts: list[ShiftRecord] = []

    @property
    def failed_parts(self) -> list[str]:
        """The parts of the data that break a limit."""
        found = [check.split for check in self.checks if not check.passed]
        return sorted({*found, *(shift.part for shift in self.shifts if not shift.passed)})


def report(findings: Findings) -> QualityReport:
    """Return the same findings for machines."""
    return QualityReport(
        source=findings.source,
        passed=not findings.over,
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
            for check in findings.checks
        ],
        splits={
            split: SplitRecord(
                rows=found.rows,
                positive=found.positive,
                length_bytes=dict(zip(map(str, LENGTH_EDGES), found.lengths.tolist(), strict=True)),
            )
            for split, found in findings.statistics.items()
        },
        quarantined=dict(findings.quarantined),
        shifts=[shift.record for shift in findings.shifts],
    )
