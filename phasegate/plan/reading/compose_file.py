"""A compose file as far as a plan needs to know it: which services there are, and on which ports.

What else stands in it is for Compose alone. Variables of the file (`${TAG:-latest}`) get their values from
Compose, so nothing is said of what depends on them; nor of what `include` and `extends` bring in.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError
from phasegate.base.yaml import COMPOSE, Document
from phasegate.plan.text.findings import Findings
from phasegate.plan.text.named import Files

ALL_PROFILES = "*"
_MOST_PORTS = 1 << 18
"""Of one service that are looked at; a range of a few characters can be of all that there are."""
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$[A-Za-z_]\w*")
_BORROWED = ("network_mode", "ipc", "pid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """One service as it is written."""

    name: str
    tree: Mapping[str, Any]
    published: tuple[int, ...] = ()
    """Ports in its container that are published on this machine."""
    streams: tuple[int, ...] = ()
    """Those of them that speak TCP."""
    exposed: tuple[int, ...] = ()
    """Those that others reach over its networks only."""
    whole: bool = True
    """Whether nothing of it comes from elsewhere: another service, or a variable for a port."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port it is known to have; empty where the file does not tell."""
        return tuple(dict.fromkeys((*self.published, *self.exposed))) if self.whole else ()

    @property
    def profiles(self) -> tuple[str, ...]:
        return tuple(_texts(self.tree.get("profiles")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """What one file tells of its services."""

    document: Document
    services: Mapping[str, ComposeService]
    includes: bool
    """Whether it takes services from other files, which cannot be seen in it."""

    @property
    def jobs(self) -> tuple[str, ...]:
        """Services that another one waits for until they have ended well."""
        waited = (
            name
            for service in self.services.values()
            if isinstance(needs := service.tree.get("depends_on"), Mapping)
            for name, how in needs.items()
            if isinstance(how, Mapping) and how.get("condition") == "service_completed_successfully"
        )
        return tuple(name for name in dict.fromkeys(waited) if name in self.services)

    def up(self, services: Iterable[str], profiles: Iterable[str]) -> dict[str, ComposeService]:
        """What Compose brings up when it is asked for these services, or for all when there are none."""
        asked, chosen = list(services), frozenset(profiles)
        trees = {name: one.tree for name, one in self.services.items()}
        found = coming_up(trees, asked, chosen)
        if asked and found and (self.includes or any("extends" in trees[name] for name in found)):
            # What else they need stands elsewhere, so nothing can be left out.
            found = tuple(dict.fromkeys((*coming_up(trees, (), chosen), *(n for n in asked if n in trees))))
            return {name: self.services[name] for name in found}
        coming = frozenset(found)
        return {name: one for name, one in self.services.items() if name in coming}

    def absent(self, up: Mapping[str, Any], profiles: Iterable[str]) -> dict[str, str]:
        """Services that are not brought up, and what to do about it."""
        chosen, found = frozenset(profiles), {}
        for name, one in self.services.items():
            if name in up:
                continue
            if _active(one.tree, chosen):
                found[name] = f"the stack is brought up without {name!r}: add it to target.compose.services"
            else:
                named = ", ".join(one.profiles)
                found[name] = f"{name!r} needs a profile under target.compose.profiles: {named}"
        return found


def read_compose_file(files: Files, name: str) -> tuple[ComposeFile | None, Findings]:
    """The services of a file, and what is wrong with it.

    Errors: PlanError without a position where the file cannot be read, with one where it is not YAML.
    """
    document, wrong = files.document(name, COMPOSE), Findings()
    wrong.document(document)
    tree = document.tree
    if not isinstance(tree, Mapping):
        wrong.add(document, (), "a compose file is a mapping with 'services'")
        return None, wrong
    includes = bool(tree.get("include"))
    written = tree.get("services")
    if not isinstance(written, Mapping) and not (written is None and includes):
        help = "write them as services: {name: {image: ...}}"
        if "services" in tree:
            wrong.add(document, ("services",), "'services' must be a mapping of names to services", help=help)
        else:
            wrong.add(document, (), "the compose file has no 'services'", help=help)
        return None, wrong
    if not written and not includes:
        wrong.add(document, ("services",), "the compose file has no service", key=True)
        return None, wrong
    services = {}
    for service, one in (written or {}).items():
        if service.startswith("x-"):
            continue
        if not isinstance(one, Mapping):
            message = f"service {service!r} must be a mapping with image or build"
            wrong.add(document, ("services", service), message, key=True)
            continue
        services[service] = _service(service, one)
    return ComposeFile(document=document, services=services, includes=includes), wrong


def try_compose_file(files: Files, name: str) -> ComposeFile | None:
    """As `read_compose_file`; None for a file with which something is wrong."""
    try:
        return read_compose_file(files, name)[0]
    except PlanError:
        return None


def coming_up(
    services: Mapping[str, Mapping[str, Any]], asked: Iterable[str], profiles: Iterable[str]
) -> tuple[str, ...]:
    """The names of what Compose brings up of some services as written: those asked for with what they need,
    or all of the profiles."""
    chosen, waiting = frozenset(profiles), deque(asked)
    if not waiting:
        return tuple(name for name, tree in services.items() if _active(tree, chosen))
    found: dict[str, None] = {}
    while waiting:
        name = waiting.popleft()
        if name in services and name not in found:
            found[name] = None
            waiting += _needs_of(services[name])
    return tuple(found)


def _active(tree: Mapping[str, Any], chosen: frozenset[str]) -> bool:
    profiles = tuple(_texts(tree.get("profiles")))
    return not profiles or ALL_PROFILES in chosen or not chosen.isdisjoint(profiles)


def _service(name: str, tree: Mapping[str, Any]) -> ComposeService:
    published, some = ports_in(tree.get("ports"))
    exposed, more = ports_in(tree.get("expose"))
    return ComposeService(
        name=name,
        tree=tree,
        published=tuple(dict.fromkeys(number for number, _ in published)),
        streams=tuple(number for number, protocol in published if protocol == "tcp"),
        exposed=tuple(dict.fromkeys(number for number, _ in exposed)),
        whole=some and more and "extends" not in tree,
    )


def ports_in(written: Any) -> tuple[tuple[tuple[int, str], ...], bool]:
    """Ports of the container in `ports` or `expose`, with their protocols, and whether each could be read."""
    if written is None:
        return (), True
    found: dict[tuple[int, str], None] = {}
    whole, read = isinstance(written, list), 0
    for one in written if isinstance(written, list) else ():
        if isinstance(one, Mapping):
            one = f"{one.get('target')}/{one.get('protocol') or 'tcp'}"
        ports = _ports_of(str(one)) if read < _MOST_PORTS else ()
        read += len(ports)
        found |= dict.fromkeys(ports)
        whole = whole and bool(ports)
    return tuple(found), whole


def _ports_of(written: str) -> Sequence[tuple[int, str]]:
    """`8080`, `80:8080`, `127.0.0.1:80:8080/tcp`, `9000-9002:8000-8002`: what stands last is inside."""
    text, _, protocol = _VARIABLE.sub("?", written).rpartition(":")[2].partition("/")
    bounds = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text.strip())
    if bounds is None:
        return []
    last = min(int(bounds[2] or bounds[1]), 65535)
    return [(number, protocol or "tcp") for number in range(int(bounds[1]), last + 1)]


def _needs_of(tree: Mapping[str, Any]) -> Iterator[str]:
    """The services that one needs before it: named, linked, or because it lives in what is theirs."""
    yield from _texts(tree.get("depends_on"))
    for key in ("links", "volumes_from"):
        # docker-compose 1.29 resolves `db:ro` to `service:db:ro`.
        yield from (
            text.removeprefix("service:").partition(":")[0]
            for text in _texts(tree.get(key))
            if not text.startswith("container:")
        )
    for key in _BORROWED:
        value = tree.get(key)
        if isinstance(value, str) and value.startswith("service:"):
            yield value.removeprefix("service:")


def _texts(written: Any) -> Iterator[str]:
    """The texts of a list, or the keys of a mapping."""
    if isinstance(written, list | Mapping):
        yield from (one for one in written if isinstance(one, str))
