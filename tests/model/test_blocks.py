"""Equal pieces of time: few, whole, and the same whichever order things came in."""

import random

from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.blocks import Pieces, time_blocks
from phasegate.model.histogram import Histogram

moments = st.lists(
    st.tuples(st.floats(0, 5000), st.one_of(st.none(), st.integers(1, 10**10))), min_size=1, max_size=200
)


def filled(found: list[tuple[float, int | None]]) -> Pieces:
    pieces = time_blocks()
    for at, nanoseconds in found:
        if nanoseconds is None:
            pieces.at(at).failed += 1
        else:
            pieces.at(at).add(nanoseconds)
    return pieces


@given(moments)
def test_pieces_hold_everything_and_are_never_many(found):
    pieces = filled(found)
    blocks = pieces.blocks()
    assert len(blocks) <= 64
    assert sum(total for total, _ in pieces.shares()) == len(found)
    assert sum(failed for _, failed in pieces.shares()) == sum(ns is None for _, ns in found)
    whole = Histogram()
    for block in blocks:
        whole = whole.merge(block.good)
    assert whole == Histogram.of_nanoseconds(ns for _, ns in found if ns is not None)


@given(moments, st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(found: list[tuple[float, int | None]], draw: random.Random):
    mixed = list(found)
    draw.shuffle(mixed)
    assert filled(found).shares() == filled(mixed).shares()
    assert filled(found).blocks() == filled(mixed).blocks()


def test_a_sample_has_thirty_pieces_from_the_first_moments_on():
    for seconds in (0.05, 1.0, 60.0, 3600.0):
        steps = [(seconds * k / 2000, 1_000_000) for k in range(2000)]
        assert 32 <= len(filled([*steps]).blocks()) <= 64


def test_good_ones_without_a_duration_count_in_shares_only():
    pieces = time_blocks()
    pieces.at(0.0).unmeasured += 1
    assert pieces.shares() == ((1, 0),)
    assert pieces.blocks() == ()
