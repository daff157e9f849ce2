"""What each data step counts, as its manifest and its answer have it."""

from src.model.core.records import Record


class IngestCounts(Record):
    """Rows in, those kept by split, those set aside by reason, and columns left behind.

    `rows_in` is the sum of `train`, `test`, all of `quarantined` and, of an arrival, the rows that
    were `already_there`; `unknown_labels` are the commonest labels that no meaning is set for, with
    their rows.
    """

    rows_in: int
    train: int
    test: int
    quarantined: dict[str, int]
    ignored_columns: list[str]
    unknown_labels: dict[str, int]
    already_there: int = 0


class ValidateCounts(Record):
    """How many checks there were, and whether all passed; `failed` are the parts where not."""

    checks: int
    passed: bool
    failed: list[str] = []


class SplitCounts(Record):
    """Rows in, and rows of every batch in their order."""

    rows_in: int
    rows: list[int]


class CleanCounts(Record):
    """Rows in, rows kept, and rows set aside by reason; `arrived` of the kept came later."""

    rows_in: int
    rows: int
    quarantined: dict[str, int]
    arrived: int = 0
