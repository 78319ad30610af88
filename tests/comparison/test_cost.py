"""What it costs to compare two plans grows with their size, and no faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.comparison.compare import compare_all
from phasegate.comparison.side import Side
from phasegate.kinds import KINDS
from phasegate.plan.loader import load_each
from tests.benchmarks.loading import SHAPES, count_calls, lay_out

pytestmark = pytest.mark.slow


def sides(folder: Path, name: str, count: int) -> dict[str, Side]:
    plans = load_each(lay_out(folder, SHAPES[name], count), kinds=KINDS, env={})
    return {environment: Side(plan=one.plan, unread=one.unread) for environment, one in plans.items()}


@pytest.mark.parametrize("name", ["checks", "criteria", "steps", "budgets", "faults", "suite"])
def test_plans_of_twice_the_size_take_at_most_twice_the_calls(name: str, tmp_path: Path) -> None:
    def cost(count: int) -> int:
        before, after = sides(tmp_path, name, count), sides(tmp_path, name, count)
        return count_calls(lambda: compare_all(before, after))

    cost(2)  # what is imported and remembered once is no cost of a plan
    assert cost(200) <= 2.2 * cost(100)
