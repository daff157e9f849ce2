"""What decides a model, and the fit itself: data, learner and parameters in, model files out."""

import hashlib
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.model.command import Context
from src.model.data.manifest import code_digest
from src.model.data.storage import saying_what_failed
from src.model.learners.base import Fitted, Learner, Reviews
from src.model.learners.counts import COUNTS, write_counts
from src.model.pipeline.inputs import Processed, training_blocks, validation_rows
from src.model.pipeline.warm_start import WarmStart
from src.model.provenance import lock_digest

HISTORY = "history.json"


@dataclass(frozen=True)
class Plan:
    """Everything that decides a model: equal plans have equal fingerprints and make equal models."""

    learner: Learner
    batches: tuple[int, ...]
    files: Sequence[Processed]
    validation_share: float
    warm: WarmStart | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "learner": self.learner.name,
            "batches": " ".join(map(str, self.batches)),
            "validation_share": self.validation_share,
            **{f"{self.learner.name}.{key}": value for key, value in self.learner.parameters.items()},
            **({"warm_start": self.warm.version.tags["fingerprint"]} if self.warm else {}),
        }

    @property
    def fresh(self) -> Sequence[Processed]:
        """The files to learn from."""
        return self.warm.fresh if self.warm else self.files

    @property
    def learned(self) -> list[int]:
        """The numbers of the batches to learn from."""
        return [number for number, file in zip(self.batches, self.files, strict=True) if file in self.fresh]

    @property
    def code(self) -> str:
        return code_digest("learners", "artifact.py", "classifier.py", "labels.py", "rows.py", "text.py", "weights.py")

    @property
    def fingerprint(self) -> str:
        decisive = [self.parameters, self.code, lock_digest(), [file.sha256 for file in self.files]]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def fit_into(folder: Path, plan: Plan, context: Context, record: Mapping[str, str]) -> None:
    """Learn, and write model and history to `folder`, which appears when they are whole.

    Raises:
        DataError: the rows cannot be learned from.
        DivergedError: training left the finite numbers.
        StorageError: the disk is full, or a file cannot be read.
    """
    storage, share, rows = context.storage, plan.validation_share, 0

    def blocks() -> Iterator[Reviews]:
        nonlocal rows
        rows = 0
        for block in training_blocks(storage, plan.fresh, share):
            rows += len(block)
            yield block

    begun = time.perf_counter()
    with saying_what_failed(folder), context.progress(f"Training {plan.learner.name}") as advance:
        fitted: Fitted = plan.learner.fit(blocks, validation_rows(storage, plan.files, share), advance)
    story = {
        "axis": fitted.axis,
        "history": [{"step": point.step, "metrics": dict(point.metrics)} for point in fitted.history],
        "seconds": time.perf_counter() - begun,
        "rows": rows,
        "peak_mb": _peak_mb(),
    }
    with saying_what_failed(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            made = Path(aside) / "whole"
            (made / "model").mkdir(parents=True)
            training: dict[str, Any] = {
                **record,
                "parameters": plan.parameters,
                "inputs": [asdict(file) for file in plan.files],
            }
            if plan.warm:
                training["warm_start_version"] = plan.warm.version.number
            if fitted.counts is not None:
                training["counts_sha256"] = write_counts(made / "model" / COUNTS, fitted.counts)
            fitted.model.save(made / "model", training)
            (made / HISTORY).write_text(json.dumps(story), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            made.replace(folder)


def _peak_mb() -> float:
    """Return the most memory this process has held, in MB; macOS counts in bytes, others in kibibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def serving_bytes(folder: Path) -> int:
    """Return the size of a model's files without those that only a later training needs."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != COUNTS)
