"""Parameters of a check in two plans: by their marks, by their types, and by what the kind says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from phasegate.base.marks import Arguments, Demand, Expected, Members, mark_of, note_of
from phasegate.base.units import Dimension, format_value
from phasegate.comparison import expectations, selection, suites
from phasegate.comparison.change import GONE, NEW, Change, Subject, pairs
from phasegate.comparison.side import Side
from phasegate.comparison.side import plain_text as said_of
from phasegate.http.expectations.expectation import Expect
from phasegate.http.suites.suite import Suite
from phasegate.kinds.base import Amount, CheckParams, Kind, TimedParams

_OF_NUMBERS = {Demand.MORE: True, Demand.LESS: False, Demand.SHOWN: None}
"""Marks of numbers, and whether more of it asks more."""


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
    yield from _compare_amounts(subject, amounts[0], amounts[1])
    yield from _others(subject, before, after)


def _amounts(kind: Kind[Any], params: CheckParams, accompanies: bool) -> dict[str, Amount]:
    """What the kind itself asks, then what every kind does."""
    found = dict(_marked_amounts(params))
    common = {name: found.pop(name) for name in TimedParams.model_fields if name in found}
    return {**found, **kind.amounts(params, accompanies=accompanies), **common}


def _marked_amounts(params: BaseModel) -> Iterator[tuple[str, Amount]]:
    for name, field in type(params).model_fields.items():
        mark, value = mark_of(field), getattr(params, name)
        if isinstance(mark, Demand) and mark in _OF_NUMBERS and value is not None:
            dimension = note_of(field, Dimension) or Dimension.COUNT
            yield field.alias or name, Amount(value=value, dimension=dimension, more=_OF_NUMBERS[mark])


def _compare_amounts(
    subject: Subject, before: Mapping[str, Amount], after: Mapping[str, Amount]
) -> Iterator[Change]:
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


def _amount(amount: Amount | None, missing: str) -> str:
    return missing if amount is None else format_value(amount.value, amount.dimension)


def _others(
    subject: Subject, before: tuple[Side, BaseModel], after: tuple[Side, BaseModel]
) -> Iterator[Change]:
    """What became of the fields of a model that no amount speaks for."""
    for name, field in type(before[1]).model_fields.items():
        if mark_of(field) not in (*_OF_NUMBERS, Demand.BY_KIND):
            yield from _field(subject, name, before, after)


def _field(
    subject: Subject, name: str, before: tuple[Side, BaseModel], after: tuple[Side, BaseModel]
) -> Iterator[Change]:
    """What became of one field of a model."""
    (old_side, old_model), (new_side, new_model) = before, after
    old, new = getattr(old_model, name), getattr(new_model, name)
    field = type(old_model).model_fields[name]
    said, mark = field.alias or name, mark_of(field)
    match old, new:
        case (Expect() | None, Expect() | None):
            both = (old_side, old or Expect()), (new_side, new or Expect())
            yield from expectations.changes(subject, said, *both)
        case Suite(), Suite():
            yield from suites.changes(subject, (old_side, old), (new_side, new))
        case Path(), Path():
            yield from _path(subject, said, (old_side, old), (new_side, new), mark)
        case bool(), bool() if isinstance(mark, Demand):
            if old is not new:
                turn = subject.stronger if new is (mark is Demand.MUST_BE) else subject.weaker
                yield turn(said, said_of(old), said_of(new))
        case tuple(), tuple() if isinstance(mark, Arguments):
            yield from selection.changes(subject, said, old, new, mark.narrowing)
        case tuple(), tuple() if isinstance(mark, Members):
            yield from _members(subject, said, mark, (old_side, old), (new_side, new))
        case (tuple() | list() | Mapping(), tuple() | list() | Mapping()) if isinstance(mark, Demand):
            yield from _compare_lists(subject, said, _items(old), _items(new), mark)
        case (BaseModel() | None, BaseModel() | None) if _is_expected(old) or _is_expected(new):
            yield from _matchers(subject, said, old, new)
        case _:
            texts = old_side.said(old), new_side.said(new)
            if texts[0] != texts[1]:
                yield subject.different(said, *texts)


def _items(value: Any) -> tuple[str, ...]:
    """The things that a parameter lists, as they are written."""
    if isinstance(value, Mapping):
        pairs = ((str(key), _as_written(item)) for key, item in value.items())
        return tuple(key if item is None else f"{key}: {said_of(item)}" for key, item in pairs)
    return tuple(said_of(_as_written(item)) for item in value)


def _as_written(item: Any) -> Any:
    return item.model_dump(mode="json", exclude_defaults=True) if isinstance(item, BaseModel) else item


def _compare_lists(
    subject: Subject, name: str, before: tuple[str, ...], after: tuple[str, ...], mark: Demand
) -> Iterator[Change]:
    """What is in one list and not in the other."""
    weaker, stronger = subject.weaker, subject.stronger
    fewer, more = (weaker, stronger) if mark is Demand.MUST_BE else (stronger, weaker)
    for one in before:
        if one not in after:
            yield fewer(name, one, GONE)
    for one in after:
        if one not in before:
            yield more(name, NEW, one)


def _path(
    subject: Subject, name: str, before: tuple[Side, Path], after: tuple[Side, Path], mark: Any
) -> Iterator[Change]:
    """Another file or folder: where all below it must be, one inside the old one is less of it."""
    old, new = before[0].name(before[1]), after[0].name(after[1])
    if old == new:
        texts = before[0].said(before[1]), after[0].said(after[1])
        if texts[0] != texts[1]:
            yield subject.different(f"{name} content", *texts)
    elif Path(new).is_relative_to(old) and mark is Demand.MUST_BE:
        yield subject.weaker(name, old, new)
    elif Path(old).is_relative_to(new) and mark is Demand.MUST_BE:
        yield subject.stronger(name, old, new)
    else:
        yield subject.different(name, old, new)


def _is_expected(model: BaseModel | None) -> bool:
    """Whether the fields of a model say what something must match."""
    fields = () if model is None else type(model).model_fields.values()
    return any(isinstance(mark_of(field), Expected) for field in fields)


def _matchers(
    subject: Subject, name: str, before: BaseModel | None, after: BaseModel | None
) -> Iterator[Change]:
    """What must match, by what is looked at; at least one of the models is there."""
    model = after or before
    assert model is not None
    old = {} if before is None else {key: getattr(before, key) for key in before.model_fields_set}
    new = {} if after is None else {key: getattr(after, key) for key in after.model_fields_set}
    fields = type(model).model_fields
    for key in dict.fromkeys((*old, *new)):
        here, mark = f"{name} {key}", mark_of(fields[key])
        if key not in new:
            yield subject.weaker(here, said_of(old[key]), GONE)
        elif key not in old:
            yield subject.stronger(here, NEW, said_of(new[key]))
        else:
            text = isinstance(mark, Expected) and mark.text
            yield from expectations.matcher(subject, here, _several(old[key]), _several(new[key]), text=text)


def _several(written: Any) -> Any:
    """A list means any of its values."""
    return {"one_of": list(written)} if isinstance(written, list | tuple) else written


def _members(
    subject: Subject,
    name: str,
    mark: Members,
    before: tuple[Side, tuple[Any, ...]],
    after: tuple[Side, tuple[Any, ...]],
) -> Iterator[Change]:
    """The entries of a list by their name, or else by their place."""
    (old_side, old), (new_side, new) = before, after
    members, others = _by_name(mark, old), _by_name(mark, new)
    for key in dict.fromkeys((*members, *others)):
        member, other = members.get(key), others.get(key)
        here = subject.inside(f"{name} {key}")
        if other is None:
            yield here.weaker("", mark.size(member), GONE)
        elif member is None:
            yield here.stronger("", NEW, mark.size(other))
        else:
            yield from _compare_amounts(here, *(dict(_marked_amounts(one)) for one in (member, other)))
            yield from _others(here, (old_side, member), (new_side, other))


def _by_name(mark: Members, members: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, member in enumerate(members, start=1):
        name = mark.name(member)
        found[name if name and name not in found else f"{name} {number}".strip()] = member
    return found
