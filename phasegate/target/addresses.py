"""Where the target is: the addresses that checks, commands and tests are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from phasegate.errors import ObservationError
from phasegate.http.places import PORTS, folded, place_of


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


class TargetAddresses:
    """See `phasegate.world.Addresses`. An entry that has died keeps its address: what is asked of it is
    refused, and that is an observation."""

    def __init__(self, entries: Iterable[Address], default: str | None = None) -> None:
        self._entries = {entry.id: entry for entry in entries}
        if default is None and len(self._entries) == 1:
            default = next(iter(self._entries))
        self._default = self._entries.get(default or "")
        self._by_place: dict[tuple[str, int], list[Address]] = {}
        self._also: dict[tuple[str, int], Address] = {}
        """Places where an entry listens beside the one of its URL."""
        for entry in self._entries.values():
            self._by_place.setdefault(folded(entry.host, entry.port), []).append(entry)
            for port in entry.ports.values():
                self._also.setdefault(folded(entry.host, port), entry)

    def url(self, path_or_url: str) -> str:
        if not path_or_url.startswith("/"):
            if "://" not in path_or_url:
                raise ObservationError(
                    f"{path_or_url!r} is no address",
                    help="write an absolute URL, or a path that begins with / for the default entry",
                )
            return path_or_url
        if self._default is None:
            known = ", ".join(self._entries)
            raise ObservationError(
                f"{path_or_url!r} needs a default entry of the target",
                help=f"set target.default to one of {known}" if known else "the plan has no target",
            )
        return self._default.url + path_or_url

    def headers(self, url: str) -> tuple[tuple[str, str], ...]:
        entry = self._behind(url)
        return entry.headers if entry else ()

    def tls(self, url: str) -> Mapping[str, str]:
        entry = self._behind(url)
        return entry.tls if entry else {}

    def declares(self, url: str) -> bool:
        place = place_of(url)
        return place is not None and (place in self._by_place or place in self._also)

    def entry(self, path_or_url: str) -> str:
        """The id of the entry behind an address; empty when it is on none."""
        if path_or_url.startswith("/"):
            return self._default.id if self._default else ""
        place = place_of(path_or_url)
        entry = self._behind(path_or_url) or (self._also.get(place) if place is not None else None)
        return entry.id if entry else ""

    def values(self) -> Mapping[str, str]:
        values: dict[str, str] = {}
        for entry in self._entries.values():
            values |= {
                f"target.{entry.id}.url": entry.url,
                f"target.{entry.id}.host": entry.host,
                f"target.{entry.id}.port": str(entry.port),
            }
            values |= {f"target.{entry.id}.port.{inside}": str(port) for inside, port in entry.ports.items()}
        return values

    def environment(self) -> Mapping[str, str]:
        variables = {
            f"PHASEGATE_TARGET_{entry.id.upper().replace('-', '_')}_URL": entry.url
            for entry in self._entries.values()
        }
        if self._default is not None:
            variables["PHASEGATE_TARGET_URL"] = self._default.url
        return variables

    def _behind(self, url: str) -> Address | None:
        """The entry at a URL's host and port with its scheme; of several, the one with the longest path.

        What an entry sends along may be a secret, so neither another scheme nor another port gets it.
        """
        place = place_of(url)
        if place is None:
            return None
        scheme, path = urlsplit(url).scheme.lower(), urlsplit(url).path
        matching = [entry for entry in self._by_place.get(place, ()) if entry.url.startswith(f"{scheme}://")]
        below = [entry for entry in matching if f"{path}/".startswith(f"{urlsplit(entry.url).path}/")]
        return max(below or matching[:1], key=lambda entry: len(entry.url), default=None)
