"""Who may use the target at the same time."""

from __future__ import annotations

import asyncio

import pytest

from phasegate.runner.turns import Turns

pytestmark = pytest.mark.paced


class Log:
    def __init__(self) -> None:
        self.inside: set[str] = set()
        self.seen: list[frozenset[str]] = []

    async def stay(self, turn: object, name: str) -> None:
        async with turn:  # type: ignore[attr-defined]
            self.inside.add(name)
            self.seen.append(frozenset(self.inside))
            await asyncio.sleep(0.01)
            self.inside.remove(name)


async def test_ordinary_checks_share_up_to_the_number_of_jobs() -> None:
    turns, log = Turns(2), Log()
    await asyncio.gather(*(log.stay(turns.turn(exclusive=False), name) for name in "abcd"))
    assert max(map(len, log.seen)) == 2


async def test_an_exclusive_check_has_the_target_to_itself() -> None:
    turns, log = Turns(4), Log()
    await asyncio.gather(
        log.stay(turns.turn(exclusive=False), "a"),
        log.stay(turns.turn(exclusive=True), "load"),
        log.stay(turns.turn(exclusive=False), "b"),
    )
    assert all(names == {"load"} for names in log.seen if "load" in names)
    assert any("load" in names for names in log.seen)


async def test_a_waiting_exclusive_check_is_not_overtaken() -> None:
    turns, log = Turns(4), Log()
    first = asyncio.create_task(log.stay(turns.turn(exclusive=False), "first"))
    await asyncio.sleep(0)
    load = asyncio.create_task(log.stay(turns.turn(exclusive=True), "load"))
    await asyncio.sleep(0)
    late = asyncio.create_task(log.stay(turns.turn(exclusive=False), "late"))
    await asyncio.gather(first, load, late)
    order = [next(iter(names)) for names in log.seen]
    assert order == ["first", "load", "late"]


async def test_who_gives_up_waiting_does_not_block_the_others() -> None:
    turns, log = Turns(1), Log()
    first = asyncio.create_task(log.stay(turns.turn(exclusive=False), "first"))
    await asyncio.sleep(0)
    impatient = asyncio.create_task(log.stay(turns.turn(exclusive=True), "impatient"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait_for(asyncio.gather(first, log.stay(turns.turn(exclusive=False), "last")), 1.0)
    assert {"last"} in log.seen
