"""The design effect: what failures that come together take from a sample."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate.clusters import FEWEST_BLOCKS, design_effect

blocks = st.lists(
    st.integers(0, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=64
)


def test_worked_example_of_forty_blocks_with_all_failures_in_one():
    # p = 5/4000; v = 40/39 * ((5 - .125)**2 + 39 * .125**2) / 4000**2; t of 39 is 1.685, z is 1.645
    assert design_effect([(100, 0)] * 39 + [(100, 5)], 0.95) == pytest.approx(5.253, abs=0.001)


def test_failures_spread_evenly_cost_nothing():
    assert design_effect([(100, 1)] * 40, 0.95) == 1.0


@pytest.mark.parametrize("failed", [0, 1])
def test_nothing_can_come_together_alone(failed):
    assert design_effect([(100, failed)], 0.95) == 1.0
    assert design_effect([(100, 100 - failed)], 0.95) == 1.0


def test_too_few_blocks_tell_nothing():
    few = [(100, 3)] * (FEWEST_BLOCKS - 1)
    assert design_effect(few, 0.95) is None
    assert design_effect([*few, (0, 0)], 0.95) is None
    assert design_effect([*few, (100, 3)], 0.95) == 1.0


def test_whole_blocks_that_fail_make_each_block_one_observation():
    effect = design_effect([(100, 100), *[(100, 0)] * 19] * 2, 0.95)
    assert effect is not None
    assert 80 < effect < 120


def test_independent_failures_are_mostly_left_alone():
    draw = random.Random(7)
    effects = sorted(
        design_effect([(100, sum(draw.random() < 0.02 for _ in range(100))) for _ in range(60)], 0.95) or 0
        for _ in range(200)
    )
    assert effects[100] < 1.2
    assert effects[190] < 1.6


@given(blocks)
def test_a_sample_is_never_worth_more_than_it_is(found):
    n = sum(total for total, _ in found)
    effect = design_effect(found, 0.95)
    assert effect is None or effect >= 1.0
    if n == 0:
        assert effect == 1.0
