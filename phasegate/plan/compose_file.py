"""A compose file as far as a plan needs to know it: which services there are, and on which ports.

What else stands in it is for Compose alone. Variables of the file (`${TAG:-latest}`) get their values from
Compose, so nothing is said of what depends on them; nor of what `include` and `extends` bring in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.errors import PlanError
from phasegate.plan.findings import Findings
from phasegate.plan.named import Files
from phasegate.plan.yaml import Document

ALL_PROFILES = "*"
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

    @property
    def needs(self) -> tuple[str, ...]:
        """Services that Compose starts with it."""
        return tuple(dict.fromkeys(needs_of(self.tree)))


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
        chosen, wanted = frozenset(profiles), list(services)
        if not wanted:
            return {name: one for name, one in self.services.items() if _active(one, chosen)}
        found: dict[str, ComposeService] = {}
        while wanted:
            one = self.services.get(wanted.pop(0))
            if one is None or one.name in found:
                continue
            if "extends" in one.tree or self.includes:
                # What else it needs stands elsewhere, so nothing can be left out.
                return {
                    **self.up((), chosen),
                    **{name: self.services[name] for name in services if name in self.services},
                }
            found[one.name] = one
            wanted += one.needs
        return {name: one for name, one in self.services.items() if name in found}

    def absent(self, up: Mapping[str, Any], profiles: Iterable[str]) -> dict[str, str]:
        """Services that are not brought up, and what to do about it."""
        chosen, found = frozenset(profiles), {}
        for name, one in self.services.items():
            if name in up:
                continue
            if _active(one, chosen):
                found[name] = f"the stack is brought up without {name!r}: add it to target.compose.services"
            else:
                named = ", ".join(one.profiles)
                found[name] = f"{name!r} needs a profile under target.compose.profiles: {named}"
        return found


def read_compose_file(files: Files, name: str) -> tuple[ComposeFile | None, Findings]:
    """The services of a file, and what is wrong with it.

    Errors: PlanError without a position where the file cannot be read, with one where it is not YAML.
    """
    document, wrong = files.document(name, foreign_tags=True), Findings()
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


def seen(files: Files, name: str) -> ComposeFile | None:
    """As `read_compose_file`; None for a file with which something is wrong."""
    try:
        return read_compose_file(files, name)[0]
    except PlanError:
        return None


def _active(service: ComposeService, chosen: frozenset[str]) -> bool:
    profiles = service.profiles
    return not profiles or ALL_PROFILES in chosen or not chosen.isdisjoint(profiles)


def _service(name: str, tree: Mapping[str, Any]) -> ComposeService:
    published, some = _ports(tree.get("ports"))
    exposed, more = _ports(tree.get("expose"))
    streams = (port for port, protocol in published.items() if protocol == "tcp")
    return ComposeService(
        name=name,
        tree=tree,
        published=tuple(published),
        streams=tuple(streams),
        exposed=tuple(exposed),
        whole=some and more and "extends" not in tree,
    )


def _ports(written: Any) -> tuple[dict[int, str], bool]:
    """Container ports of `ports` or `expose` with their protocols, and whether each could be read."""
    if written is None:
        return {}, True
    found: dict[int, str] = {}
    whole = isinstance(written, list)
    for one in written if isinstance(written, list) else ():
        if isinstance(one, Mapping):
            one = f"{one.get('target')}/{one.get('protocol', 'tcp')}"
        ports, protocol = _port(str(one))
        found |= {port: protocol for port in ports if found.get(port) != "tcp"}
        whole = whole and bool(ports)
    return found, whole


def _port(written: str) -> tuple[range, str]:
    """`8080`, `80:8080`, `127.0.0.1:80:8080/tcp`, `9000-9002:8000-8002`: the ports in the container."""
    text, _, protocol = _VARIABLE.sub("?", written).rpartition(":")[2].partition("/")
    bounds = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text.strip())
    if bounds is None:
        return range(0), ""
    return range(int(bounds[1]), min(int(bounds[2] or bounds[1]), 65535) + 1), protocol or "tcp"


def needs_of(tree: Mapping[str, Any]) -> Iterator[str]:
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
