"""What of the target can be named before it is up: `${target.<id>.url|host|port|port.<number>}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import cached_property

from phasegate.base.dataclass import dataclass
from phasegate.base.substitution import names_in
from phasegate.plan.text.findings import did_you_mean
from phasegate.plan.written.plan import is_id

OF_ENTRY = ("url", "host", "port")
_PORT = re.compile(r"(?P<id>.*)\.port\.(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, kw_only=True)
class Addressable:
    """The ids of the target's entries, as far as they can be told from what is written."""

    plain: tuple[str, ...] = ()
    """Those that do not run in containers."""
    services: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Services in containers, with the ports that they are known to have; none: whatever is asked for."""
    odd: tuple[str, ...] = ()
    """Services with names that are not ids: programs can run in them, but they have no address."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Services that are in a file and are not brought up, and why."""
    open: bool = False
    """Whether there are services that cannot be seen from here."""
    unseen: bool = False
    """Whether containers that are up belong to the target: their services show when they are looked at."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The key of the target under which each of them is."""
    numbered: Mapping[str, str] = field(default_factory=dict)
    """`target.<id>.port.<number>`, wherever the plan has it, with a stand-in: the number itself."""

    def __iter__(self) -> Iterator[str]:
        yield from self.plain
        yield from self.services

    def __bool__(self) -> bool:
        return bool(self.plain or self.services)

    def __contains__(self, id: object) -> bool:
        return id in self.services or id in self._plain

    def is_plain(self, id: str) -> bool:
        return id in self._plain

    @cached_property
    def _plain(self) -> frozenset[str]:
        return frozenset(self.plain)

    @cached_property
    def _ports(self) -> Mapping[str, frozenset[int]]:
        return {id: frozenset(ports) for id, ports in self.services.items()}

    @cached_property
    def _odd(self) -> frozenset[str]:
        return frozenset(self.odd)

    def with_plain(self, key: str, ids: Iterable[str]) -> Addressable:
        """With entries under a key of the target that do not run in containers."""
        more = tuple(ids)
        return replace(self, plain=(*self.plain, *more), keys={**self.keys, **dict.fromkeys(more, key)})

    def may_be(self, id: str) -> bool:
        """Whether an id is one, as far as can be told."""
        return id in self or (self.open and is_id(id) and id not in self.absent)

    def has(self, rest: str) -> bool:
        """Whether `target.<rest>` gets a value."""
        id, what = _split(rest)
        known = self.may_be(id)
        if not known or isinstance(what, str):
            return known and what in OF_ENTRY
        return id not in self._plain and (not self.services.get(id) or what in self._ports[id])

    @property
    def without_containers(self) -> bool:
        """Whether nothing of the target runs in containers."""
        return not (self.services or self.odd or self.open or self.unseen)

    def wrong_with_service(self, name: str) -> tuple[str, str] | None:
        """Why no program can run in a service of this name, and what would be right."""
        if self.without_containers:
            help = "services are those of target.compose and target.containers"
            return f"there is no service {name!r}: no entry of the target runs in containers", help
        if name in self.services or name in self._odd or self.open or self.unseen:
            return None
        help = self.absent.get(name) or did_you_mean(name, (*self.services, *self.odd), "services")
        return f"there is no service {name!r}", help

    def explained(self, rest: str) -> tuple[str, str | None]:
        """What is wrong with `${target.<rest>}`, and what would be right."""
        id, what = _split(rest)
        name = f"${{target.{rest}}}"
        if id not in self:
            return f"{name}: the target has no such entry", self.help(id or rest)
        if isinstance(what, str):
            more = ", port and port.<number>" if id in self.services else " and port"
            return f"{name}: an entry has no {what!r}", f"it has url, host{more}"
        if id in self._plain:
            return f"{name}: {id!r} is not a service in containers", "it has url, host and port"
        message, help = no_such_port(id, what, self.services[id])
        return f"{name}: {message}", help

    def help(self, id: str) -> str:
        """What to do about an id that is none."""
        return self.absent.get(id) or did_you_mean(id, self, "entries")


def entries_named(address: str) -> Iterator[str]:
    """The ids of the entries whose host or port stands in an address."""
    for name in names_in(address):
        if name.startswith("target."):
            yield name.split(".")[1]


def numbered_ports(names: Iterable[str]) -> dict[str, str]:
    """The names of numbered ports among the names of `${...}`, with their stand-ins."""
    return {
        name: found["port"]
        for name in names
        if name.startswith("target.") and (found := _PORT.fullmatch(name)) is not None
    }


def no_such_port(service: str, port: int, ports: tuple[int, ...]) -> tuple[str, str]:
    """What is wrong with a port that a service does not have, and those it has."""
    known = ", ".join(str(one) for one in ports)
    message = f"service {service!r} neither publishes nor exposes port {port}"
    return message, f"its ports in the compose file: {known}"


def _split(rest: str) -> tuple[str, str | int]:
    numbered = _PORT.fullmatch(rest)
    if numbered is not None:
        return numbered["id"], int(numbered["port"])
    id, _, what = rest.rpartition(".")
    return id, what
