"""What is ingested and how it is read, and what may be wrong with it."""

import json
import re
from typing import Any, Self

from pydantic import field_validator

from src.model.core.settings.group import Group, Positive, Share, setting

LABEL_PRESETS: dict[str, dict[str, str]] = {
    "polarity": {"1": "negative", "2": "positive"},
    "binary": {"0": "negative", "1": "positive"},
    "words": {"negative": "negative", "positive": "positive", "neutral": "drop"},
    "stars": {"1": "negative", "2": "negative", "3": "drop", "4": "positive", "5": "positive"},
}

WHOLE_NUMBER = r"^(-?\d+)\.0+$"
"""A whole number with a decimal point, as JSON and Parquet have them where some are missing."""


def label_key(value: str) -> str:
    """Return a label as it is looked up: without blanks, in lower case, 5 for 5.0.

    >>> label_key(" Positive "), label_key("5.0")
    ('positive', '5')
    """
    return re.sub(WHOLE_NUMBER, r"\1", value.strip().lower())


NO_TITLE = "none"


class SourceSettings(Group):
    """The source, which of its columns hold a review, and what its labels mean."""

    spec: str = setting(
        "kaggle:kritanjalijain/amazon-reviews",
        "What `ingest` reads when `--source` is not given.",
        "REVIEWS_SOURCE",
    )
    column_polarity: str = setting("polarity", "Column that holds the label.")
    column_title: str = setting(
        "title", "Column that holds the title; `none` where reviews have no titles."
    )
    column_text: str = setting("text", "Column that holds the review's text.")
    labels: dict[str, str] = setting(
        LABEL_PRESETS["polarity"],
        "`polarity` (1, 2), `binary` (0, 1), `words`, `stars` (1-2, 4-5; 3 dropped), or JSON: "
        "value to negative, positive or drop.",
    )
    test_share: Share = setting(
        0.1, "Rows held out where a source has no test file, by hash of row_id."
    )
    arrival_test_share: Share = setting(
        0.1, "Rows of what is added later (append=1) that join the test rows, by hash of row_id."
    )
    max_field_bytes: Positive = setting(
        1_048_576, "A longer title or text is quarantined, in bytes."
    )

    @property
    def has_titles(self) -> bool:
        """Whether the reviews have titles."""
        return self.column_title.lower() != NO_TITLE

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns, in the order of a file without a header."""
        titles = (self.column_title,) if self.has_titles else ()
        return self.column_polarity, *titles, self.column_text

    @property
    def is_default(self) -> bool:
        """Whether neither columns nor labels were set."""
        plain = type(self)()
        return (self.columns, self.labels) == (plain.columns, plain.labels)

    def reading(self, columns: tuple[str, str, str], labels: str) -> Self:
        """Return the same with other columns, for label, title and text, and a preset of labels."""
        names = dict(zip(("column_polarity", "column_title", "column_text"), columns, strict=True))
        return self.model_copy(update={**names, "labels": LABEL_PRESETS[labels]})

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_by_name_or_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value in LABEL_PRESETS:
            return LABEL_PRESETS[value]
        try:
            mapping = json.loads(value)
        except (ValueError, RecursionError):
            mapping = None
        if not isinstance(mapping, dict) or not mapping:
            msg = f"is none of {', '.join(LABEL_PRESETS)} and no JSON object"
            raise ValueError(msg)
        return {str(key): meaning for key, meaning in mapping.items()}

    @field_validator("labels")
    @classmethod
    def _labels_mean_something(cls, value: dict[str, str]) -> dict[str, str]:
        if wrong := sorted(set(value.values()) - {"negative", "positive", "drop"}):
            msg = f"maps to {', '.join(wrong)}; only negative, positive and drop are known"
            raise ValueError(msg)
        if not {"negative", "positive"} <= set(value.values()):
            msg = "must map something to negative and something to positive"
            raise ValueError(msg)
        looked_up = {label_key(label): meaning for label, meaning in value.items()}
        if len(looked_up) < len(value):
            msg = "names one label twice: capitals, blanks around it and .0 make no difference"
            raise ValueError(msg)
        return looked_up


class QualitySettings(Group):
    """Limits of `validate`, as shares of rows."""

    max_quarantined: Share = setting(
        0.05, "Rows the ingest set aside, dropped ratings not counted."
    )
    min_class: Share = setting(0.1, "Rows of the rarer label, per split.")
    max_empty_title: Share = setting(0.9, "Rows with an empty title.")
    max_empty_text: Share = setting(0.05, "Rows with an empty text.")
    max_duplicates: Share = setting(0.1, "Train rows that repeat an earlier row exactly.")
    max_conflicts: Share = setting(0.01, "Train rows whose same title and text carry both labels.")
    max_overlap: Share = setting(0.01, "Test rows that also stand in train.")
    max_encoding_damage: Share = setting(0.02, "Rows with replacement characters or mojibake.")
    max_other_language: Share = setting(
        0.2, "Rows that do not look like REVIEWS_LANGUAGE by their most frequent words."
    )
    max_shift: Share = setting(
        0.8,
        "How far a share of the test rows, or of an arrival, may be from that of the train rows.",
    )
    shift_noticed: Share = setting(
        0.1, "From here such a difference is said; it stops nothing.", "REVIEWS_SHIFT_NOTICED"
    )

    @property
    def limits(self) -> dict[str, float]:
        """The limit of each check, by the check's name."""
        return {
            name.removeprefix("max_").removeprefix("min_"): limit
            for name, limit in self.model_dump().items()
        }
