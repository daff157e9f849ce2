"""Which labels a source has, and whether they were read as they are meant.

Labels of 0 and 1 under a mapping of 1 and 2 turn every positive review into a negative one and
look like half a data set of broken rows. Such a plausible wrong reading is refused.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from src.model.core.errors import SourceError
from src.model.core.settings.data import LABEL_PRESETS
from src.model.files import rows

_FITS = 0.99  # of all rows, where a mapping is the right one; a few may be broken
_NAMED, _LONGEST = 5, 20
_MOST = 1_000


@dataclass
class LabelsSeen:
    """How often each label occurs, the commonest of them, and each polarity among the kept rows."""

    labels: Counter[str] = field(default_factory=Counter)
    polarities: Counter[int] = field(default_factory=Counter)

    def add(self, labels: Mapping[str, int], polarities: Mapping[int, int]) -> None:
        """Count a block; of very many different labels only the commonest are remembered."""
        self.labels.update(labels)
        self.polarities.update(polarities)
        if len(self.labels) > _MOST:
            self.labels = Counter(dict(self.labels.most_common(_MOST // 2)))

    def unknown(self, mapping: Mapping[str, str]) -> dict[str, int]:
        """Return the commonest labels without a meaning, as they can be shown.

        A long one is a text in the wrong column and perhaps private: it is not repeated.
        """
        found = Counter[str]()
        for label, count in self.labels.items():
            if label not in mapping:
                found[label if len(label) <= _LONGEST else "a longer text"] += count
        return dict(found.most_common(_NAMED))

    def refuse_misread(self, mapping: Mapping[str, str]) -> None:
        """Raise SourceError where this mapping does not fit the labels, and another one does."""
        if better := better_reading(self.labels, mapping):
            msg = f"The labels are not those that are set. {self.said()}; set is {_said(mapping)}."
            hint = (
                f"They fit REVIEWS_LABELS={better} ({_said(LABEL_PRESETS[better])}). Set it, or "
                "write what they mean as JSON."
            )
            raise SourceError(msg, hint=hint)

    def refuse_one_sided(self, mapping: Mapping[str, str]) -> None:
        """Raise SourceError where all usable rows have one label: nothing can be learned there."""
        if len(kept := [polarity for polarity, count in self.polarities.items() if count]) == 1:
            label = "positive" if kept[0] == rows.POSITIVE else "negative"
            msg = (
                f"All {self.polarities.total():,} usable rows are {label}. {self.said()}; "
                f"set is {_said(mapping)}."
            )
            hint = "Check REVIEWS_LABELS and REVIEWS_COLUMN_POLARITY, or add the other half."
            raise SourceError(msg, hint=hint)

    def said(self) -> str:
        """Return the commonest labels, for a sentence."""
        return "Labels seen are " + counted(self.unknown({}))


def better_reading(seen: Mapping[str, int], mapping: Mapping[str, str]) -> str | None:
    """Return the preset that gives a meaning to nearly all labels, where `mapping` does not.

    >>> better_reading({"0": 512, "1": 498}, LABEL_PRESETS["polarity"])
    'binary'
    >>> better_reading({"1": 512, "2": 498, "0": 1}, LABEL_PRESETS["polarity"]) is None
    True
    """
    total = sum(seen.values())

    def share(known: Mapping[str, str]) -> float:
        return sum(count for label, count in seen.items() if label in known) / total

    if not total or share(mapping) >= _FITS:
        return None
    fitting = [name for name, preset in LABEL_PRESETS.items() if share(preset) >= _FITS]
    return fitting[0] if fitting else None


def counted(labels: Mapping[str, int]) -> str:
    """Return labels as people read them.

    >>> counted({"0": 1203, "": 1})
    '0 (1,203 rows), nothing (1 row)'
    """
    return ", ".join(
        f"{label or 'nothing'} ({count:,} row{'s' * (count != 1)})"
        for label, count in labels.items()
    )


def _said(mapping: Mapping[str, str]) -> str:
    return ", ".join(f"{label}: {meaning}" for label, meaning in mapping.items())
