"""The page of the monitors' benchmark, from its figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment


def page(result: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    cells, priors = result["false_alarms"], result["priors"]
    path = Path(__file__).with_name("monitoring_page.md.jinja")
    template = Environment(autoescape=False, keep_trailing_newline=True).from_string(  # noqa: S701 - Markdown
        path.read_text(encoding="utf-8")
    )
    return template.render(
        about=result["about"],
        alarms=_table(
            [f"m {cell['m']:,}, n {cell['n']:,}" for cell in cells],
            [cell["said_drift"] for cell in cells],
        ),
        found=_table(
            [f"{_percent(one['prior'])}, {'exact' if one['exact'] else 'drawn'}" for one in priors],
            [one["said_drift"] for one in priors],
        ),
        labels=_labels(result["labels"]),
        files=_files(result.get("files", [])),
        million=_million(result["million"]),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _table(heads: Sequence[str], columns: Sequence[Mapping[str, float]]) -> str:
    lines = [f"| monitor | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for name in columns[0]:
        values = " | ".join(f"{100 * column[name]:.1f} %" for column in columns)
        lines.append(f"| {name} | {values} |")
    return "\n".join(lines)


def _labels(found: Mapping[str, Any]) -> str:
    delays, quiet = found["labels_until_alarm"], found["without_a_fall"]
    lines = [
        "| | labels |",
        "|---|---|",
        *(
            f"| a fall of {100 * float(drop):.0f} points, median | {delay:,.0f} |"
            for drop, delay in delays.items()
        ),
    ]
    alarms = quiet["alarms"]
    between = f"{quiet['labels'] / alarms:,.0f}" if alarms else f"more than {quiet['labels']:,}"
    lines.append(f"| between false alarms, mean of {quiet['labels']:,} labels | {between} |")
    text = "\n".join(lines)
    return f"Accuracy on the test rows {100 * found['accuracy']:.1f} %, 200 runs.\n\n{text}"


def _files(files: Sequence[Mapping[str, Any]]) -> str:
    if not files:
        return ""
    lines = [
        "## Whole files, on the full model",
        "",
        "| window | n | drift | in | harm | labels until alarm | accuracy | estimated |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in files:
        estimate = (
            f"{100 * one['estimate']:.1f} %" if one["estimate"] is not None else "not estimable"
        )
        cells = (
            one["window"],
            f"{one['n']:,}",
            one["drift"],
            ", ".join(one["figures"]) or "none",
            one["harm"],
            str(one["labels_until_alarm"] or "none"),
            f"{100 * one['accuracy']:.1f} %",
            estimate,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _million(found: Mapping[str, float]) -> str:
    return (
        f"{found['rows']:,.0f} logged predictions of a day, sketched and judged: "
        f"**{found['seconds']:.1f} s**, {found['peak_mb']:,.0f} MB at most (median of three); "
        f"once sketched, {found['seconds_again']:.1f} s."
    )
