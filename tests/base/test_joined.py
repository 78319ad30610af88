from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.joined import holders, pieces, united

few = st.lists(st.integers(0, 40), max_size=5, unique=True).map(tuple)
many = st.lists(st.integers(0, 60), min_size=17, max_size=40, unique=True).map(tuple)
"""More than are copied."""


@given(few.filter(bool), few | many)
def test_what_is_united_is_the_tuple_that_it_comes_to(own, shared):
    whole, found = tuple(dict.fromkeys((*own, *shared))), united(own, shared)
    assert (tuple(found), len(found), found[0], found[-1]) == (whole, len(whole), whole[0], whole[-1])
    assert (found == whole, whole == found, found == (*whole, 99)) == (True, True, False)
    assert (hash(found), repr(found), found[1:]) == (hash(whole), repr(whole), whole[1:])
    assert [number in found for number in range(61)] == [number in whole for number in range(61)]


@given(many)
def test_a_long_tuple_is_shared(shared):
    assert united((), shared) is shared
    assert all(pieces(united((number,), shared))[-1] is shared for number in range(3))


@given(st.lists(few, max_size=8), few | many)
def test_who_has_what_is_told_in_order(own, shared):
    groups = [(f"g{number}", united(one, shared if number % 2 else ())) for number, one in enumerate(own)]
    expected: dict[int, list[str]] = {}
    for who, values in groups:
        for value in values:
            expected.setdefault(value, []).append(who)
    assert holders(groups) == {value: tuple(whos) for value, whos in expected.items()}
