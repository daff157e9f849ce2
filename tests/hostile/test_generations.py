"""A step that reads while another run replaces what it reads: one generation, or a failure."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Workspace

pytestmark = pytest.mark.slow

NEXT: list[tuple[str, ...]] = [
    ("data.ingest", "--source", "synthetic:2000@4"),
    ("data.split_batches",),
    ("data.preprocess_batch", "--batch", "0 1"),
    ("data.preprocess_test",),
]
READERS: dict[str, tuple[tuple[str, ...], str]] = {
    "train": (("pipeline.train", "--batches", "0 1"), "src.model.training.examples"),
    "tune": (("pipeline.tune", "--batches", "0 1", "--trials", "1"), "src.model.training.examples"),
    "evaluate": (("pipeline.evaluate",), "src.model.training.examine"),
    "findings": (("pipeline.findings", "--batches", "0 1"), "src.model.pipeline.findings"),
    "split": (("data.split_batches", "--force"), "src.model.data.split_batches"),
    "preprocess": (
        ("data.preprocess_batch", "--batch", "0 1", "--force"),
        "src.model.data.preprocess",
    ),
    "validate": (("data.validate", "--force"), "src.model.data.quality_parts"),
}


def replaced_after_one_block(read: Callable[..., Any], small: Workspace) -> Callable[..., Any]:
    """A reader during whose first block a whole other pipeline runs on the same folder."""
    begun: list[bool] = []

    def reading(*arguments: Any, **options: Any) -> Iterator[Any]:
        for block in read(*arguments, **options):
            if not begun:
                begun.append(True)
                for words in NEXT:
                    done = small.process(*words)
                    assert done.code in {0, 2}, done.err  # 2: the step holds its lease
            yield block

    return reading


@pytest.mark.parametrize("step", READERS)
def test_no_step_reads_two_generations(small: Workspace, step: str) -> None:
    """It ends well with what it began with, or with exit code 3; nothing mixed is ever current."""
    small.ok("pipeline.train", "--batches", "0")
    words, module = READERS[step]
    from src.model.files.tables import read_blocks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{module}.read_blocks", replaced_after_one_block(read_blocks, small))
        result = small.run(*words)

    assert result.code in {0, 2, 3}, result.err
    assert result.code == 0 or "Traceback" not in result.err
    for again in NEXT:  # and what is there now is one generation, or is made so
        small.ok(*again)
    assert small.ok("pipeline.train", "--batches", "0 1")["rows"]
