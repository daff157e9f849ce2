"""The tables of `bench.faults`.

They tell what happened, what the metrics said meanwhile, and whether the sums are right.
"""

from typing import Any

_SEEN = {
    "requests": "requests answered",
    "loaded": "models loaded",
    "unreachable": "registry unreachable",
    "refused": "model refused",
    "rows_written": "log rows written",
    "rows_dropped": "log rows dropped",
    "parts_failed": "log parts failed",
}
_START = dict.fromkeys(_SEEN, 0)


def phases(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, for each time between two events, what the metrics counted in it."""
    events = [{"event": "all well", "at": 0.0, "before": _START}, *found["events"]]
    ends = [*events[1:], {"at": found["seconds"], "before": found["after"]}]
    return [
        {
            "event": begin["event"],
            "from": begin["at"],
            "to": end["at"],
            "counted": {key: end["before"][key] - begin["before"][key] for key in _SEEN},
        }
        for begin, end in zip(events, ends, strict=True)
    ]


def sums(found: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Return what must be equal: its name, what was sent or is there, and what the metrics say."""
    load, after = found["load"], found["after"]
    answered = load["statuses"].get("200", 0)
    return [
        ("requests answered with 200", answered, after["requests"]),
        ("log rows on the disk", found["rows_on_disk"], after["rows_written"]),
        ("predictions, logged or dropped", answered, after["rows_written"] + after["rows_dropped"]),
    ]


def problems(found: dict[str, Any]) -> dict[str, int]:
    """Return the counts that should be zero."""
    load = found["load"]
    failed = [times for status, times in load["statuses"].items() if status != "200"]
    return {
        "failed requests": sum(failed),
        "wrong answers": load["wrong"],
        "sums that do not match": sum(real != said for _, real, said in sums(found)),
    }


def table(found: dict[str, Any]) -> str:
    """Return everything as Markdown tables."""
    load, counted = found["load"], phases(found)
    lines = [f"| since | s | {' | '.join(_SEEN.values())} |", "|" + "---|" * (len(_SEEN) + 2)]
    for phase in counted:
        figures = " | ".join(f"{phase['counted'][key]:,}" for key in _SEEN)
        lines.append(f"| {phase['event']} | {phase['from']:.0f}-{phase['to']:.0f} | {figures} |")
    lines += ["", "| what | sent, or there | by the metrics |", "|---|---|---|"]
    lines += [f"| {name} | {real:,} | {said:,} |" for name, real, said in sums(found)]
    lines += ["", "| count | |", "|---|---|", f"| requests sent | {load['requests']:,} |"]
    lines += [f"| {name} | {count:,} |" for name, count in problems(found).items()]
    lines += [f"| moves of the alias | {found['moves']} |"]
    times = f"{load['p50_ms']:.1f}, {load['p99_ms']:.1f}, {load['max_ms']:.0f}"
    lines += [f"| p50, p99, longest answer, ms | {times} |"]
    return "\n".join(lines)


def page(found: dict[str, Any]) -> str:
    """Return the page."""
    return f"""# When everything beside the API fails

Written by `make api-faults`. {found["seconds"]:.0f} seconds of load from eight connections, \
while the alias `champion`
moved between two versions every two seconds, the MLflow server was killed and started again, \
and the file system of
prediction log and model cache was made read-only and then filled to its last byte. \
Every answer was compared with what
the version it names must say.

{table(found)}

Each row of the first table is what the metrics counted from that event to the next. \
Rows that could not be written wait
while there is room for them, and are written when the disk allows; \
only what there was no room for is dropped, and
counted.
"""
