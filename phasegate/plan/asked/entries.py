"""The target as asked: its entries in groups, each of one kind of target, and the commands around them.

Text that refers to what is known only at run time stays in template form until `bind` puts the values in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError, Position
from phasegate.base.facts import Code, fact
from phasegate.base.substitution import UnknownNameError, finish, insert_values, names_in
from phasegate.model.faults import Act
from phasegate.model.result import TargetRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCommand:
    """A command of `setup` or `teardown`, in template form until bound."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path
    limit: float
    """Seconds."""
    inside: str = ""
    """The service in whose container it runs; empty for this machine."""
    at: Position | None = None

    def bind(self, values: Mapping[str, str]) -> PlanCommand:
        """Put target addresses in. Errors: ObservationError for an address that is not known."""
        return replace(self, argv=bound(self.argv, values), env=bound_values(self.env, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Absolute paths."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def as_mapping(self) -> dict[str, str]:
        named = {"ca": self.ca, "cert": self.cert, "key": self.key}
        return {name: str(path) for name, path in named.items() if path is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something of the target that checks address by its id; every kind of target has a class of its own."""

    compared: ClassVar[tuple[str, ...]] = ()
    """The fields in which `guard` finds it changed, beside those that every entry has."""
    id: str
    headers: tuple[tuple[str, str], ...] = ()
    tls: Tls = Tls()
    protected: bool = False
    missing_secrets: tuple[str, ...] = ()
    """Secrets it uses that are not set: it cannot be used."""
    at: Position | None = None

    @property
    def stand_in(self) -> str:
        """Its URL before it is up: what is started for the run is called by its id."""
        return f"http://{self.id}"

    @property
    def about(self) -> str:
        """Its line in the overview of a plan."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """What it is, for `guard` where the other plan does not have it."""
        raise NotImplementedError

    def record(self) -> TargetRecord:
        """How it stands in the record before anything has happened."""
        raise NotImplementedError


E = TypeVar("E", bound=Entry, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Generic[E]):
    """What a plan has under one key of its target; every kind of target has a class of its own."""

    key: ClassVar[str]
    """The key, by which `phasegate.plan.targets.kind` knows its kind."""
    together: ClassVar[bool] = False
    """Whether its entries come up together: one that lacks a secret is missed by all."""
    located: ClassVar[bool] = False
    """Whether its entries are somewhere else, at addresses that the plan has: nothing brings them up."""
    there_before: ClassVar[bool] = False
    """Whether it was there before the run."""
    uses_others: ClassVar[bool] = False
    """Whether its entries are given addresses of others, so that they come up after those."""
    acts: ClassVar[frozenset[Act]] = frozenset()
    """What faults can do to its entries."""
    has_images: ClassVar[bool] = False
    """Whether its entries run from images."""
    compared: ClassVar[tuple[str, ...]] = ()
    """The fields in which `guard` finds it changed; none: all that there is to it are its entries."""
    lenient: ClassVar[tuple[str, ...]] = ()
    """Fields that let something through where they are true."""
    entries: tuple[E, ...] = ()
    at: Position | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Services that it brings up, by their names; none: all that there are."""
        return ()

    @property
    def summary(self) -> str | Path:
        """What it is, for `guard` where the other plan does not have it."""
        return ""

    def about(self, root: Path) -> str:
        """Its line in the overview of a plan; empty where its entries say all."""
        return ""

    def data(self, root: Path) -> dict[str, Any]:
        """The same for programs."""
        return {}

    def refusal(self, id: str, act: Act) -> tuple[str, str] | None:
        """Why a fault cannot do this to one of its entries, and what could be done."""
        if act in self.acts:
            return None
        return f"{id!r} has no act {act.value!r}", f"use {', '.join(sorted(self.acts)) or 'another entry'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The stack under test."""

    default: str | None = None
    """The entry that a URL which begins with `/` is on."""
    groups: tuple[Group[Entry], ...] = ()
    """Those that the plan has, in the order of the kinds of target."""
    setup: tuple[PlanCommand, ...] = ()
    """Run once every entry is ready."""
    teardown: tuple[PlanCommand, ...] = ()
    """Always run, before the target is taken down."""
    exit_codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Services that end by themselves, and the exit codes with which checks say that they are right to."""

    def __iter__(self) -> Iterator[Entry]:
        for group in self.groups:
            yield from group.entries

    def group(self, key: str) -> Group[Entry] | None:
        return next((group for group in self.groups if group.key == key), None)

    def group_of(self, id: str) -> Group[Entry] | None:
        """The group that has an entry."""
        return next((one for one in self.groups if any(entry.id == id for entry in one.entries)), None)

    def with_entries(self, change: Callable[[Group[Entry]], Iterable[Entry]]) -> Target:
        """The target with the entries that `change` gives for each group."""
        return replace(
            self, groups=tuple(replace(group, entries=tuple(change(group))) for group in self.groups)
        )

    def without_lacking(self) -> Target:
        """What can be brought up: without entries that lack a secret."""
        return self.with_entries(
            lambda group: (one for one in group.entries if group.together or not one.missing_secrets)
        )


def entries_in(tree: Any) -> set[str]:
    """The entries of the target whose addresses texts in template form refer to."""
    return {name.split(".")[1] for name in names_in(tree) if name.startswith("target.")}


def bound(templates: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Texts with values put in. Errors: ObservationError for a name that is not known."""
    try:
        return tuple(str(finish(insert_values(template, values))) for template in templates)
    except UnknownNameError as unknown:
        raise ObservationError(fact(Code.NAME_NOT_KNOWN, name=unknown.name)) from None


def bound_values(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The same for the values of a mapping."""
    return dict(zip(templates, bound(tuple(templates.values()), values), strict=True))
