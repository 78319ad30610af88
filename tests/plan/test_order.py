from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.plan.order import Wish, cycle, resolve, waves


def test_a_step_that_says_nothing_follows_the_one_above_it() -> None:
    assert resolve([Wish(id="a"), Wish(id="b"), Wish(id="c")]) == {"a": (), "b": ("a",), "c": ("b",)}


def test_an_empty_needs_frees_a_step() -> None:
    assert resolve([Wish(id="a"), Wish(id="b", needs=())]) == {"a": (), "b": ()}


def test_needs_and_after_are_waited_for_alike() -> None:
    order = resolve([Wish(id="a"), Wish(id="b"), Wish(id="c", needs=("a",), after=("b", "a"))])
    assert order["c"] == ("a", "b")


def test_a_cycle_is_named_from_its_first_step_back_to_it() -> None:
    assert cycle({"x": (), "a": ("c",), "b": ("a",), "c": ("x", "b")}) == ("a", "c", "b", "a")


def test_a_step_that_waits_for_itself_is_a_cycle() -> None:
    assert cycle({"a": ("a",)}) == ("a", "a")


def test_waves_hold_steps_that_can_start_together() -> None:
    order = {"a": (), "b": ("a",), "c": (), "d": ("b", "c")}
    assert waves(order) == [("a", "c"), ("b",), ("d",)]


def test_waves_of_a_cycle_do_not_exist() -> None:
    with pytest.raises(ValueError, match="cycle"):
        waves({"a": ("b",), "b": ("a",)})


_GRAPHS = st.integers(1, 8).flatmap(
    lambda n: st.fixed_dictionaries(
        {str(i): st.lists(st.sampled_from([str(j) for j in range(n)]), unique=True) for i in range(n)}
    )
)


@given(_GRAPHS)
def test_an_order_has_either_waves_or_a_cycle(order: dict[str, list[str]]) -> None:
    found = cycle(order)
    if found is None:
        groups = waves(order)
        rank = {step: index for index, group in enumerate(groups) for step in group}
        assert set(rank) == set(order)
        assert all(rank[other] < rank[step] for step, others in order.items() for other in others)
    else:
        assert found[0] == found[-1]
        assert len(found) >= 2
        assert all(after in order[before] for before, after in itertools.pairwise(found))
        with pytest.raises(ValueError, match="cycle"):
            waves(order)
