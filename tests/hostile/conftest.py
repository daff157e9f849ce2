"""One process that has imported everything, for all commands of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.forker import Forker, forker


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    folder: Path = tmp_path_factory.mktemp("forked")
    with forker(folder) as found:
        yield found
