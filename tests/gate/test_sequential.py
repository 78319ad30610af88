"""Always-valid bounds: held to their error exactly, by dynamic programming over every path of a run."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate import statistics
from phasegate.gate.sequential import (
    log_above,
    log_below,
    samples_needed,
    shows_above,
    shows_below,
    upper_limit,
)

LONGEST = 100_000
counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
limits = st.sampled_from([0.001, 0.01, 0.05, 0.2, 0.5, 0.9])


@st.composite
def shown(draw) -> tuple[float, int, int]:
    """A limit, failures and samples that show it."""
    limit, failures = draw(limits), draw(st.integers(0, 30))
    needed = samples_needed(limit, 0.95, failures)
    assert needed is not None
    return limit, failures, needed + draw(st.integers(0, 3000))


def mean_ratio(low: float, high: float, limit: float, failures: int, n: int) -> float:
    """The mean of likelihood ratios by the midpoint rule; with r = u**2 the weight 1 / sqrt(r) is even."""
    steps = 100_000
    u = math.sqrt(low) + (math.sqrt(high) - math.sqrt(low)) * (np.arange(steps) + 0.5) / steps
    r = u * u
    ratios = failures * np.log(r / limit) + (n - failures) * (np.log1p(-r) - math.log1p(-limit))
    return float(np.exp(ratios).mean())


@pytest.mark.parametrize(("limit", "failures", "n"), [(0.01, 2, 800), (0.05, 0, 90), (0.5, 30, 100)])
def test_evidence_is_a_mean_of_likelihood_ratios(limit, failures, n):
    assert math.isclose(
        math.exp(log_below(limit, failures, n)), mean_ratio(0, limit, limit, failures, n), rel_tol=1e-6
    )
    assert math.isclose(
        math.exp(log_above(limit, failures, n)), mean_ratio(limit, 1, limit, failures, n), rel_tol=1e-6
    )


@pytest.mark.parametrize(
    ("limit", "failures", "needed"),
    [(0.001, 0, 3_787), (0.001, 1, 6_655), (0.01, 0, 377), (0.05, 0, 74), (0.5, 0, 6)],
)
def test_samples_that_would_do(limit, failures, needed):
    assert samples_needed(limit, 0.95, failures) == needed
    assert shows_below(limit, failures, needed, 0.95)
    assert not shows_below(limit, failures, needed - 1, 0.95)


def test_nothing_shows_that_none_ever_fail():
    assert samples_needed(0.0, 0.95) is None
    assert not shows_below(0.0, 0, 10**6, 0.95)


@given(shown())
def test_looking_at_will_never_shows_more_than_a_sample_fixed_before(shown):
    limit, failures, n = shown
    assert shows_below(limit, failures, n, 0.95)
    assert statistics.shows_at_least(1 - limit, n - failures, n, 0.95)


@given(counts, limits)
def test_both_directions_are_never_shown_together(count, limit):
    failures, n = count
    assert not (shows_below(limit, failures, n, 0.95) and shows_above(limit, failures, n, 0.95))


@given(shown())
def test_one_more_failure_never_helps(shown):
    limit, failures, n = shown
    assert all(shows_below(limit, fewer, n, 0.95) for fewer in range(failures + 1))


@given(counts)
def test_upper_limit_is_the_edge_of_what_is_shown(count):
    failures, n = count
    edge = upper_limit(failures, n, 0.95)
    assert failures / n <= edge <= 1
    assert edge == 1 or shows_below(min(edge * (1 + 1e-9), 1.0), failures, n, 0.95)


def edges(limit: float, confidence: float, *, below: bool) -> list[int]:
    """By number of failures: the first sample that decides with them (below), or the last one (above).

    Edges are about as far apart as those before, so each is looked for around where they lead.
    """
    shows, step = (shows_below, 1) if below else (shows_above, -1)
    found: list[int] = []
    while not found or found[-1] <= LONGEST:
        failures = len(found)
        n = max(2 * found[-1] - found[-2] if failures > 1 else sum(found), failures, 1)
        while n >= failures and not shows(limit, failures, n, confidence):
            n += step
        while n - step >= failures and shows(limit, failures, n - step, confidence):
            n -= step
        found.append(n if n >= failures else 0)
    return found


@pytest.mark.parametrize("limit", [0.001, 0.05])
def test_edges_are_where_decisions_begin_and_end(limit):
    first, last = (edges(limit, 0.95, below=below) for below in (True, False))
    for failures in (0, 1, 2, 3, 40, len(first) - 1):
        assert first[failures] == samples_needed(limit, 0.95, failures)
    for failures in (1, 2, 3, 40, len(last) - 1):
        assert not shows_above(limit, failures, last[failures] + 1, 0.95)
        assert shows_above(limit, failures, last[failures], 0.95) or last[failures] == 0


def chance_to_cross(limit: float, error: float, *, below: bool) -> float:
    """The exact chance, at the boundary itself, that a run of `LONGEST` samples is ever decided.

    Shape: probabilities of (undecided, f failures) are carried on from sample to sample and looked at after
    each; what is decided leaves. Paths with a chance below 1e-18 count as decided.
    """
    decides = edges(limit, 1 - error, below=below)
    width = math.ceil(LONGEST * limit + 9 * math.sqrt(LONGEST * limit * (1 - limit))) + 20
    alive = np.zeros(width)
    alive[0], crossed = 1.0, 0.0
    edge, low, high = 0, 0, 0
    for n in range(1, LONGEST + 1):
        high = min(high + 1, width - 1)
        window = alive[low : high + 1]
        moved = window * (1 - limit)
        moved[1:] += window[:-1] * limit
        if below:
            while decides[edge] <= n:
                edge += 1
            gone = max(edge - low, 0)
            crossed += float(moved[:gone].sum())
            alive[low : high + 1] = moved
            low += gone
        else:
            while decides[edge] < n:
                edge += 1
            kept = min(edge - low, len(moved))
            crossed += float(moved[kept:].sum())
            moved[kept:] = 0
            alive[low : high + 1] = moved
            high = low + kept - 1
        if n % 64 == 0:  # what is too unlikely to matter counts as decided
            dead = (moved := alive[low : high + 1]) < 1e-18
            crossed += float(moved[dead].sum())
            moved[dead] = 0
            kept_places = np.flatnonzero(~dead)
            low, high = low + int(kept_places[0]), low + int(kept_places[-1])
    assert math.isclose(crossed + float(alive[low : high + 1].sum()), 1, rel_tol=1e-9)
    return crossed


@pytest.mark.slow
@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize(("limit", "error"), [(0.001, 0.05), (0.05, 0.05)])
def test_share_of_wrong_decisions_at_the_boundary_stays_within_the_error(limit, error, below):
    crossed = chance_to_cross(limit, error, below=below)
    assert error / 100 < crossed <= error
