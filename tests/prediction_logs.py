"""Prediction logs as the API writes them, of reviews that a real model reads."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.model.core.artifact import DESCRIPTION
from src.model.core.digest import sha256
from src.model.core.labels import label_names
from src.model.core.models import load_model
from src.model.core.prediction_row import FeedbackRow, PredictionRow, Row, encode


@dataclass
class LogWriter:
    """Writes days of a log: predictions of a model on reviews, and labels on them."""

    root: Path
    model_folder: Path
    version: str = "1"
    text: bool = False
    _parts: int = field(default=0)
    _ids: int = field(default=0)

    def predictions(
        self, day: str, titles: Sequence[str], texts: Sequence[str], **changes: Any
    ) -> list[PredictionRow]:
        """Return a row for each review, all of them predicted on a day."""
        found = load_model(self.model_folder).read(titles, texts)
        digest = sha256(self.model_folder / DESCRIPTION)
        labels = label_names(found.probability)
        rows = []
        for place, (title, text) in enumerate(zip(titles, texts, strict=True)):
            self._ids += 1
            row = PredictionRow(
                time=f"{day}T{place % 24:02d}:00:00.000+00:00",
                request_id=f"request-{self.version}-{self._ids}",
                role="champion",
                model="amazon-reviews-sentiment",
                version=self.version,
                digest=digest,
                label=labels[place],
                probability=float(found.probability[place]),
                abstained=bool(found.abstained[place]),
                title_tokens=int(found.title_tokens[place]),
                tokens=int(found.tokens[place]),
                unknown_share=float(found.unknown_share[place]),
                language_share=float(found.language_share[place]),
                title=title if self.text else None,
                message=text if self.text else None,
            )
            rows.append(row._replace(**changes))
        return rows

    def labels(
        self, day: str, rows: Sequence[PredictionRow], positive: Sequence[bool], client: str = ""
    ) -> list[FeedbackRow]:
        """Return what people said of predictions, on a day."""
        return [
            FeedbackRow(
                f"{day}T{place % 24:02d}:30:00.000+00:00",
                row.request_id,
                "positive" if true else "negative",
                client,
            )
            for place, (row, true) in enumerate(zip(rows, positive, strict=True))
        ]

    def write(self, day: str, rows: Sequence[Row], size: int = 2_000) -> list[Path]:
        """Write rows as parts of a day."""
        paths = []
        for start in range(0, len(rows), size):
            lines = [encode(row) for row in rows[start : start + size]]
            paths.append(self.raw(day, "\n".join(lines).encode() + b"\n"))
        return paths

    def raw(self, day: str, content: bytes) -> Path:
        """Write any content as a part."""
        self._parts += 1
        stamp = f"{day.replace('-', '')}T000000-1-{self._parts:08x}"
        path = self.root / day / f"{stamp}.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 5, mtime=0))
        return path
