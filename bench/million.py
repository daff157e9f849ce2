"""A million logged predictions, sketched and judged by a check in a process of its own."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.monitors import Reviews
from bench.run import ROOT
from src.model.core.prediction_row import PredictionRow, encode
from src.monitoring.kept import reference_key
from src.monitoring.measures import Judged

_ROWS, _PART, _DAY = 1_000_000, 25_000, "2026-11-26"


def measured(rounds: int = 3) -> dict[str, float]:
    """Return wall seconds and peak memory in MB: of a first check, and of one that comes after."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        first = []
        for _ in range(rounds):
            for sketch in (folder / "data/monitoring/sketches").glob("*"):
                sketch.unlink()
            first.append(_check(folder))
        again = [_check(folder) for _ in range(rounds)]
    return {
        "rows": _ROWS,
        "seconds": float(np.median([seconds for seconds, _ in first])),
        "peak_mb": float(np.median([peak for _, peak in first])),
        "seconds_again": float(np.median([seconds for seconds, _ in again])),
    }


def _write(folder: Path) -> None:
    """Write a day's log and the reference of the version that made it."""
    random = np.random.default_rng(0)
    digest = "ab" * 32
    log = folder / "data/predictions" / _DAY
    log.mkdir(parents=True)
    for part in range(_ROWS // _PART):
        judged = _any(random, _PART)
        lines = [_line(judged, place, part, digest) for place in range(_PART)]
        file = log / f"20261126T{part % 24:02d}{part % 60:02d}00-1-{part:08x}.jsonl.gz"
        file.write_bytes(gzip.compress("\n".join(lines).encode(), 5))
    reference = Reviews(_any(random, 20_000), random.random(20_000) < 0.5)  # noqa: PLR2004
    record = reference.reference.model_copy(update={"digest": digest}).sealed()
    place = folder / "data" / reference_key(1)
    place.parent.mkdir(parents=True)
    place.write_text(record.model_dump_json(), encoding="utf-8")


def _any(random: np.random.Generator, count: int) -> Judged:
    score = random.beta(0.3, 0.3, count)
    tokens = np.round(random.lognormal(4.3, 0.9, count)).astype(np.int64)
    titles = random.integers(0, 9, count)
    shares = random.beta(0.2, 20, count), random.beta(9, 20, count)
    undecided = np.abs(score - 0.5) < 0.2  # noqa: PLR2004
    return Judged(score, undecided, titles, tokens, *shares, np.full(count, np.nan))


def _line(judged: Judged, place: int, part: int, digest: str) -> str:
    score = float(judged.probability[place])
    return encode(
        PredictionRow(
            time=f"{_DAY}T{part % 24:02d}:00:00.123+00:00",
            request_id=f"{part:08x}{place:024x}",
            role="champion",
            model="amazon-reviews-sentiment",
            version="1",
            digest=digest,
            label="positive" if score >= 0.5 else "negative",  # noqa: PLR2004
            probability=score,
            abstained=bool(judged.abstained[place]),
            title_tokens=int(judged.title_tokens[place]),
            tokens=int(judged.tokens[place]),
            unknown_share=float(judged.unknown_share[place]),
            language_share=float(judged.language_share[place]),
        )
    )


def _check(folder: Path) -> tuple[float, float]:
    """Run a check; return wall seconds and peak memory in MB of its process."""
    environment = os.environ | {
        "REVIEWS_DATA_DIR": str(folder / "data"),
        "REVIEWS_LOG_DIR": str(folder / "data/predictions"),
        "MLFLOW_TRACKING_URI": "",
    }
    words = [sys.executable, "-m", "src.monitoring.check", "--json", f"--until={_DAY}"]
    begun = time.perf_counter()
    with (folder / "answer.json").open("wb") as out:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_bytes())
    if process.returncode or answer["n"] != _ROWS:
        raise SystemExit(f"error: the check ended with {process.returncode}.")
    return seconds, usage.ru_maxrss / 1024
