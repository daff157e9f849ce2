"""Row identity and splits."""

import numpy as np

from src.model.core.labels import label_names
from src.model.files.rows import batch_numbers, is_test, is_validation, row_ids

IDS = row_ids([f"title {i}" for i in range(20_000)], [f"text {i}" for i in range(20_000)])


def test_an_id_is_the_same_on_every_machine() -> None:
    """The id is fixed: data split today and data split next year must agree."""
    assert [6286191171821749376, 11720498701971786396] == row_ids(
        ["Great", ""], ["I love it", "né"]
    ).tolist()


def test_title_and_text_do_not_run_together() -> None:
    """Moving a word from the title to the text makes another row."""
    assert 2 == len(set(row_ids(["a b", "a"], ["c", "b c"]).tolist()))


def test_batches_are_about_equal() -> None:
    """Ten batches of 20,000 rows hold about 2,000 each."""
    counts = np.bincount(batch_numbers(IDS, 10), minlength=10)

    assert 10 == counts.size
    assert (np.abs(counts - 2_000) < 200).all()


def test_splits_are_independent_of_each_other() -> None:
    """Every batch has its 5 % validation rows, and a tenth of those would be test rows."""
    validation, batch, test = is_validation(IDS, 0.05), batch_numbers(IDS, 10), is_test(IDS, 0.1)

    assert abs(validation.mean() - 0.05) < 0.005
    assert abs(validation[batch == 3].mean() - 0.05) < 0.015
    assert abs(test[validation].mean() - 0.1) < 0.04


def test_a_share_of_nothing_and_of_everything() -> None:
    """Shares of 0 and 1 choose no row and every row."""
    assert not is_test(IDS, 0.0).any()
    assert is_test(IDS, 1.0).all()


def test_half_is_positive() -> None:
    """The threshold itself counts as positive."""
    assert ["negative", "undecided", "positive"] == label_names(np.array([0.49, 0.5, 1.0]))
