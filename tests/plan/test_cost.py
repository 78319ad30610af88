"""What it costs to load a plan grows with its size, and no faster; counted in calls, which every machine
makes alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from phasegate.base.errors import PlanError
from tests.benchmarks.loading import SHAPES, WRONG_SHAPES, Shape, count_calls, lay_out, read, refuse

pytestmark = pytest.mark.slow


def growth(shape: Shape, act: Callable[[Path], None], folder: Path) -> float:
    """The calls for a plan, by those for one of half its size."""
    act(lay_out(folder, shape, 2))  # what is imported and remembered once is no cost of a plan
    plan = lay_out(folder, shape, 150)
    small = count_calls(lambda: act(plan))
    lay_out(folder, shape, 300)
    return count_calls(lambda: act(plan)) / small


@pytest.mark.parametrize("name", SHAPES)
def test_a_plan_of_twice_the_size_takes_at_most_twice_the_calls(name: str, tmp_path: Path) -> None:
    assert growth(SHAPES[name], read, tmp_path) <= 2.2


@pytest.mark.parametrize("name", WRONG_SHAPES)
def test_so_does_a_plan_whose_checks_name_a_wrong_file(name: str, tmp_path: Path) -> None:
    assert growth(WRONG_SHAPES[name], refuse, tmp_path) <= 2.2


HEAD, TARGET = "phasegate: 1\nphase: p\ntitle: t\n", "target: {external: {a: {url: 'http://127.0.0.1:1'}}}\n"
MANY = 600
PRODUCTS = {
    "environments": (
        "variables: {v: a}\nenvironments:\n"
        + "".join(f"  e{n}: {{variables: {{v: b{n}}}}}\n" for n in range(MANY)),
        "".join(f"      - {{id: c{n}, kind: health, url: /{n}}}\n" for n in range(MANY)),
        "the plan, read with each of its environments, comes to more than 24,000,000 characters",
    ),
    "entries of each": (
        "x-e: &e\n" + "".join(f"  k{n}: {n}\n" for n in range(MANY)),
        "".join(
            f"      - {{id: c{n}, kind: health, url: '/${{each}}', headers: {{{headers}}}, each: *e}}\n"
            for headers in [", ".join(f"h{n}: v" for n in range(MANY))]
            for n in range(5)
        ),
        "what checks say, with each entry of 'each', comes to more than 24,000,000 characters",
    ),
    "variables": (
        "variables:\n  v0: aaaaaaaaaa\n"
        + "".join(f'  v{n + 1}: "${{v{n}}}${{v{n}}}"\n' for n in range(MANY)),
        "      - {id: c, kind: health, url: /}\n",
        "what is put in for names comes to more than 50,000,000 characters, at ${v21}",
    ),
    "variables that are lists": (
        "variables:\n  v0: [a]\n" + "".join(f'  v{n + 1}: ["${{v{n}}}", "${{v{n}}}"]\n' for n in range(MANY)),
        "      - {id: c, kind: health, url: /}\n",
        "what is put in for names comes to more than 50,000,000 characters, at ${v17}",
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_plan_that_comes_to_far_more_than_is_written_is_refused(name: str, tmp_path: Path) -> None:
    head, checks, why = PRODUCTS[name]
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"{HEAD}{head}{TARGET}steps:\n  - id: one\n    checks:\n{checks}")
    with pytest.raises(PlanError) as refused:
        read(plan)
    assert [problem.message for problem in refused.value.problems] == [why]
