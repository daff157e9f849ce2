"""Bench: monitors on the same windows of real reviews -> docs/benchmarks-monitoring.json and .md.

How often does each call drift where there is none, and where there is some? How many labels until a
fall of the accuracy is found? What is said of reviews ten years younger, of Portuguese ones, of
flipped labels? How long do a million predictions take?
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bench import rows
from bench.million import measured as million
from bench.monitoring_page import page
from bench.monitors import EVIDENTLY, MONITORS, SETTINGS, Reviews, evidently
from bench.run import ROOT, WORK, machine, prepared
from src.model.context import Context
from src.model.core.models import load_model
from src.model.core.served_model import ServedModel
from src.model.core.settings import load_settings
from src.monitoring.detector import EDetector
from src.monitoring.drift import drift
from src.monitoring.estimate import estimate
from src.monitoring.harm import harm
from src.monitoring.labels import Labels
from src.monitoring.reference_record import judged_of

_M, _N = (2_500, 20_000, 100_000), (200, 2_000, 20_000)
_PRIORS = (0.6, 0.55, 0.52)
_Draw = Callable[[int], Reviews]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.monitoring",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", default="", help="reviews (default: REVIEWS_REAL_DATA)")
    parser.add_argument("--drift", default="", help="zip of electronics_2023.csv, portuguese.csv")
    parser.add_argument("--pairs", type=int, default=200, help="pairs a cell (default: 200)")
    parser.add_argument("--evidently-pairs", type=int, default=40, help="of those (default: 40)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder of the page")
    return parser


def run(args: argparse.Namespace) -> dict[str, Any]:
    data = prepared(args.source)
    a_million = million()  # first: a process inherits the peak memory of the one it comes from
    half, full = _model(data, "0-4"), _model(data, "all")
    parts = list(rows.train_parts(data))[5:]
    live = _joined([_read(half, part.titles, part.texts, part.positive) for part in parts])
    random = np.random.default_rng(0)
    result: dict[str, Any] = {
        "about": {"source": Path(args.source).name, "pairs": args.pairs,
                  "evidently_pairs": args.evidently_pairs, "population": live.positive.size,
                  "drift_rate": SETTINGS.drift_rate, **machine()},
        "false_alarms": [
            {"m": m, "n": n, **_asked(args, _any(live, random), m, _any(live, random), n)}
            for m in _M for n in _N
        ],
        "priors": [
            {"prior": prior, "exact": exact,
             **_asked(args, _mixed(live, 0.5, random, exact=exact), 20_000,
                      _mixed(live, prior, random, exact=exact), 2_000)}
            for exact in (True, False) for prior in _PRIORS
        ],
        "labels": _labels(float(live.right.mean())),
        "million": a_million,
    }  # fmt: skip
    if args.drift:
        result["files"] = _files(full, rows.test_rows(data), Path(args.drift))
    return result


def _model(data: Path, batches: str) -> ServedModel:
    """Train on some batches, without tracking, and return the model."""
    environment = {"REVIEWS_DATA_DIR": str(data), "MLFLOW_TRACKING_URI": "",
                   "REVIEWS_CACHE_DIR": str(WORK / "cache")}  # fmt: skip
    words = [sys.executable, "-m", "src.model.pipeline.train", "--json", "--batches", batches]
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.PIPE
    )
    number = json.loads(done.stdout)["model_version"]
    with Context(load_settings(environment, None)) as context:
        version = context.registry.get(number)
        assert version is not None  # noqa: S101 - it was made a moment ago
        return load_model(context.registry.fetch(version))


def _read(
    model: ServedModel, titles: list[str], texts: list[str], positive: npt.NDArray[np.bool_]
) -> Reviews:
    return Reviews(judged_of(model.read(titles, texts), np.full(len(titles), np.nan)), positive)


def _joined(parts: Sequence[Reviews]) -> Reviews:
    fields = parts[0].judged.__dataclass_fields__
    columns = {
        name: np.concatenate([getattr(part.judged, name) for part in parts]) for name in fields
    }
    positive = np.concatenate([part.positive for part in parts])
    return Reviews(type(parts[0].judged)(**columns), positive)


def _any(live: Reviews, random: np.random.Generator) -> _Draw:
    """Draw reviews with replacement: independent draws from one population."""
    return lambda count: live.take(random.integers(live.positive.size, size=count))


def _mixed(live: Reviews, prior: float, random: np.random.Generator, *, exact: bool) -> _Draw:
    """Draw with a share of positive ones, which is met exactly or only in the mean."""
    positive, negative = np.flatnonzero(live.positive), np.flatnonzero(~live.positive)

    def draw(count: int) -> Reviews:
        wanted = round(count * prior) if exact else int(random.binomial(count, prior))
        places = random.choice(positive, wanted), random.choice(negative, count - wanted)
        return live.take(np.concatenate(places))

    return draw


def _asked(
    args: argparse.Namespace, reference: _Draw, m: int, window: _Draw, n: int
) -> dict[str, dict[str, float]]:
    """Return how often each monitor says drift; both sides are drawn anew for every pair."""
    said = dict.fromkeys(MONITORS, 0)
    kept = []
    for number in range(args.pairs):
        pair = reference(m), window(n)
        for name, monitor in MONITORS.items():
            said[name] += monitor(*pair)
        if number < args.evidently_pairs:
            kept.append(pair)
    shares = {name: count / args.pairs for name, count in said.items()}
    if kept:
        shares[EVIDENTLY] = float(np.mean(evidently(kept)))
    sys.stderr.write(f"m {m:,}, n {n:,}: {shares}\n")
    return {"said_drift": shares}


def _labels(accuracy: float, runs: int = 200) -> dict[str, Any]:
    """Return the median number of labels until a fall is found, and between false alarms."""
    random = np.random.default_rng(1)
    least, at = accuracy - SETTINGS.tolerance, SETTINGS.labels_between_alarms
    found = {}
    for drop in (0.03, 0.05):
        delays = []
        for _ in range(runs):
            detector = EDetector(least, at)
            while not detector.alarms:
                detector.add((random.random(50) < accuracy - drop).tolist())
            delays.append(detector.alarms[0])
        found[f"{drop:g}"] = float(np.median(delays))
    detector = EDetector(least, at)
    detector.add((random.random(2_000_000) < least).tolist())
    return {"accuracy": accuracy, "labels_until_alarm": found, "without_a_fall": {
        "labels": detector.labels, "alarms": len(detector.alarms)}}  # fmt: skip


def _files(model: ServedModel, test: rows.Rows, drift_zip: Path) -> list[dict[str, Any]]:
    """Judge whole files against the test rows, and one half of these against the other."""
    own = _read(model, test.titles, test.texts, test.positive)
    order = np.random.default_rng(2).permutation(own.positive.size)
    halves = own.take(order[: order.size // 2]), own.take(order[order.size // 2 :])
    flipped = Reviews(own.judged, ~own.positive)
    with zipfile.ZipFile(drift_zip) as archive:
        others = {
            name: _read(model, *_csv(archive.read(f"{name}.csv")))
            for name in ("electronics_2023", "portuguese")
        }
    cases = {
        **{name: (own, window) for name, window in others.items()},
        "test rows, labels flipped": (own, flipped),
        "one half of the test rows against the other": halves,
    }
    return [{"window": name, **_judged(*pair)} for name, pair in cases.items()]


def _csv(content: bytes) -> tuple[list[str], list[str], npt.NDArray[np.bool_]]:
    frame = pl.read_csv(content, has_header=False, new_columns=["polarity", "title", "text"])
    frame = frame.with_columns(pl.col("title", "text").fill_null(""))
    return frame["title"].to_list(), frame["text"].to_list(), (frame["polarity"] == 2).to_numpy()  # noqa: PLR2004


def _judged(reference: Reviews, window: Reviews) -> dict[str, Any]:
    record, count = reference.reference, window.positive.size
    order = np.random.default_rng(3).permutation(count)
    labels = Labels(
        np.zeros(count, np.int64), window.positive[order], window.judged.probability[order],
        np.zeros(count, np.int64), [""],
    )  # fmt: skip
    drifted = drift(record, window.sketch, SETTINGS)
    harmed = harm(labels, 0, record.accuracy, SETTINGS)
    estimated = estimate(record, window.sketch)
    return {
        "n": count, "m": record.sketch.rows, "drift": drifted.verdict, "harm": harmed.verdict,
        "figures": [one.name for one in drifted.drifted],
        "labels_until_alarm": harmed.alarms[0] if harmed.alarms else None,
        "accuracy": harmed.accuracy, "estimate": estimated.accuracy,
        "estimate_verdict": estimated.verdict,
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    args.source = args.source or os.environ.get("REVIEWS_REAL_DATA", "")
    if not args.source:
        sys.stderr.write("error: no reviews to measure on.\n  Run make bench-monitoring DATA=….\n")
        return 2
    begun = time.perf_counter()
    result = run(args)
    result["about"]["seconds"] = round(time.perf_counter() - begun)
    result["about"]["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    args.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1) + "\n"
    (args.output / "benchmarks-monitoring.json").write_text(text, encoding="utf-8")
    (args.output / "benchmarks-monitoring.md").write_text(page(result), encoding="utf-8")
    sys.stdout.write(page(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
