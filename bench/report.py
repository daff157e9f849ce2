"""From measurements to medians, a page and plots."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.systems import SYSTEMS
from src.model.core.labels import is_positive
from src.model.evaluation.intervals import log_losses, mean_interval, wilson

OURS, PEER = "#2b6cb0", "#a0aec0"
FIGURES = (
    ("train_wall_seconds", "training, wall s", "{:.1f}"),
    ("train_cpu_seconds", "training, CPU s", "{:.1f}"),
    ("train_peak_mb", "training, peak MB", "{:,.0f}"),
    ("model_mb", "model, MB", "{:,.2f}"),
    ("reviews_per_second", "scoring, reviews/s on one core", "{:,.0f}"),
    ("one_review_us", "one review, µs", "{:,.0f}"),
)


def judged(round_: Mapping[str, Any]) -> dict[str, Any]:
    """Return accuracy and log loss of one round's scores, each as value, low, high."""
    positive = np.array(round_["score"]["positive"], np.bool_)
    probability = np.array(round_["score"]["probability"])
    right, losses = is_positive(probability) == positive, log_losses(positive, probability)
    return {
        "accuracy": (float(right.mean()), *wilson(int(right.sum()), right.size)),
        "log_loss": (float(losses.mean()), *mean_interval(losses)),
        "test_rows": positive.size,
    }


def summarised(
    rounds: Mapping[str, Sequence[Mapping[str, Any]]],
    features: Sequence[Mapping[str, float]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the medians over all rounds, by system."""
    systems = {}
    for name, found in rounds.items():
        values = {
            "train_wall_seconds": [r["train"]["wall_seconds"] for r in found],
            "train_cpu_seconds": [r["train"]["cpu_seconds"] for r in found],
            "train_peak_mb": [r["train"]["peak_mb"] for r in found],
            "score_peak_mb": [r["score"]["peak_mb"] for r in found],
            "model_mb": [r["model_bytes"] / 1e6 for r in found],
            "load_seconds": [r["score"]["load_seconds"] for r in found],
            "reviews_per_second": [r["score"]["reviews_per_second"] for r in found],
            "one_review_us": [r["score"]["one_review_us"] for r in found],
        }
        medians = {key: float(np.median(of)) for key, of in values.items()}
        by_accuracy = sorted(map(judged, found), key=lambda figures: figures["accuracy"])
        systems[name] = {**medians, **by_accuracy[len(by_accuracy) // 2]}
    mean = {
        key: float(np.median([f[key] for f in features]))
        for key in features[0]
        if key.endswith("mb_per_second")
    }
    return {"about": dict(about), "systems": systems, "features": mean}


def cells(name: str, figures: Mapping[str, Any]) -> list[str]:
    accuracy, low, high = (100 * value for value in figures["accuracy"])
    loss, least, most = figures["log_loss"]
    first = [
        SYSTEMS[name][0],
        f"{accuracy:.2f} % ({low:.2f}-{high:.2f})",
        f"{loss:.4f} ({least:.4f}-{most:.4f})",
    ]
    return first + [form.format(figures[key]) for key, _, form in FIGURES]


def table(result: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    head = ["system", "accuracy (95 %)", "log loss (95 %)", *(title for _, title, _ in FIGURES)]
    rows = [cells(name, figures) for name, figures in result["systems"].items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def ratios(result: Mapping[str, Any]) -> list[str]:
    """Return what the comparison comes to, one sentence each."""
    systems, features = result["systems"], result["features"]
    ours = systems.get("hashed")
    speed = features["ours_mb_per_second"] / features["sklearn_mb_per_second"]
    fast, slow = features["ours_mb_per_second"], features["sklearn_mb_per_second"]
    both = f"{fast:.1f} MB/s; HashingVectorizer {slow:.1f} MB/s"
    lines = [f"Hashed 1-2-grams on one core: {both}: {speed:.1f} times as fast."]
    if ours and "fasttext" in systems:
        share = ours["train_wall_seconds"] / systems["fasttext"]["train_wall_seconds"]
        lines.append(f"Training takes {share:.2f} of fastText's wall time.")
    if ours and "tfidf" in systems:
        times = ours["reviews_per_second"] / systems["tfidf"]["reviews_per_second"]
        lines.append(
            f"Scoring on one core is {times:.1f} times as fast as TF-IDF + logistic regression."
        )
    return lines


def write_page(result: Mapping[str, Any], folder: Path) -> None:
    """Write benchmarks.json, benchmarks.svg and benchmarks.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot(result).savefig(folder / "benchmarks.svg", metadata={"Date": None})
    (folder / "benchmarks.md").write_text(page(result), encoding="utf-8")


def page(result: Mapping[str, Any]) -> str:
    """Return the page."""
    about = result["about"]
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    rows = next(iter(result["systems"].values()))["test_rows"]
    bullets = "\n".join(f"- {line}" for line in ratios(result))
    return f"""# Benchmarks

Written by `make bench`; the figures are in [benchmarks.json](benchmarks.json). \
Every system learns from the same
processed Parquet files and scores the same {rows:,} test rows, \
each phase in a process of its own, systems in turns,
medians of {about["rounds"]} rounds. Training may use {about["threads"]} threads, scoring one. \
Training is everything
from starting the process to the saved model; \
ours takes its validation rows out of the train rows, the peers learn
from all of them. Intervals: Wilson's for accuracy, bootstrap for log loss.

{about["date"]}, {about["processor"]}, {about["cores"]} cores (shared), {about["system"]}, \
Python {about["python"]},
{packages}; reviews: {about["source"]}.

{table(result)}

{bullets}

![Accuracy against training time, model size and speed](benchmarks.svg)

Absolute times are those of one shared machine and move from run to run; \
compare ratios within one run.
"""


def plot(result: Mapping[str, Any]) -> Figure:
    """Draw each figure as bars, one for each system, ours in blue."""
    panels = (
        ("accuracy", "accuracy on the test rows, %", False),
        ("train_wall_seconds", "training, wall seconds", False),
        ("model_mb", "model, MB (log scale)", True),
        ("reviews_per_second", "scoring, reviews/s (log scale)", True),
    )
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    names = list(result["systems"])[::-1]
    colours = [OURS if SYSTEMS[name][0].startswith("ours") else PEER for name in names]
    labels = [SYSTEMS[name][0].replace("scikit-learn ", "scikit-learn\n") for name in names]
    for place, (key, title, log) in enumerate(panels):
        axes = figure.add_subplot(2, 2, place + 1)
        found = [result["systems"][name][key] for name in names]
        if key == "accuracy":
            values = [100 * value for value, _, _ in found]
            errors = [
                [100 * (v - low) for v, low, _ in found],
                [100 * (high - v) for v, _, high in found],
            ]
            places = range(len(names))
            axes.errorbar(values, places, xerr=errors, fmt="none", ecolor="#4a5568", capsize=3)
            axes.scatter(values, places, color=colours, s=45, zorder=3)
            axes.set_yticks(places, labels)
        else:
            bars = axes.barh(labels, found, color=colours, log=log)
            shown = [f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in found]  # noqa: PLR2004
            axes.bar_label(bars, shown, padding=3)
            axes.margins(x=0.18)
        axes.set_title(title, fontsize=11)
        axes.tick_params(axis="y", labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
