"""Bench the API: ours and a plain FastAPI with scikit-learn's TF-IDF, the same reviews, in turns.

The answer is docs/benchmarks-api.md and .json. Each server runs alone, one process, on loopback;
the load comes from another process. Medians of all rounds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from bench.rows import test_rows
from bench.run import ROOT, WORK, _environment, machine, measured, prepared

_PORTS = {"ours": 8171, "plain": 8172}
_PREDICT, _BATCH, _LIVE = "/api/v1/predict", "/api/v1/predict/batch", "/health/live"
_BATCH_ROWS = 500
_ROWS = (
    ("per_second", "predictions/s, 32 connections", "{:,.0f}"),
    ("p50_ms_at_32", "… p50, ms", "{:.1f}"),
    ("p99_ms_at_32", "… p99, ms", "{:.1f}"),
    ("p50_ms", "one connection, p50, ms", "{:.2f}"),
    ("live_p99_ms", "health while predictions saturate it, p99, ms", "{:.1f}"),
    ("batch_per_second", "reviews/s in batches of 500", "{:,.0f}"),
    ("ready_seconds", "start to ready, cached model, s", "{:.2f}"),
    ("rss_mb", "memory after the load, MB", "{:,.0f}"),
    ("swap_failed", "failed requests while the model is swapped", "{:,.0f}"),
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.api",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--source", default="", help="reviews, as for ingest (default: REVIEWS_REAL_DATA)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often everything runs (default: 3)"
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="length of each load (default: 5)"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs", help="folder of the page (default: docs)"
    )
    return parser


def trained(data: Path) -> dict[str, Path]:
    """Train ours and TF-IDF once; return their model folders."""
    folders = {}
    for name, system in (("ours", "hashed"), ("plain", "tfidf")):
        folders[name] = WORK / "api" / name
        shutil.rmtree(folders[name], ignore_errors=True)
        folders[name].mkdir(parents=True)
        measured("train", system, data, folders[name], 2)
    return folders


@contextmanager
def serving(name: str, model: Path) -> Iterator[tuple[float, psutil.Process]]:
    """Run a server; yield the seconds until it was ready, and its process."""
    port, more = str(_PORTS[name]), {}
    if name == "ours":
        command = [str(ROOT / ".venv-api/bin/python"), "-m", "src.api"]
        more = {
            "REVIEWS_API_PORT": port,
            "REVIEWS_API_MODEL_DIR": str(model / "saved"),
            "MLFLOW_TRACKING_URI": "",
            "REVIEWS_API_CACHE_DIR": str(model / "cache"),
            "REVIEWS_LOG_DIR": str(model / "log"),
            "REVIEWS_API_POLL_SECONDS": "0.5",
        }
    else:
        command = [sys.executable, "-m", "bench.plain_api", port, str(model)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(**more), stdout=sys.stderr)
    try:
        while not _is_ready(name):
            if process.poll() is not None or time.perf_counter() - begun > 60:  # noqa: PLR2004
                raise SystemExit(f"error: the server {name} did not start.")
            time.sleep(0.01)
        yield time.perf_counter() - begun, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(name: str) -> bool:
    path = "/health/ready" if name == "ours" else _LIVE
    try:
        return httpx.get(f"http://127.0.0.1:{_PORTS[name]}{path}", timeout=5).is_success
    except httpx.HTTPError:
        return False


def load(
    name: str, path: str, connections: int, seconds: float, bodies: Path | None
) -> dict[str, Any]:
    """Put load on a server from another process; return what it saw."""
    words = [str(_PORTS[name]), path, str(connections), str(seconds), str(bodies or "-")]
    command, limit = [sys.executable, "-m", "bench.load", *words], seconds + 60
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=limit
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def beside(work: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """Do two things at once; return what both returned."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(other()))
    thread.start()
    first = work()
    thread.join()
    return first, answers[0]


def one_round(name: str, model: Path, seconds: float) -> dict[str, float]:
    """Start a server, put all loads on it, end it; return the figures."""
    single, batches = WORK / "api" / "single.json", WORK / "api" / "batches.json"
    with serving(name, model) as (ready, process):
        load(name, _PREDICT, 8, 1, single)  # warm
        many = load(name, _PREDICT, 32, seconds, single)
        one = load(name, _PREDICT, 1, seconds / 2, single)
        _, live = beside(
            lambda: load(name, _PREDICT, 32, seconds, single),
            lambda: load(name, _LIVE, 1, seconds - 1, None),
        )
        figures = {
            "per_second": many["per_second"],
            "p50_ms_at_32": many["p50_ms"],
            "p99_ms_at_32": many["p99_ms"],
            "p50_ms": one["p50_ms"],
            "live_p99_ms": live["p99_ms"],
            "failed": _failed(many) + _failed(one),
        }
        if name == "ours":
            batch = load(name, _BATCH, 1, seconds / 2, batches)
            swapped, _ = beside(
                lambda: load(name, _PREDICT, 32, 2 * seconds, single), lambda: _swap(model, seconds)
            )
            figures |= {
                "batch_per_second": batch["per_second"] * _BATCH_ROWS,
                "ready_seconds": ready,
                "swap_failed": _failed(swapped),
                "swap_requests": swapped["requests"],
            }
        return {**figures, "rss_mb": process.memory_info().rss / 1e6}


