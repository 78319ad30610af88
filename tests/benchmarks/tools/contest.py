"""Tools side by side: rounds in turn, medians, and how many times each one's figure the first one's is.

Times are the median of those within the rounds: a machine that is slow for one round is so for all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.tools.measure import ROUNDS, CannotRunError, table


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    figure: Callable[[str], float]
    """Of a URL, something per second: more is better. Errors: CannotRunError."""
    aim: float | None = None
    """The least that the first contender's figure is to be, in times of this one's."""


def side_by_side(title: str, contenders: Sequence[Contender], url: str, rounds: int = ROUNDS) -> str:
    """Rounds are run in turn, so that what else the machine does hits all alike."""
    figures: dict[str, list[float]] = {one.name: [] for one in contenders}
    missing: dict[str, str] = {}
    for number in range(rounds):
        for one in contenders:
            if one.name in missing:
                continue
            try:
                figures[one.name].append(_positive(one.figure(url)))
            except CannotRunError as reason:
                missing[one.name] = str(reason)
            else:
                print(f"  round {number + 1}: {one.name} {figures[one.name][-1]:,.0f}", file=sys.stderr)
    first = contenders[0].name
    ours = [] if first in missing else figures[first]
    rows = [("tool", *(f"round {number + 1}" for number in range(rounds)), "median", f"{first} is", "aim")]
    for one in contenders:
        if one.name not in missing:
            values = figures[one.name]
            ratios = [our / their for our, their in zip(ours, values, strict=False)]
            times = median(ratios) if ratios and one.name != first else None
            shown = (f"{value:,.0f}" for value in (*values, median(values)))
            rows.append((one.name, *shown, *_ratio(one, times)))
    unrun = [f"\nCould not be run: {name}: {reason}." for name, reason in missing.items()]
    return "\n".join([table(title, rows), *unrun])


def _positive(figure: float) -> float:
    if figure <= 0:
        raise CannotRunError("it had no good answer")
    return figure


def _ratio(one: Contender, times: float | None) -> tuple[str, str]:
    """The cells of the ratio and of its aim; an aim that was not reached says so."""
    ratio = "" if times is None else f"{times:.2f} times"
    if one.aim is None:
        return ratio, ""
    if times is None:
        return ratio, f"{one.aim:g}, not shown"
    return ratio, f"{one.aim:g}" if times >= one.aim else f"{one.aim:g}, missed"
