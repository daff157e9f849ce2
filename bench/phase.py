"""One phase of one system in a process of its own.

`python -m bench.phase train|score|features SYSTEM DATA MODEL` prints one JSON object. The parent
measures wall and CPU seconds and peak memory of the whole process.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.rows import test_rows, train_parts
from bench.systems import SYSTEMS

_LEAST_DOCUMENTS = 20_000
_SINGLE = 1_000
_FEATURE_ROWS = 5_000
_FEATURE_ROUNDS = 3


def train(system: str, data: Path, model: Path) -> dict[str, Any]:
    """Learn and save."""
    SYSTEMS[system][1].train(data, model)
    return {}


def score(system: str, data: Path, model: Path) -> dict[str, Any]:
    """Load and score the test rows: all at once as often as makes 20,000, and one by one."""
    begun = time.perf_counter()
    predict = SYSTEMS[system][1].load(model)
    loaded = time.perf_counter() - begun
    rows = test_rows(data)
    probability = predict(rows.titles, rows.texts)
    times = -(-_LEAST_DOCUMENTS // len(rows.titles))
    titles, texts = rows.titles * times, rows.texts * times
    begun = time.perf_counter()
    predict(titles, texts)
    many = time.perf_counter() - begun
    singles = []
    for place in np.random.default_rng(0).integers(len(rows.titles), size=_SINGLE).tolist():
        title, text = rows.titles[place : place + 1], rows.texts[place : place + 1]
        begun = time.perf_counter()
        predict(title, text)
        singles.append(time.perf_counter() - begun)
    return {
        "positive": rows.positive.astype(int).tolist(),
        "probability": np.asarray(probability, float).tolist(),
        "load_seconds": loaded,
        "reviews_per_second": len(titles) / many,
        "one_review_us": float(np.median(singles)) * 1e6,
    }


def features(_system: str, data: Path, _model: Path) -> dict[str, Any]:
    """Turn the same reviews into hashed 1-2-grams, ours and scikit-learn's in turns.

    Return MB of text per second.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    from src.model.core.hashing import bucket_chunks

    rows = next(train_parts(data))
    titles, texts = rows.titles[:_FEATURE_ROWS], rows.texts[:_FEATURE_ROWS]
    documents = rows.documents[:_FEATURE_ROWS]
    vectorizer = HashingVectorizer(ngram_range=(1, 2), n_features=1 << 22)

    def ours() -> None:
        for _ in bucket_chunks(titles, texts, bits=22, n=2):
            pass

    works: dict[str, Callable[[], object]] = {
        "ours": ours,
        "sklearn": lambda: vectorizer.transform(documents),
    }
    size = sum(len(document.encode()) for document in documents) / 1e6
    speeds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_FEATURE_ROUNDS):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            speeds[name].append(size / (time.perf_counter() - begun))
    return {f"{name}_mb_per_second": float(np.median(found)) for name, found in speeds.items()}


def main(argv: list[str]) -> int:
    phase, system, data, model = argv
    work = {"train": train, "score": score, "features": features}[phase]
    answer = work(system, Path(data), Path(model))
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
