"""The order of steps: what each one waits for, and whether that can ever end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phasegate.base.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a step says about its place; None where it says nothing."""

    id: str
    needs: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None


def resolve(wishes: Sequence[Wish]) -> dict[str, tuple[str, ...]]:
    """The steps that each step waits for: those it names, or the one above it when it names none at all."""
    order: dict[str, tuple[str, ...]] = {}
    above: str | None = None
    for wish in wishes:
        if wish.needs is None and wish.after is None:
            order[wish.id] = () if above is None else (above,)
        else:
            order[wish.id] = tuple(dict.fromkeys((*(wish.needs or ()), *(wish.after or ()))))
        above = wish.id
    return order


def cycle(order: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """A round of steps that wait for each other, its first step repeated at the end; None without one."""
    done: set[str] = set()
    for start in order:
        trail = {start: None}
        choices = [iter(order[start])]
        while trail and start not in done:
            step = next(choices[-1], None)
            if step is None:
                done.add(trail.popitem()[0])
                choices.pop()
            elif step in trail:
                names = tuple(trail)
                return (*names[names.index(step) :], step)
            elif step in order and step not in done:
                trail[step] = None
                choices.append(iter(order[step]))
    return None