def _failed(seen: dict[str, Any]) -> int:
    return sum(times for status, times in seen["statuses"].items() if status != "200")


def _swap(model: Path, seconds: float) -> int:
    """Replace the served model's description by one of equal meaning, every second.

    An export does the same.
    """
    path, swaps = model / "saved" / "model.json", 0
    until = time.perf_counter() + 2 * seconds - 1
    while time.perf_counter() < until:
        time.sleep(1)
        body = json.loads(path.read_text(encoding="utf-8"))
        body["swap"] = swaps = swaps + 1
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(body), encoding="utf-8")
        aside.replace(path)
    return swaps


def run(args: argparse.Namespace) -> dict[str, Any]:
    data = prepared(args.source)
    models = trained(data)
    rows = test_rows(data)
    reviews = [
        {"title": t[:1000], "message": m[:50_000]}
        for t, m in zip(rows.titles, rows.texts, strict=True)
    ]
    reviews = [review for review in reviews if review["title"].strip() or review["message"].strip()]
    (WORK / "api/single.json").write_text(json.dumps(reviews), encoding="utf-8")
    starts = range(0, len(reviews) - _BATCH_ROWS, _BATCH_ROWS)
    groups = [{"reviews": reviews[at : at + _BATCH_ROWS]} for at in starts]
    (WORK / "api/batches.json").write_text(json.dumps(groups), encoding="utf-8")
    rounds: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
    for number in range(args.rounds):
        for name in ("ours", "plain") if number % 2 == 0 else ("plain", "ours"):
            rounds[name].append(one_round(name, models[name], args.seconds))
    systems = {
        name: {key: float(np.median([figures[key] for figures in found])) for key in found[0]}
        for name, found in rounds.items()
    }
    name = args.source if args.source.startswith("synthetic:") else Path(args.source).name
    return {"about": {"source": name, "rounds": args.rounds, **machine()}, "systems": systems}


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    ours, plain = result["systems"]["ours"], result["systems"]["plain"]
    lines = ["| figure | ours | plain FastAPI + scikit-learn |", "|---|---|---|"]
    for key, title, form in _ROWS:
        other = form.format(plain[key]) if key in plain else ""
        lines.append(f"| {title} | {form.format(ours[key])} | {other} |")
    return "\n".join(lines)


def page(result: dict[str, Any]) -> str:
    """Return the page."""
    about, systems = result["about"], result["systems"]
    times = systems["ours"]["per_second"] / systems["plain"]["per_second"]
    swapped, failed = systems["ours"]["swap_requests"], systems["ours"]["swap_failed"]
    return f"""# Benchmarks of the API

Written by `make bench-api`; the figures are in [benchmarks-api.json](benchmarks-api.json). \
One server at a time, one
process, on loopback; the load comes from another process on the same machine; \
medians of {about["rounds"]} rounds in
alternating order. The plain one is `bench/plain_api.py`: \
a FastAPI endpoint around scikit-learn's TF-IDF and logistic
regression, without limits, metrics or a log, all of which ours has switched on.

{about["date"]}, {about["processor"]}, {about["cores"]} cores (shared), {about["system"]}, \
Python {about["python"]};
reviews: {about["source"]}.

{table(result)}

Ours answers {times:.1f} times as many requests. \
While its model was replaced once a second under load, it answered
{swapped:,.0f} requests, {failed:,.0f} of them wrongly or not at all.
"""


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    args.source = args.source or os.environ.get("REVIEWS_REAL_DATA", "")
    if not args.source:
        sys.stderr.write(
            "error: no reviews to measure on.\n"
            "  Run make bench-api DATA=path/to/amazon-reviews.zip.\n"
        )
        return 2
    result = run(args)
    args.output.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(result, indent=1) + "\n"
    (args.output / "benchmarks-api.json").write_text(figures, encoding="utf-8")
    (args.output / "benchmarks-api.md").write_text(page(result), encoding="utf-8")
    sys.stdout.write(table(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
