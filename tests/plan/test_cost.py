"""What it costs to load a plan grows with its size, and no faster; counted in calls, which every machine
makes alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.loading import SHAPES, count_calls, lay_out, read

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", SHAPES)
def test_a_plan_of_twice_the_size_takes_at_most_twice_the_calls(name: str, tmp_path: Path) -> None:
    read(lay_out(tmp_path, SHAPES[name], 2))  # what is imported and remembered once is no cost of a plan
    plan = lay_out(tmp_path, SHAPES[name], 150)
    small = count_calls(lambda: read(plan))
    lay_out(tmp_path, SHAPES[name], 300)
    assert count_calls(lambda: read(plan)) <= 2.2 * small
