"""Where the target is, and which of its entries an address is of.

An address is of the entry that it names. One that names none is of the entry that it fits, by scheme, host,
port and path; where it fits entries with different credentials, it is refused and never guessed at.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cached_property
from itertools import islice
from typing import Any, cast
from urllib.parse import urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.base.scalars import as_text
from phasegate.base.substitution import UnknownNameError, fill, finish, insert_values, names_in
from phasegate.http.places import PORTS, fold_place, origin_of, place_of
from phasegate.world import Destination

_AUTHORITY = re.compile(r"(?:[^/?#]*://)?[^/?#]*")
"""What of an address, in template form too, says where it leads."""
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)

_LISTED = 20
"""Entries that a message names."""

Credentials = tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]

_Origin = tuple[str, tuple[str, int]]


class AmbiguousEntryError(ObservationError):
    """An address fits entries with different credentials, and none of them is named."""

    def __init__(self, url: str, entries: Iterable[Address]) -> None:
        ids = tuple(entry.id for entry in islice(entries, _LISTED))
        super().__init__(
            fact(Code.AMBIGUOUS_ENTRY, url=url[:200], entries=ids),
            help=fact(Code.NAME_THE_ENTRY, entries=ids),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One entry of the target."""

    id: str
    url: str
    """Absolute, `http` or `https`, with a path when the service has one; no slash at its end."""
    headers: tuple[tuple[str, str], ...] = ()
    tls: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    """Ports of a service in a container, by their number inside: where on `host` each is reached."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or PORTS.get(parts.scheme, 0)

    @property
    def place(self) -> tuple[str, int]:
        return fold_place(self.host, self.port)

    @property
    def places(self) -> frozenset[tuple[str, int]]:
        """Where it listens: the host and port of its URL, and its other ports."""
        return frozenset({self.place, *(fold_place(self.host, port) for port in self.ports.values())})

    @property
    def credentials(self) -> Credentials:
        """What it gets with a request and others must not."""
        headers = frozenset((name.lower(), value) for name, value in self.headers)
        return headers, frozenset(self.tls.items())

    def fits(self, url: str) -> bool:
        """Whether a URL lies below its own."""
        path = urlsplit(url).path
        own = urlsplit(self.url).path
        return not _DOT_SEGMENT.search(path) and f"{path}/".startswith(f"{own}/")


class TargetAddresses:
    """See `phasegate.world.Addresses`. An entry that has died keeps its address: what is asked of it is
    refused, and that is an observation."""

    def __init__(self, entries: Iterable[Address], default: str | None = None) -> None:
        self._entries = {entry.id: entry for entry in entries}
        if default is None and len(self._entries) == 1:
            default = next(iter(self._entries))
        self._default = self._entries.get(default or "")
        self._by_origin: dict[_Origin, list[Address]] = {}
        self._numbers = {id: number for number, id in enumerate(self._entries)}
        self._by_path: dict[_Origin, dict[str, list[Address]]] = {}
        self._of_origin: dict[_Origin, str | None] = {}
        """Which of its entries an address is of whose path fits none of them, as far as it was asked; None
        where they have different credentials."""
        self._named: dict[str, Address] = {}
        """By the names of its values."""
        self._values: dict[str, str] = {}
        for entry in self._entries.values():
            origin = origin_of(entry.url)
            self._by_origin.setdefault(origin, []).append(entry)
            self._by_path.setdefault(origin, {}).setdefault(urlsplit(entry.url).path, []).append(entry)
            named = _values(entry)
            self._values |= named
            self._named |= dict.fromkeys(named, entry)
        self._places = frozenset(place for entry in self._entries.values() for place in entry.places)

    @property
    def default(self) -> str:
        """The id of the entry that paths are on; empty without one."""
        return "" if self._default is None else self._default.id

    def url(self, path_or_url: str) -> str:
        if not path_or_url.startswith("/"):
            if "://" not in path_or_url:
                why = fact(Code.NO_SUCH_ADDRESS, text=path_or_url)
                raise ObservationError(why, help=fact(Code.WRITE_ADDRESS))
            return path_or_url
        if self._default is None:
            why = fact(Code.NO_DEFAULT_ENTRY, text=path_or_url)
            raise ObservationError(why, help=fact(Code.SET_DEFAULT_ENTRY, known=tuple(self._entries)))
        return self._default.url + path_or_url

    def destination(
        self,
        written: str,
        values: Mapping[str, Any] | None = None,
        sources: Mapping[str, Destination] | None = None,
    ) -> Destination:
        if written.startswith("/") and "$" not in written:  # as most are
            return Destination(url=self.url(written), entry=self.default)
        known = ChainMap(cast("dict[str, Any]", values or {}), self._values)
        begin = authority(written)
        try:
            text = as_text(fill(begin, known))
        except UnknownNameError as unknown:
            why = fact(Code.NO_VALUE, name=unknown.name)
            raise ObservationError(fact(Code.OF_PART, part=repr(written[:200]), why=why)) from None
        text += finish(as_text(insert_values(written[len(begin) :], known, keep=lambda _: True)))
        url = self.url(text)
        if text.startswith("/"):
            return Destination(url=url, entry=self.default)
        names = tuple(names_in(begin))
        place = place_of(url)
        named = {entry.id: entry for name in names if (entry := self._named.get(name))}
        there = [entry for entry in named.values() if place in entry.places]
        if there:
            return Destination(url=url, entry=_of_one(url, _one(there), there))
        source = next((sources[name] for name in names if sources and name in sources), Destination(url=""))
        return self.following(url, source)

    def following(self, url: str, source: Destination) -> Destination:
        entry = self._entries.get(source.entry)
        if entry is not None and origin_of(url) in (origin_of(entry.url), origin_of(source.url)):
            return Destination(url=url, entry=entry.id)
        origin = origin_of(url)
        matching = self._by_origin.get(origin, [])
        below = self._below(url, origin)
        if not below and origin not in self._of_origin:
            self._of_origin[origin] = _one(matching)
        one = _one(below) if below else self._of_origin[origin]
        return Destination(url=url, entry=_of_one(url, one, below or matching))

    def _below(self, url: str, origin: _Origin) -> list[Address]:
        """The entries of an origin below whose path a URL lies."""
        matching, by_path = self._by_origin.get(origin), self._by_path.get(origin, {})
        if not matching:
            return []
        whole = f"{urlsplit(url).path}/"
        if whole.count("/") >= len(matching):  # one is shorter to look through than the other
            return [entry for entry in matching if entry.fits(url)]
        ends = (at.start() for at in re.finditer("/", whole))
        fitting = (entry for end in ends for entry in by_path.get(whole[:end], ()) if entry.fits(url))
        return sorted(fitting, key=lambda entry: self._numbers[entry.id])

    @cached_property
    def have_paths(self) -> bool:
        """Whether the path of an address can say which entry it is of."""
        return any(path.strip("/") for paths in self._by_path.values() for path in paths)

    def headers(self, entry: str) -> tuple[tuple[str, str], ...]:
        return self._entries[entry].headers if entry in self._entries else ()

    def tls(self, entry: str) -> Mapping[str, str]:
        return self._entries[entry].tls if entry in self._entries else {}

    def declares(self, url: str) -> bool:
        return place_of(url) in self._places

    def values(self) -> Mapping[str, str]:
        return self._values

    def environment(self) -> Mapping[str, str]:
        variables = {
            f"PHASEGATE_TARGET_{entry.id.upper().replace('-', '_')}_URL": entry.url
            for entry in self._entries.values()
        }
        if self._default is not None:
            variables["PHASEGATE_TARGET_URL"] = self._default.url
        return variables


def authority(written: str) -> str:
    """The beginning of an address, in template form too, up to its path: what says where it leads."""
    found = _AUTHORITY.match(written)
    return found[0] if found else ""


def _one(fitting: list[Address]) -> str | None:
    """The id of the entry that a URL is of, of those it fits: with one set of credentials, the one with the
    longest path; None where they have several."""
    if len({entry.credentials for entry in fitting}) > 1:
        return None
    return max(fitting, key=lambda entry: len(entry.url)).id if fitting else ""


def _of_one(url: str, id: str | None, fitting: list[Address]) -> str:
    """Errors: AmbiguousEntryError."""
    if id is None:
        raise AmbiguousEntryError(url, fitting)
    return id


def _values(entry: Address) -> dict[str, str]:
    named = {"url": entry.url, "host": entry.host, "port": str(entry.port)}
    named |= {f"port.{inside}": str(port) for inside, port in entry.ports.items()}
    return {f"target.{entry.id}.{name}": value for name, value in named.items()}
