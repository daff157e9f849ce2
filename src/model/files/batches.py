"""Which batches a command means: `0 1 2`, `0,1,2`, `0-4`, mixtures of these, or `all`."""

import re
from collections.abc import Iterable

from src.model.core.errors import UsageError

_PART = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")


def as_ranges(numbers: Iterable[int]) -> str:
    """Return batch numbers as short as `parse_batches` takes them.

    >>> as_ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)


def parse_batches(value: str, count: int) -> tuple[int, ...]:
    """Return the batch numbers of `value`, sorted, each once; valid ones are 0 to count - 1.

    Raises:
        UsageError: anything else, naming the part that does not fit.
    """
    wanted = value.strip()
    if wanted == "all":
        return tuple(range(count))
    if not wanted:
        msg = "No batch is named."
        example = "make model-train batches=0, make model-preprocess-batch batch=0"
        raise UsageError(msg, hint=f'Write "0 1 2", 0,1,2, 0-{count - 1} or all: {example}.')
    numbers: set[int] = set()
    for part in re.split(r"\s*,\s*|\s+", wanted):
        match = _PART.fullmatch(part)
        if match is None:
            shown = f"{part!r} in {value!r}" if part else f"The empty part of {value!r}"
            msg = f"{shown} names no batch."
            raise UsageError(msg, hint=f'Write "0 1 2", 0,1,2, 0-{count - 1} or all.')
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            msg = f"{part} runs backwards."
            raise UsageError(msg, hint=f'Write "0 1 2", 0,1,2, 0-{count - 1} or all.')
        if last >= count:
            msg = f"Batch {part} does not exist: there are {count}, 0 to {count - 1}."
            raise UsageError(msg, hint=f'Write "0 1 2", 0,1,2, 0-{count - 1} or all.')
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))
