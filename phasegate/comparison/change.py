"""What became of one thing between two plans: weaker, changed in a way that has no order, or stronger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from phasegate.base.dataclass import dataclass

T = TypeVar("T", bound=Any)


class Direction(StrEnum):
    WEAKER = "weaker"
    """It lets something through that was held before, or proves less."""
    CHANGED = "changed"
    """It cannot be ordered, so people have to look at it."""
    STRONGER = "stronger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference, named by `item`, `before` and `after` together."""

    item: str
    """What changed, in words: `check up probes`."""
    before: str
    after: str
    direction: Direction
    source: str
    """`file:line` in the new plan, or in the old one for what is gone."""
    environments: tuple[str, ...] = ()
    """The environments that have it; empty where all do."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.item, self.before, self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that both plans have."""

    name: str
    before: str
    """`file:line` in the old plan."""
    after: str
    """The same in the new one."""

    def inside(self, name: str, before: str = "", after: str = "") -> Subject:
        """A part of it, with places of its own where it has them."""
        return Subject(name=f"{self.name} {name}", before=before or self.before, after=after or self.after)

    def changed(self, aspect: str, before: str, after: str, direction: Direction) -> Change:
        source = self.before if after == GONE else self.after
        return Change(
            item=f"{self.name} {aspect}".strip(),
            before=before,
            after=after,
            direction=direction,
            source=source,
        )

    def weaker(self, aspect: str, before: str, after: str) -> Change:
        return self.changed(aspect, before, after, Direction.WEAKER)

    def amount(
        self, aspect: str, before: T, after: T, text: Callable[[T], str] = str, *, more_is_weaker: bool = True
    ) -> Iterator[Change]:
        """What became of something that has an order, if anything."""
        if before != after:
            turn = self.weaker if (after > before) is more_is_weaker else self.stronger
            yield turn(aspect, text(before), text(after))

    def different(self, aspect: str, before: str, after: str) -> Change:
        return self.changed(aspect, before, after, Direction.CHANGED)

    def stronger(self, aspect: str, before: str, after: str) -> Change:
        return self.changed(aspect, before, after, Direction.STRONGER)


GONE = "removed"
NEW = "not there"


def pairs(old: Mapping[str, T], new: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    """What either plan has of something, by name: as the old one orders it, then what is new."""
    for name in dict.fromkeys((*old, *new)):
        yield name, old.get(name), new.get(name)


def in_words(value: bool) -> str:
    return str(value).lower()


def by_environment(found: Mapping[str, Iterable[Change]]) -> tuple[Change, ...]:
    """The changes of all environments, each once and with the environments that have it."""
    first: dict[tuple[str, str, str], Change] = {}
    seen: dict[tuple[str, str, str], list[str]] = {}
    for environment, changes in found.items():
        for change in changes:
            first.setdefault(change.key, change)
            names = seen.setdefault(change.key, [])
            if environment not in names:
                names.append(environment)
    return tuple(
        replace(change, environments=() if len(seen[key]) == len(found) else tuple(seen[key]))
        for key, change in first.items()
    )
