"""Lines of the written plan: which lost a criterion that judged them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from phasegate.base.dataclass import dataclass
from phasegate.comparison.change import GONE, NEW, Change, Subject, pairs
from phasegate.comparison.fields import top
from phasegate.comparison.side import Side
from phasegate.model.lines import Line

_NOTHING = "nothing"


def changes(base: Side, head: Side) -> Iterator[Change]:
    old, new = _lists(base), _lists(head)
    for place, before, after in pairs(old, new):
        subject = Subject(name=place, before=top(base), after=top(head))
        for one, other in _paired(_linked(before or ()), _linked(after or ())):
            yield from _line(subject, one, other)


def _lists(side: Side) -> Mapping[str, Sequence[Line]]:
    """The lists of a plan, by the place that they stand at; risks of one title share a place."""
    people = side.plan.people
    found: dict[str, Sequence[Line]] = {
        f"step {step.id} {name}": lines
        for step in side.plan.steps
        for name, lines in (("work", step.asked.work), ("outcomes", step.asked.outcomes))
    }
    for risk in people.risks:
        place = f"measures of risk {risk.title!r}"
        found[place] = (*found.get(place, ()), *risk.measures)
    names = ("done", "known", "schedule", "outcomes", "after", "next")
    return found | {name: getattr(people, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linked:
    """A line with what judges it."""

    text: str
    by: frozenset[str]
    """Ids of the criteria that it names."""
    below: frozenset[str]
    """Ids that the lines below it name; they judge it where it names none."""
    headings: tuple[str, ...]
    """What it stands under."""

    @property
    def links(self) -> frozenset[str]:
        return self.by or self.below


def _linked(lines: Sequence[Line]) -> Sequence[_Linked]:
    """Lines without the headings."""
    below: list[set[str]] = [set() for _ in lines]
    headings: list[tuple[str, ...]] = []
    above: list[int] = []
    for index, line in enumerate(lines):
        while above and lines[above[-1]].level >= line.level:
            above.pop()
        for other in above:
            below[other].update(line.by)
        headings.append(tuple(lines[other].text for other in above if lines[other].heading))
        above.append(index)
    return [
        _Linked(
            text=line.text or ", ".join(f"{key}: {value}" for key, value in line.more.items()),
            by=frozenset(line.by),
            below=frozenset(below[index]),
            headings=headings[index],
        )
        for index, line in enumerate(lines)
        if not line.heading
    ]


_ALIKE: tuple[Callable[[_Linked], Hashable], ...] = (
    lambda line: line,
    lambda line: (line.text, line.by),
    lambda line: line.text,
    lambda line: line.by or None,  # in other words, and judged as before by the same criteria
)
"""By what a line is known again, the surest first; None where that tells nothing."""


def _paired(
    before: Sequence[_Linked], after: Sequence[_Linked]
) -> Iterator[tuple[_Linked | None, _Linked | None]]:
    """Each line once, with what became of it: two lines of one text are two lines."""
    old, new = list(before), list(after)
    for key in _ALIKE:
        there: dict[Hashable, list[_Linked]] = {}
        for line in reversed(new):
            there.setdefault(key(line), []).append(line)
        left = []
        for line in old:
            if key(line) is not None and there.get(key(line)):
                yield line, there[key(line)].pop()
            else:
                left.append(line)
        old = left
        left_over = {id(line) for lines in there.values() for line in lines}
        new = [line for line in new if id(line) in left_over]
    yield from ((line, None) for line in old)
    yield from ((None, line) for line in new)


def _line(subject: Subject, old: _Linked | None, new: _Linked | None) -> Iterator[Change]:
    if old is None or new is None:
        if old is not None and old.by:
            yield subject.weaker(f"line {old.text!r}", f"judged by {_ids(old.by)}", GONE)
        elif old is not None:
            yield subject.different(f"line {old.text!r}", "not judged", GONE)
        elif new is not None and new.by:
            yield subject.stronger(f"line {new.text!r}", NEW, f"judged by {_ids(new.by)}")
        return
    if old.text != new.text:
        yield subject.different("line", old.text, new.text)
    if old.headings != new.headings:
        under = (": ".join(line.headings) or _NOTHING for line in (old, new))
        yield subject.different(f"line {new.text!r} under the heading", *under)
    if (old.by or new.by) and old.links != new.links:
        turn = subject.stronger if old.links <= new.links else subject.weaker
        yield turn(f"line {new.text!r} judged by", _ids(old.links), _ids(new.links))


def _ids(links: frozenset[str]) -> str:
    return ", ".join(sorted(links)) or _NOTHING
