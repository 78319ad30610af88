from __future__ import annotations

import itertools
from graphlib import CycleError, TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from phasegate.plan.reading.order import Wish, cycle, resolve


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


_GRAPHS = st.integers(1, 8).flatmap(
    lambda n: st.fixed_dictionaries(
        {str(i): st.lists(st.sampled_from([str(j) for j in range(n)]), unique=True) for i in range(n)}
    )
)


@given(_GRAPHS)
def test_an_order_can_be_sorted_or_has_a_cycle(order: dict[str, list[str]]) -> None:
    found = cycle(order)
    try:
        TopologicalSorter(order).prepare()
    except CycleError:
        assert found is not None
        assert found[0] == found[-1]
        assert len(found) >= 2
        assert all(after in order[before] for before, after in itertools.pairwise(found))
    else:
        assert found is None
