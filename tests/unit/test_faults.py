"""The list of planted faults fits what it is planted in."""

import pytest

from tests.conftest import ROOT
from tools.infra.faults import Fault, page, read_faults

FAULTS = read_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_a_fault_has_its_place(fault: Fault) -> None:
    text = (ROOT / fault.file).read_text(encoding="utf-8")

    assert fault.planted(text) != text


def test_there_are_enough_and_each_is_told_from_others() -> None:
    assert len(FAULTS) >= 30
    assert len(FAULTS) == len({one.name for one in FAULTS}) == len({(one.file, one.new, one.old)
                                                                    for one in FAULTS})  # fmt: skip


def test_what_nothing_saw_is_shown() -> None:
    one, two = FAULTS[:2]
    shown = page([one, two], {one.name: "infra/test_plan.py::test_x", two.name: ""})

    assert "1 of 2 were seen" in shown
    assert f"| {two.name} | `{two.file}` | **nothing** |" in shown
