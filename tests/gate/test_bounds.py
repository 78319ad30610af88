"""One reading of a sample for each way it was taken."""

from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate import sequential, statistics
from phasegate.gate.bounds import Bounds

FIXED = Bounds(confidence=0.95)
ANY_TIME = Bounds(confidence=0.95, always_valid=True)
counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])
effects = st.floats(1, 50)


def test_a_fixed_sample_is_read_by_clopper_and_pearson():
    assert FIXED.lower(96, 100) == statistics.lower_bound(96, 100, 0.95)
    assert FIXED.upper_rank(0.95, 59) == 59
    assert FIXED.upper_rank(0.95, 58) is None
    assert FIXED.needed(0.999, 0) == 2_995


def test_a_sample_that_could_stop_is_read_by_always_valid_bounds():
    assert ANY_TIME.lower(4000, 4000) == 1 - sequential.upper_limit(0, 4000, 0.95)
    assert ANY_TIME.needed(0.999, 0) == 3_787
    assert ANY_TIME.upper_rank(0.95, 74) == 74
    assert ANY_TIME.upper_rank(0.95, 73) is None


def test_what_comes_together_needs_as_many_times_more():
    assert Bounds(confidence=0.95, effect=4.0).needed(0.999, 0) == 4 * 2_995
    assert Bounds(confidence=0.95, effect=4.0, always_valid=True).needed(0.999, 0) == 4 * 3_787


@given(st.integers(0, 20), st.integers(0, 3000), shares, effects, st.booleans())
def test_an_effect_never_shows_more(failures, more, share, effect, always_valid):
    plain = Bounds(confidence=0.95, always_valid=always_valid)
    clustered = Bounds(confidence=0.95, always_valid=always_valid, effect=effect)
    n = clustered.needed(share, failures) + more
    assert clustered.shows_at_least(share, n - failures, n)
    assert plain.shows_at_least(share, n - failures, n)


@given(counts, shares, st.booleans())
def test_the_rank_of_a_bound_is_the_first_that_shows_the_share(count, share, always_valid):
    bounds, (_, n) = Bounds(confidence=0.95, always_valid=always_valid), count
    rank = bounds.upper_rank(share, n)
    if rank is None:
        assert not bounds.shows_at_least(share, n, n)
    else:
        assert bounds.shows_at_least(share, rank, n)
        assert rank == 1 or not bounds.shows_at_least(share, rank - 1, n)
