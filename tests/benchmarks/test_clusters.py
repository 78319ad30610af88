"""The simulated services are what the tables say they are."""

from functools import partial

import numpy as np
import pytest

from tests.benchmarks import clusters


@pytest.mark.parametrize(
    ("service", "share"),
    [
        (partial(clusters.independent, 0.01), 0.01),
        (partial(clusters.outages, 0.01, 0.1), 0.01),
        (partial(clusters.outages, 0.2, 1.0), 0.2),
        (partial(clusters.drifting, 0.05, 0.1), 0.05),
    ],
)
def test_share_of_failures_is_as_asked(monkeypatch, service, share):
    monkeypatch.setattr(clusters, "RUNS", 400)
    failed = sum(int(run.sum()) for run in service(np.random.default_rng(1), 20))
    assert failed / (400 * 20 * clusters.RATE) == pytest.approx(share, rel=0.1)


def test_outages_last_as_long_as_asked(monkeypatch):
    monkeypatch.setattr(clusters, "RUNS", 200)
    runs = [run.sum() for run in clusters.outages(0.001, 1.0, np.random.default_rng(1), 60)]
    whole = [failed for failed in runs if failed == clusters.RATE]
    assert 0 < sum(failed > 0 for failed in runs) < 40
    assert whole, "most of the outages fall into the run with both ends"


def test_pieces_are_those_of_a_run():
    places = clusters.pieces(15)
    assert len(places) == 15 * clusters.RATE
    assert 32 <= len(np.bincount(places)) <= 64
    assert set(np.bincount(places)[:-1].tolist()) <= {63, 64, 65}
