"""Bench: every system learns from and scores the same reviews, in turns.

The answer is docs/benchmarks.json, .md and plots. Each phase runs in a process of its own, training
with two threads, scoring with one. The order turns around from round to round, and the medians of
all rounds are reported.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.report import summarised, table, write_page
from bench.systems import SYSTEMS, THREADS

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".bench"
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
_PACKAGES = ("numpy", "scikit-learn", "fasttext-wheel", "vowpalwabbit", "polars")
_LIMIT_S = 1800


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.run",
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
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), help="only some of them"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs", help="folder of the page (default: docs)"
    )
    parser.add_argument("--json", action="store_true", help="print the result instead of a table")
    return parser


def prepared(source: str) -> Path:
    """Return the data folder with the source's processed files; what is there already is kept."""
    data = WORK / "data"
    environment = _environment(
        REVIEWS_DATA_DIR=str(data), MLFLOW_TRACKING_URI="", REVIEWS_CACHE_DIR=str(WORK / "cache")
    )
    for command in (
        ["pipeline.run", "ingest", "--source", source],
        ["data.preprocess_batch", "--batch", "all"],
        ["data.preprocess_test"],
    ):
        module, *words = command
        line = [sys.executable, "-m", f"src.model.{module}", *words]
        subprocess.run(line, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
    return data


def _environment(**more: str) -> dict[str, str]:
    ours = ("REVIEWS_", "PYTHONDONT")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | more


def measured(phase: str, system: str, data: Path, model: Path, threads: int) -> dict[str, Any]:
    """Run one phase in a process.

    Return its answer with wall and CPU seconds and peak memory in MB.

    Raises:
        SystemExit: the process failed.
    """
    environment = _environment(**dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    words = [sys.executable, "-m", "bench.phase", phase, system, str(data), str(model)]
    answer = model / f"{phase}.json"
    begun = time.perf_counter()
    with answer.open("w+b") as out:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"error: {phase} of {system} ended with {process.returncode}.")
        out.seek(0)
        found: dict[str, Any] = json.loads(out.read().splitlines()[-1])
    answer.unlink()
    spent = usage.ru_utime + usage.ru_stime
    return {**found, "wall_seconds": wall, "cpu_seconds": spent, "peak_mb": usage.ru_maxrss / 1024}


def one_round(system: str, data: Path) -> dict[str, Any]:
    """Train and score once; return both phases' figures and the model's bytes."""
    model = WORK / "models" / system
    shutil.rmtree(model, ignore_errors=True)
    model.mkdir(parents=True)
    trained = measured("train", system, data, model, THREADS)
    shutil.rmtree(model / "cache", ignore_errors=True)
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    return {
        "train": trained,
        "score": measured("score", system, data, model, 1),
        "model_bytes": size,
    }


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    data = prepared(args.source)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in args.systems}
    features = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("Measuring", total=args.rounds * len(args.systems))
        for number in range(args.rounds):
            for system in args.systems if number % 2 == 0 else args.systems[::-1]:
                bar.update(task, description=f"{system}, round {number + 1}")
                rounds[system].append(one_round(system, data))
                bar.advance(task)
            features.append(measured("features", args.systems[0], data, WORK / "models", 1))
    name = args.source if args.source.startswith("synthetic:") else Path(args.source).name
    about = {"source": name, "rounds": args.rounds, "threads": THREADS, **machine()}
    return summarised(rounds, features, about)


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    args.source = args.source or os.environ.get("REVIEWS_REAL_DATA", "")
    if not args.source:
        sys.stderr.write(
            "error: no reviews to measure on.\n  Run make bench DATA=path/to/amazon-reviews.zip.\n"
        )
        return 2
    result = run(args, Console(stderr=True))
    write_page(result, args.output)
    sys.stdout.write((json.dumps(result) if args.json else table(result)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
