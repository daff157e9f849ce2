"""Ways to name batches."""

import pytest

from src.model.core.errors import UsageError
from src.model.files.batches import parse_batches


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0 1 2", (0, 1, 2)),
        ("0,1,2", (0, 1, 2)),
        ("0-4", (0, 1, 2, 3, 4)),
        ("all", tuple(range(10))),
        (" 3 , 1 ", (1, 3)),
        ("5 0-1,5", (0, 1, 5)),
        ("9", (9,)),
    ],
)
def test_lists_ranges_and_all(given: str, expected: tuple[int, ...]) -> None:
    """Blanks, commas and ranges mix; batches come sorted, each once."""
    assert expected == parse_batches(given, 10)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("5,", "The empty part of '5,'"),
        ("x", "'x'"),
        ("11", "Batch 11 does not exist: there are 10, 0 to 9."),
        ("4-2", "4-2 runs backwards"),
        ("0-10", "Batch 0-10"),
        ("-1", "'-1'"),
        ("", "No batch is named"),
        ("1.0", "'1.0'"),
        ("all 3", "'all'"),
        ("٣", "'٣'"),
        ("99999", "'99999'"),
    ],
)
def test_anything_else_is_refused_by_name(given: str, named: str) -> None:
    """The message names the part that does not fit, the hint shows the forms that do."""
    with pytest.raises(UsageError) as caught:
        parse_batches(given, 10)

    assert named in caught.value.message
    assert '"0 1 2", 0,1,2, 0-9 or all' in caught.value.hint
