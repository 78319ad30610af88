from __future__ import annotations

import pytest

from tests.benchmarks.rates import LADDER, TRIES, highest, ladder
from tests.benchmarks.tools.measure import CannotRunError


def test_a_ladder_has_rates_of_two_digits_within_its_ends() -> None:
    assert ladder(500, 700, 1.1) == (500, 550, 600, 670)


@pytest.mark.parametrize("limit", [LADDER[0], LADDER[1], 4_321, 60_000, LADDER[-1], 10_000_000])
def test_the_highest_rate_is_the_last_rung_that_holds(limit: int) -> None:
    assert highest(lambda rate: rate <= limit) == max(rate for rate in LADDER if rate <= limit)


def test_one_failed_try_of_a_rate_is_forgiven() -> None:
    tries: dict[int, int] = {}

    def holds(rate: int) -> bool:
        tries[rate] = tries.get(rate, 0) + 1
        return rate <= 60_000 and tries[rate] == TRIES

    assert highest(holds) == max(rate for rate in LADDER if rate <= 60_000)


def test_where_no_rate_holds_there_is_no_figure() -> None:
    with pytest.raises(CannotRunError, match="does not hold even 500/s"):
        highest(lambda rate: False)
