"""Kinds of other packages: found by entry point, imported when a plan uses one, and never trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, fields, is_dataclass, replace
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from phasegate.base.errors import MessageError, PhasegateError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.fields import ID_PATTERN
from phasegate.gate.criterion import parse_criterion
from phasegate.kinds.base import CheckParams, Kind
from phasegate.kinds.offers import KindError, Offer
from phasegate.model.measures import Distribution as Durations
from phasegate.model.measures import Gauge, Measure, MeasureSpec, MeasureType, Number, Share
from phasegate.model.observation import Observation
from phasegate.model.result import ToolRecord
from phasegate.world import World

DEMANDED = ("measures", "defaults", "summary", "observe")
"""Methods that a kind has to have."""
_METHODS = (
    *("measures", "defaults", "parts", "counts", "samples", "duration", "amounts", "until_decided"),
    *("own_names", "requirements", "summary", "asked", "targets", "services", "exit_codes"),
)
_MEASURES = {
    MeasureType.CENSUS: Share,
    MeasureType.SAMPLE: Share,
    MeasureType.DISTRIBUTION: Durations,
    MeasureType.NUMBER: Number,
    MeasureType.GAUGE: Gauge,
}


def load_offer(offer: Offer) -> Kind[Any]:
    """The kind that a package offers. Errors: KindError, which names the package."""
    module, _, attribute = offer.place.partition(":")
    package = ToolRecord(name=offer.package, version=offer.version)
    with _blaming(offer.kind, package, what="import"):
        found: Any = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    with _blaming(offer.kind, package, what="use"):
        if not (isinstance(found, type) and issubclass(found, Kind)):
            raise TypeError(f"{offer.place} is not a subclass of phasegate.kinds.base.Kind")
        for problem in _problems(found, offer.kind):
            raise TypeError(problem)
        kind: Kind[Any] = found()
        for one in (kind, *kind.variants.values()):
            _take_in(one, package)
    return kind


def _problems(kind: type[Kind[Any]], name: str) -> Iterator[str]:
    """What is missing of a kind, or wrong with it, before anything is asked of it."""
    if not re.match(ID_PATTERN, name):
        yield f"{name!r} is not a name for a kind; write small letters, digits, - and _"
    if getattr(kind, "name", None) != name:
        yield f"its entry point calls it {name!r}, and its 'name' is {getattr(kind, 'name', None)!r}"
    if not isinstance(getattr(kind, "about", None), str):
        yield "'about' is not a text"
    params = getattr(kind, "Params", None)
    if not (isinstance(params, type) and issubclass(params, CheckParams)):
        yield "'Params' is not a subclass of phasegate.kinds.base.CheckParams"
    if not isinstance(getattr(kind, "example", None), Mapping):
        yield "'example' is not a mapping"
    for method in DEMANDED:
        if getattr(kind, method) is getattr(Kind, method):
            yield f"it has no method {method!r}"


def _take_in(kind: Any, package: ToolRecord) -> None:
    """Have every answer of the kind looked at, and every exception of it blamed on its package."""
    kind.package = package
    for name in _METHODS:
        setattr(kind, name, _answering(kind, name, getattr(kind, name)))
    kind.observe = _observing(kind, kind.observe)


def _answering(kind: Kind[Any], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def answer(*arguments: Any, **named: Any) -> Any:
        with blame(kind, method=name):
            given = _adapter(name).validate_python(method(*arguments, **named), strict=True)
            if name == "defaults":
                _check_defaults(given, kind.measures(*arguments))
            return given

    return answer


def _check_defaults(texts: Iterable[str], specs: Mapping[str, MeasureSpec]) -> None:
    """Errors: ValueError for a text that is not a criterion on these measures."""
    for text in texts:
        if parse_criterion(text, inside="check").measure not in specs:
            raise ValueError(f"{text!r} is on a measure that 'measures' does not announce")


@cache
def _adapter(method: str) -> TypeAdapter[Any]:
    """For what a method of a kind returns."""
    return TypeAdapter(get_type_hints(getattr(Kind, method))["return"])


def _observing(
    kind: Kind[Any], method: Callable[[Any, World], Awaitable[Any]]
) -> Callable[[Any, World], Awaitable[Observation]]:
    @wraps(method)
    async def observe(params: Any, world: World) -> Observation:
        seen = await method(params, world)
        with blame(kind, what="observation"):
            if not isinstance(seen, Observation):
                raise _NoObservationError(fact(Code.NOT_AN_OBSERVATION, kind=type(seen).__name__))
            values = {name: _plain(getattr(seen, name)) for name in _fields()}
            whole = replace(seen, **{name: _fields()[name].validate_python(values[name]) for name in values})
            for problem in _wrong_with(whole, kind.measures(params), world):
                raise MessageError(problem)
        return whole

    return observe


class _NoObservationError(TypeError):
    def __init__(self, message: Fact) -> None:
        super().__init__(message)
        self.message = message


_OWN = nullcontext()


def blame(
    kind: Kind[Any], *, what: str = "", method: str = "", but: type[PhasegateError] = KindError
) -> AbstractContextManager[None]:
    """Turn what goes wrong with a kind of another package into KindError; for our own it passes.

    `what` is done, or which `method` is called, as `Code.KIND_AT_FAULT` has it. `but`: errors that are not of
    the kind's making.
    """
    if kind.package is None:
        return _OWN
    return _blaming(kind.name, kind.package, what=what, method=method, but=but)


@contextmanager
def _blaming(
    kind: str,
    package: ToolRecord,
    *,
    what: str = "",
    method: str = "",
    but: type[PhasegateError] = KindError,
) -> Iterator[None]:
    try:
        yield
    except (but, KindError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        of = {"kind": kind, "package": package.name, "version": package.version}
        raise KindError(
            fact(Code.KIND_AT_FAULT, what=what, method=method, why=_words_of(error), **of),
            help=fact(Code.UPDATE_PACKAGE, package=package.name),
        ) from error


def _words_of(error: BaseException) -> Message:
    """An exception in a line."""
    if isinstance(error, MessageError | _NoObservationError):
        kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
        return fact(Code.OF_PART, part=kind, why=error.message)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else first["msg"]
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def _wrong_with(seen: Observation, specs: Mapping[str, MeasureSpec], world: World) -> Iterator[Fact]:
    """Why an observation cannot be judged or kept."""
    for part, measures in (("", seen.measures), *seen.parts.items()):
        for name, measure in measures.items():
            if problem := _wrong_measure(measure, specs.get(name)):
                yield fact(Code.MEASURE_WRONG, part=part, measure=name, **problem)
    ids = [case.id for case in seen.cases]
    if len(set(ids)) < len(ids):
        yield fact(Code.CASES_WITH_ONE_ID)
    yield from _not_kept((*seen.evidence, *(path for case in seen.cases for path in case.evidence)), world)


@cache
def _fields() -> Mapping[str, TypeAdapter[Any]]:
    """For what an observation has beside measures."""
    hints = get_type_hints(Observation)
    return {name: TypeAdapter(hint) for name, hint in hints.items() if name not in ("measures", "parts")}


def _plain(value: Any) -> Any:
    """Models in tuples as mappings, which are looked into; facts are taken as they are."""
    match value:
        case tuple():
            return tuple(map(_plain, value))
        case _ if is_dataclass(value) and not isinstance(value, Fact | type):
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case _:
            return value


def _wrong_measure(measure: Measure, spec: MeasureSpec | None) -> Mapping[str, str]:
    """A measure is judged by what it is, so it must be what was announced: a sample is not a census.

    Shape: what `Code.MEASURE_WRONG` says of it; empty where it is right.
    """
    if spec is None:
        return {"why": "unknown"}
    if not isinstance(measure, _MEASURES[spec.type]):
        return {"why": "type", "expected": spec.type, "actual": type(measure).__name__}
    whole = isinstance(measure, Durations)  # its histogram checks itself
    if not whole and TypeAdapter(type(measure)).validate_python(asdict(measure)) != measure:
        return {"why": "value"}
    match measure:
        case Share():
            if measure.sample is not (spec.type is MeasureType.SAMPLE):
                return {"why": "share", "expected": spec.type}
            if min(measure.passed, measure.skipped, measure.failed) < 0:
                return {"why": "counts"}
        case Number() | Gauge():
            if measure.dimension is not spec.dimension:
                return {"why": "type", "expected": spec.dimension, "actual": measure.dimension}
            values = (
                getattr(measure, name, None)
                for name in ("value", "least", "minimum", "maximum", "mean", "last")
            )
            if not all(math.isfinite(value) for value in values if value is not None):
                return {"why": "infinite"}
    return {}


def _not_kept(paths: Iterable[str], world: World) -> Iterator[Fact]:
    """Evidence is what lies in the folder of the attempt: only that is redacted, hashed and bounded."""
    for path in dict.fromkeys(paths):
        folder = world.evidence.path
        file = folder.parents[2] / Path(path)
        if not (file.resolve().is_relative_to(folder.resolve()) and file.is_file()):
            yield fact(Code.EVIDENCE_NOT_KEPT, path=path)
