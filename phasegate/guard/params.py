"""Parameters of a check in two plans: by their types, and by what the kind weighs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from phasegate.guard import expectations, selection, suites
from phasegate.guard.change import GONE, NEW, Change, Subject, pairs
from phasegate.guard.side import Side
from phasegate.guard.side import said as said_of
from phasegate.http.expectation import Expect
from phasegate.http.suite import Suite
from phasegate.kinds.base import Amount, CheckParams, Kind
from phasegate.kinds.command_params import CommandExpect
from phasegate.load.mix import SuiteFlow, Unit
from phasegate.units import Dimension, format_value


def changes(
    subject: Subject,
    kind: Kind[Any],
    before: tuple[Side, CheckParams],
    after: tuple[Side, CheckParams],
    *,
    accompanies: bool,
) -> Iterator[Change]:
    """What became of the parameters of one part of a check, of the same kind in both plans."""
    amounts = [_amounts(kind, params, accompanies) for _, params in (before, after)]
    yield from _weighed(subject, amounts[0], amounts[1])
    for name in type(before[1]).model_fields:
        if name in kind.weighed or name == "timeout":
            continue
        lists = [_as_list(getattr(params, name)) for _, params in (before, after)]
        if name in kind.wanted | kind.let_through and lists[0] is not None and lists[1] is not None:
            yield from _listed(subject, name, lists[0], lists[1], more_asks_more=name in kind.wanted)
        else:
            yield from _field(subject, name, before, after)


def _as_list(value: Any) -> tuple[str, ...] | None:
    """The things that a parameter lists, as they are written; None where it is no list."""
    match value:
        case Mapping():
            pairs = ((key, _written(item)) for key, item in value.items())
            return tuple(key if item is None else f"{key}: {said_of(item)}" for key, item in pairs)
        case tuple():
            return tuple(said_of(_written(item)) for item in value)
        case _:
            return None


def _written(item: Any) -> Any:
    return item.model_dump(mode="json", exclude_defaults=True) if isinstance(item, BaseModel) else item


def _listed(
    subject: Subject, name: str, before: tuple[str, ...], after: tuple[str, ...], *, more_asks_more: bool
) -> Iterator[Change]:
    """What is in one list and not in the other."""
    for one in before:
        if one not in after:
            turn = subject.weaker if more_asks_more else subject.stronger
            yield turn(name, one, GONE)
    for one in after:
        if one not in before:
            turn = subject.stronger if more_asks_more else subject.weaker
            yield turn(name, NEW, one)


def _amounts(kind: Kind[Any], params: CheckParams, accompanies: bool) -> dict[str, Amount]:
    timeout = Amount(value=params.timeout, dimension=Dimension.TIME, more=False)
    return {**kind.amounts(params, accompanies=accompanies), "timeout": timeout}


def _weighed(subject: Subject, before: Mapping[str, Amount], after: Mapping[str, Amount]) -> Iterator[Change]:
    for name, old, new in pairs(before, after):
        texts = _amount(old, NEW), _amount(new, GONE)
        if old is None or new is None:
            yield subject.different(name, *texts)
        elif old.value != new.value:
            if texts[0] == texts[1]:  # rounded alike for people
                texts = repr(old.value), repr(new.value)
            if old.more is None or new.more is None:
                yield subject.different(name, *texts)
            else:
                turn = subject.stronger if (new.value > old.value) is new.more else subject.weaker
                yield turn(name, *texts)


def _field(
    subject: Subject, name: str, before: tuple[Side, BaseModel], after: tuple[Side, BaseModel]
) -> Iterator[Change]:
    """What became of one field of a model."""
    (old_side, old_model), (new_side, new_model) = before, after
    old, new = getattr(old_model, name), getattr(new_model, name)
    said = type(old_model).model_fields[name].alias or name
    match old, new:
        case (Expect() | None, Expect() | None):
            both = (old_side, old or Expect()), (new_side, new or Expect())
            yield from expectations.changes(subject, said, *both)
        case SuiteFlow(), SuiteFlow():
            yield from _flow(subject, (old_side, old), (new_side, new))
        case Suite(), Suite():
            yield from suites.changes(subject, (old_side, old), (new_side, new))
        case Path(), Path():
            yield from _path(subject, said, (old_side, old), (new_side, new))
        case bool(), bool() if name == "follow":
            yield from suites.follow(subject, old, new)
        case tuple(), tuple() if name == "args":
            yield from selection.changes(subject, old, new)
        case tuple(), tuple() if any(isinstance(one, Unit) for one in (*old, *new)):
            yield from _mix(subject, (old_side, old), (new_side, new))
        case (CommandExpect() | None, CommandExpect() | None) if name == "expect":
            yield from _matchers(subject, old, new)
        case _:
            texts = old_side.said(old), new_side.said(new)
            if texts[0] != texts[1]:
                yield subject.different(said, *texts)


def _path(
    subject: Subject, name: str, before: tuple[Side, Path], after: tuple[Side, Path]
) -> Iterator[Change]:
    """Another file or folder: one inside the old one is less of it."""
    old, new = before[0].name(before[1]), after[0].name(after[1])
    if old == new:
        texts = before[0].said(before[1]), after[0].said(after[1])
        if texts[0] != texts[1]:
            yield subject.different(f"{name} content", *texts)
    elif Path(new).is_relative_to(old) and name == "path":
        yield subject.weaker(name, old, new)
    elif Path(old).is_relative_to(new) and name == "path":
        yield subject.stronger(name, old, new)
    else:
        yield subject.different(name, old, new)


def _matchers(subject: Subject, before: Any, after: Any) -> Iterator[Change]:
    """What a command must do."""
    old = {} if before is None else {name: getattr(before, name) for name in before.model_fields_set}
    new = {} if after is None else {name: getattr(after, name) for name in after.model_fields_set}
    for name in dict.fromkeys((*old, *new)):
        here, text = f"expect {name}", name == "output"
        if name not in new:
            yield subject.weaker(here, said_of(old[name]), GONE)
        elif name not in old:
            yield subject.stronger(here, NEW, said_of(new[name]))
        else:
            yield from expectations.matcher(
                subject, here, _several(old[name]), _several(new[name]), text=text
            )


def _several(written: Any) -> Any:
    """A list of exit codes means any of them."""
    return {"one_of": list(written)} if isinstance(written, list | tuple) else written


def _flow(
    subject: Subject, before: tuple[Side, SuiteFlow], after: tuple[Side, SuiteFlow]
) -> Iterator[Change]:
    """One flow of a suite as the unit of load, with what is sent around it."""
    (old_side, old), (new_side, new) = before, after
    if old.chosen.id != new.chosen.id:
        yield subject.different("flow", old.chosen.id, new.chosen.id)
        return
    one, other = (suite.model_copy(update={"flows": (suite.chosen,)}) for suite in (old, new))
    yield from suites.changes(subject, (old_side, one), (new_side, other))


def _mix(
    subject: Subject, before: tuple[Side, tuple[Unit, ...]], after: tuple[Side, tuple[Unit, ...]]
) -> Iterator[Change]:
    """Entries of a mix by their name, or else by their place."""
    (old_side, old), (new_side, new) = before, after
    for name, unit, other in pairs(_by_name(old), _by_name(new)):
        here = subject.inside(f"mix {name}")
        if other is None and unit is not None:
            yield here.weaker("", f"weight {unit.weight}", GONE)
        elif unit is None and other is not None:
            yield here.stronger("", NEW, f"weight {other.weight}")
        elif unit is not None and other is not None:
            for field in Unit.model_fields:
                yield from _field(here, field, (old_side, unit), (new_side, other))


def _by_name(units: tuple[Unit, ...]) -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for number, unit in enumerate(units, start=1):
        name = unit.name or unit.url or ""
        found[name if name and name not in found else f"{name} {number}".strip()] = unit
    return found


def _amount(amount: Amount | None, missing: str) -> str:
    if amount is None:
        return missing
    return format_value(amount.value, amount.dimension)
