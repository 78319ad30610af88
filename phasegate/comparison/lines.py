"""Lines of the written plan: which lost a criterion that judged them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from phasegate.comparison.change import GONE, NEW, Change, Subject, pairs
from phasegate.comparison.fields import top
from phasegate.comparison.side import Side
from phasegate.model.lines import Line

_NOTHING = "nothing"


def changes(base: Side, head: Side) -> Iterator[Change]:
    old, new = _lists(base), _lists(head)
    for place, before, after in pairs(old, new):
        yield from _list(Subject(name=place, before=top(base), after=top(head)), before or (), after or ())


def _lists(side: Side) -> Mapping[str, Sequence[Line]]:
    """The lists of a plan, by the place that they stand at."""
    people = side.plan.people
    of_steps = {
        f"step {step.id} {name}": lines
        for step in side.plan.steps
        for name, lines in (("work", step.asked.work), ("outcomes", step.asked.outcomes))
    }
    of_risks = {f"measures of risk {risk.title!r}": risk.measures for risk in people.risks}
    names = ("done", "known", "schedule", "outcomes", "after", "next")
    return of_steps | of_risks | {name: getattr(people, name) for name in names}


def _list(subject: Subject, before: Sequence[Line], after: Sequence[Line]) -> Iterator[Change]:
    old, new = _links(before), _links(after)
    gone = {text: links for text, links in old.items() if text not in new}
    added = {text: links for text, links in new.items() if text not in old}
    by_links: dict[frozenset[str], list[str]] = {}
    for text, links in reversed(added.items()):
        by_links.setdefault(links, []).append(text)
    for text, links in gone.items():
        # A line in other words is judged as before by the same criteria.
        if links and by_links.get(links):
            other = by_links[links].pop()
            del added[other]
            yield subject.different("line", text, other)
        elif links:
            yield subject.weaker(f"line {text!r}", f"judged by {_ids(links)}", GONE)
        else:
            yield subject.different(f"line {text!r}", "not judged", GONE)
    for text, links in old.items():
        if text in new and links != new[text]:
            turn = subject.stronger if links <= new[text] else subject.weaker
            yield turn(f"line {text!r} judged by", _ids(links), _ids(new[text]))
    for text, links in added.items():
        if links:
            yield subject.stronger(f"line {text!r}", NEW, f"judged by {_ids(links)}")


def _links(lines: Sequence[Line]) -> dict[str, frozenset[str]]:
    """Ids of the criteria that judge each line, by its text."""
    found: dict[str, frozenset[str]] = {}
    for line in lines:
        if not line.heading:
            text = line.text or ", ".join(f"{key}: {value}" for key, value in line.more.items())
            found[text] = found.get(text, frozenset()) | frozenset(line.by)
    return found


def _ids(links: frozenset[str]) -> str:
    return ", ".join(sorted(links)) or _NOTHING
