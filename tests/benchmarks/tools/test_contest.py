from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tests.benchmarks.tools.contest import Contender, side_by_side
from tests.benchmarks.tools.measure import CannotRunError


def _fixed(*figures: float, name: str = "ours", aim: float | None = None) -> Contender:
    rounds: Iterator[float] = cycle(figures)
    return Contender(name, lambda url: next(rounds), aim)


def _cells(text: str, name: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_median_of_the_ratios_within_rounds_stands_beside_its_aim() -> None:
    other = _fixed(100, 200, 250, name="other", aim=2.5)
    text = side_by_side("title", [_fixed(300, 200, 1_000), other], "url", rounds=3)
    assert _cells(text, "ours")[-3:] == ["300", "", ""]
    assert _cells(text, "other")[-3:] == ["200", "3.00 times", "2.5"]


def test_a_ratio_below_its_aim_is_called_missed() -> None:
    text = side_by_side(
        "title", [_fixed(300, 200, 1_000), Contender("other", lambda url: 100.0, 3.1)], "url", rounds=3
    )
    assert _cells(text, "other")[-2:] == ["3.00 times", "3.1, missed"]


def test_a_tool_that_cannot_run_is_named_and_no_other_is_lost() -> None:
    def missing(url: str) -> float:
        raise CannotRunError("wrk is missing: apt-get install wrk")

    text = side_by_side(
        "title", [_fixed(300), Contender("wrk", missing, 0.9), Contender("other", len)], "url"
    )
    assert "Could not be run: wrk: wrk is missing: apt-get install wrk." in text
    assert "| wrk" not in text
    assert _cells(text, "other")[-2] == "100.00 times"


def test_without_a_figure_of_our_own_there_is_no_ratio_and_no_aim_is_reached() -> None:
    def broken(url: str) -> float:
        raise CannotRunError("the worker ended without a result")

    text = side_by_side("title", [Contender("ours", broken), Contender("other", len, 2)], "url", rounds=3)
    assert "Could not be run: ours" in text
    assert _cells(text, "other")[-2:] == ["", "2, not shown"]


def test_a_figure_of_nothing_is_none() -> None:
    text = side_by_side("title", [_fixed(300), Contender("other", lambda url: 0.0)], "url", rounds=3)
    assert "Could not be run: other: it had no good answer." in text
