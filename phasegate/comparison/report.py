"""What a comparison comes to: what is weaker, what of it was accepted, what is left to look at."""

from __future__ import annotations

from collections.abc import Iterable

from phasegate.base.dataclass import dataclass
from phasegate.comparison.change import Change, Direction
from phasegate.plan.asked.plan import Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """An entry that accepts what is not there."""

    entry: Accepted
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """All changes between two plans, told apart."""

    base: str
    """The name of the old plan, for people."""
    head: str
    weaker: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    stronger: tuple[Change, ...] = ()
    accepted: tuple[tuple[Change, Accepted], ...] = ()
    """Weaker or changed, and let through."""
    unused: tuple[Unused, ...] = ()

    def fails(self, *, strict: bool) -> bool:
        """Whether something got weaker that nobody accepted; `strict`: or something has to be looked at."""
        return bool(self.weaker or (strict and self.changed))


def settle(
    changes: Iterable[Change],
    accepted: Iterable[Accepted],
    *,
    base: str,
    head: str,
    places: dict[Accepted, str],
) -> Guarded:
    """Hold changes against what is accepted. An entry lets through the one change that reads as it does."""
    entries = {(one.item, one.before, one.after): one for one in accepted}
    let: list[tuple[Change, Accepted]] = []
    left: list[Change] = []
    for change in changes:
        entry = entries.get(change.key)
        if entry is None or change.direction is Direction.STRONGER:
            left.append(change)
        else:
            let.append((change, entries.pop(change.key)))

    def of(direction: Direction) -> tuple[Change, ...]:
        return tuple(change for change in left if change.direction is direction)

    return Guarded(
        base=base,
        head=head,
        weaker=of(Direction.WEAKER),
        changed=of(Direction.CHANGED),
        stronger=of(Direction.STRONGER),
        accepted=tuple(let),
        unused=tuple(Unused(entry=one, source=places[one]) for one in entries.values()),
    )
