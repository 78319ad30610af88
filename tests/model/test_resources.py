"""What was used, look by look: peaks stay however long it goes on, and a line stays short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.resources import INTERVAL, RESOURCES, Account, Line

VALUES = st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=400)


@given(VALUES, st.sampled_from([2, 4, 10, 240]))
def test_a_bounded_line_is_short_and_keeps_its_peak(values: list[float | None], most: int) -> None:
    line = Line(most=most)
    for at, value in enumerate(values):
        line.add(float(at), value)
    assert len(line.points) < most
    seen = values[: len(values) // line.each * line.each]
    peaks = [[one for one in part if one is not None] for part in (seen, [v for _, v in line.points])]
    assert max(peaks[0], default=None) == max(peaks[1], default=None)
    times = [at for at, _ in line.points]
    assert times == sorted(times)


def test_a_line_without_a_bound_keeps_every_look_until_it_is_told_to_join_them() -> None:
    line = Line()
    for at in range(4):
        line.add(at / 2, float(at))
    line.each = 2
    for at in range(4, 8):
        line.add(at / 2, float(at))
    assert line.points == [(0.0, 0.0), (0.5, 1.0), (1.0, 2.0), (1.5, 3.0), (2.5, 5.0), (3.5, 7.0)]


def test_an_account_tells_gauges_in_the_order_of_their_table_whichever_came_first() -> None:
    account = Account(RESOURCES, INTERVAL)
    account.add(0.0, {"cpu": None, "memory": 10.0})
    account.add(0.5, {"cpu": 0.25, "memory": 30.0})
    account.pause(1.0)
    assert list(account.measures()) == ["cpu", "memory"]
    memory = account.measures()["memory"]
    assert (memory.samples, memory.minimum, memory.maximum, memory.span) == (2, 10.0, 30.0, 0.5)
    assert account.lines["cpu"].points == [(0.5, 0.25), (1.0, None)]
    assert account.series("cpu", account.lines["cpu"].points, label="web.cpu").unit == "ratio"
