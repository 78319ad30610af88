"""Sizes until decided, against looking after each request."""

import numpy as np
import pytest

from phasegate.gate.sequential import shows_above, shows_below
from phasegate.gate.statistics import tail
from tests.benchmarks import early


def test_without_a_failure_it_takes_what_the_docs_say(monkeypatch):
    monkeypatch.setattr(early, "RUNS", 3)
    met, not_met = early.until_decided(0.0)
    assert (met.tolist(), not_met.size) == ([3_787] * 3, 0)
    assert early.fixed(0.0) == 2_995


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_runs_end_where_looking_after_each_request_ends_them(monkeypatch, share):
    monkeypatch.setattr(early, "RUNS", 20)
    monkeypatch.setattr(early, "_FAILURES", 60)
    met, not_met = early.until_decided(share)
    failed_at = np.cumsum(np.random.default_rng(early._SEED).geometric(share, (20, 60)), axis=1)
    assert not_met.tolist() == [_looked_at(run.tolist()) for run in failed_at]
    assert met.size == 0


def _looked_at(failed_at: list[int]) -> int:
    failures = 0
    for n in range(1, failed_at[-1] + 1):
        failures += n in failed_at
        if shows_above(early.LIMIT, failures, n, early.CONFIDENCE):
            return n
        assert not shows_below(early.LIMIT, failures, n, early.CONFIDENCE)
    raise AssertionError("not decided")


@pytest.mark.parametrize("share", [0.0001, 0.0005])
def test_fixed_sample_has_its_power(share):
    """Of the sizes at which one more failure is allowed it is the first that is large enough."""
    n = early.fixed(share)
    allowed = max(f for f in range(100) if tail(n, 1 - early.LIMIT, n - f) <= 0.05)
    assert 1 - tail(n, share, allowed + 1) >= early.POWER


def test_fixed_sample_against_the_limit_has_its_power():
    n = early.fixed(0.01)
    needed = min(f for f in range(1, 100) if tail(n, early.LIMIT, f) <= 0.05)
    assert tail(n, 0.01, needed) >= early.POWER
