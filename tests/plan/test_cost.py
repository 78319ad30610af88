"""What it costs to load a plan grows with its size, and no faster; counted in calls, which every machine
makes alike."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from tests.benchmarks.loading import SHAPES, lay_out, read

pytestmark = pytest.mark.slow


def calls(plan: Path) -> int:
    """How many functions are called, of Python and of C, to load a plan."""
    count = 0

    def see(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        read(plan)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", SHAPES)
def test_a_plan_of_twice_the_size_takes_at_most_twice_the_calls(name: str, tmp_path: Path) -> None:
    read(lay_out(tmp_path, SHAPES[name], 2))  # what is imported and remembered once is no cost of a plan
    small = calls(lay_out(tmp_path, SHAPES[name], 150))
    large = calls(lay_out(tmp_path, SHAPES[name], 300))
    assert large <= 2.2 * small
