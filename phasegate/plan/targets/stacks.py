"""Stacks in containers as a plan has them: one that Compose brings up, and containers that are up already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError, Position
from phasegate.base.fields import Located
from phasegate.base.files import read_regular
from phasegate.base.substitution import finish, names_in
from phasegate.base.tree import TreePath
from phasegate.base.yaml import MAX_BYTES
from phasegate.plan.asked.services import AttachedStack, ComposeStack, ServiceEntry
from phasegate.plan.reading.addressable import Addressable, no_such_port, numbered_ports
from phasegate.plan.reading.compose_file import (
    ComposeFile,
    ComposeService,
    read_compose_file,
    try_compose_file,
)
from phasegate.plan.reading.context import Context, pick_keys, tls_of, with_files
from phasegate.plan.reading.ids import Ids
from phasegate.plan.reading.lacking import missing_in, variables_of_compose
from phasegate.plan.targets.kind import D, G, ModelSchema, S, TargetKind
from phasegate.plan.targets.stack_warnings import warn_of
from phasegate.plan.text.findings import did_you_mean
from phasegate.plan.text.named import Files
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import is_id
from phasegate.plan.written.stacks import AttachedWritten, ComposeWritten, ServiceWritten

_COMPOSE: TreePath = ("target", "compose")
_CONTAINERS: TreePath = ("target", "containers")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ServiceRequest:
    """A service that the plan names in a stack."""

    name: str
    path: TreePath
    more: Any = None
    """What it says of it, as written."""


class OfServices(TargetKind[G, S, D]):
    """Base of the kinds whose entries are services of a stack."""

    Written: ClassVar[type[BaseModel]]
    """The stack as written; what is said of single services is validated on its own."""

    def schema(self, model: ModelSchema) -> dict[str, Any]:
        """Services are names alone, or have what is said of each, which may be nothing."""
        schema, one = model(self.Written), {"anyOf": [model(ServiceWritten), {"type": "null"}]}
        services = schema["properties"]["services"]
        schema["properties"]["services"] = {
            "description": services["description"],
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {"type": "object", "additionalProperties": one, "minProperties": 1},
            ],
        }
        return schema

    def place(self, target: Mapping[str, Any], id: str) -> TreePath:
        """Where the service is named; where it is not, the stack."""
        at = ("target", self.key)
        return next((one.path for one in _services_in(at, target.get(self.key)) if one.name == id), at)

    def why_unsampled(self, id: str) -> tuple[str, str] | None:
        help = f"a check of kind resources measures it: <check>/{id}.memory.max < 256MiB"
        return "is a service in containers, and only processes are sampled here", help


class ComposeReader(OfServices[ComposeStack, S, D]):
    """Reads the stack that Compose brings up."""

    group = ComposeStack
    about = "A stack that Compose brings up for the run and takes down at its end."
    Written = ComposeWritten

    def addressable(
        self, known: Addressable, plan: Mapping[str, Any], written: Any, files: Files
    ) -> Addressable:
        if written is None:
            return known
        names = list(names_in(plan))
        found = replace(known, numbered=numbered_ports(names))
        if isinstance(written, Mapping):
            found = _with_compose(found, written, files)
            if found.open and found.services:
                # What the file takes from others is not seen in it, so what is named is taken to be there.
                used = [name.split(".")[1] for name in names if name.startswith("target.")]
                more = {id: () for id in used if is_id(id) and id not in found and id not in found.absent}
                found = replace(found, services={**found.services, **more})
        return replace(found, keys={**found.keys, **dict.fromkeys(found.services, ComposeStack.key)})

    def read(self, context: Context, target: Mapping[str, Any], ids: Ids) -> ComposeStack | None:
        tree = target.get(self.key)
        if tree is None:
            return None
        place = context.place(_COMPOSE, "target.compose")
        own, wrong = context.settled(_COMPOSE, _without_services(tree))
        own = with_files(context, _COMPOSE, ComposeWritten, own)
        written = validate(ComposeWritten, own, place, context.findings, silent=wrong)
        asked = _services(context, _COMPOSE, tree)
        name = own.get("file") if isinstance(own, Mapping) else None
        file = _file(context, name) if isinstance(name, str) and "${" not in name else None
        if file is not None:
            _check_named(context, file, asked)
        profiles = _texts_in(own.get("profiles") if isinstance(own, Mapping) else None)
        # Not by `missing_in` of the context, as the file that is named is not a script.
        missing = missing_in(_without_services(tree), context.values.missing_secrets)
        if file is not None and written is not None:
            missing = (
                *missing,
                *_missing_in_file(context, file, written, file.up([one.name for one in asked], profiles)),
            )
        entries = tuple(_entries(context, file, asked, profiles, missing))
        if written is None or file is None:
            context.leave_unread(_COMPOSE, "target.compose", tree)
            return None
        env_file = "" if written.env_file is None else str(written.env_file)
        if env_file and context.files.wrong_with(env_file, folder_allowed=False) is None:
            with suppress(OSError, ValueError):
                context.files.hash(env_file)
        stack = ComposeStack(
            file=context.files.locate(written.file),
            services=tuple(one.name for one in asked),
            profiles=written.profiles,
            env_file=written.env_file,
            project=written.project,
            within=written.within,
            env=written.env,
            entries=entries,
            at=context.document.key_at(_COMPOSE),
        )
        warn_of(context, _COMPOSE, stack, file, target.get("default"))
        return stack


class AttachedReader(OfServices[AttachedStack, S, D]):
    """Reads what there is to say of containers that are up."""

    group = AttachedStack
    about = "Containers that are up already, found by their labels. They are looked at, never stopped."
    Written = AttachedWritten

    def addressable(
        self, known: Addressable, plan: Mapping[str, Any], written: Any, files: Files
    ) -> Addressable:
        if written is None:
            return known
        found = replace(known, numbered=numbered_ports(names_in(plan)))
        if not isinstance(written, Mapping):
            return found
        attached = {one.name: () for one in _services_in(_CONTAINERS, written) if is_id(one.name)}
        return replace(
            found,
            services={**attached, **found.services},
            unseen=True,
            keys={**found.keys, **dict.fromkeys(attached, AttachedStack.key)},
        )

    def read(self, context: Context, target: Mapping[str, Any], ids: Ids) -> AttachedStack | None:
        tree = target.get(self.key)
        if tree is None:
            return None
        place = context.place(_CONTAINERS, "target.containers")
        own, wrong = context.settled(_CONTAINERS, _without_services(tree))
        written = validate(AttachedWritten, own, place, context.findings, silent=wrong)
        missing = context.missing_in(_without_services(tree))
        asked = _services(context, _CONTAINERS, tree)
        entries = [
            _entry(context, one.path, one.name, one.more, (), missing, context.document.key_at(one.path))
            for one in asked
        ]
        for one in asked:
            if not is_id(one.name):
                message = f"service {one.name!r} cannot be addressed: its name is not an id of the plan"
                help = "leave it out here; kinds that look at containers see it all the same"
                context.findings.add(context.document, one.path, message, help=help, key=True)
        if written is None:
            context.leave_unread(_CONTAINERS, "target.containers", tree)
            return None
        return AttachedStack(
            labels=written.label,
            within=written.within,
            allow_faults=written.allow_faults,
            entries=tuple(entry for entry in entries if entry is not None),
            at=context.document.key_at(_CONTAINERS),
        )


def _with_compose(known: Addressable, compose: Mapping[str, Any], files: Files) -> Addressable:
    name = compose.get("file")
    file = (
        try_compose_file(files, finish(name)) if isinstance(name, str) and "${" not in finish(name) else None
    )
    if file is None:
        return replace(known, open=True)
    asked = [one.name for one in _services_in(_COMPOSE, compose)]
    profiles = _texts_in(compose.get("profiles"))
    up = file.up(asked, profiles)
    services = {name: one.ports for name, one in up.items() if is_id(name)}
    if file.includes:
        services |= {name: () for name in asked if is_id(name) and name not in file.services}
    return replace(
        known,
        services={**known.services, **services},
        odd=tuple(name for name in up if not is_id(name)),
        absent=file.absent(up, profiles),
        open=file.includes,
    )


def _missing_in_file(
    context: Context, file: ComposeFile, written: ComposeWritten, up: Mapping[str, ComposeService]
) -> tuple[str, ...]:
    """Secrets that are not set and that Compose would put into the services that come up."""
    secrets = context.values.missing_secrets
    if not secrets:
        return ()
    env_file = context.files.locate(written.file).parent / ".env"
    given = {*written.env, *_names_in(env_file if written.env_file is None else Path(written.env_file))}
    rest = {key: value for key, value in file.document.tree.items() if key != "services"}
    taken = variables_of_compose((one.tree for one in up.values()), rest, secrets)
    return tuple(name for name in secrets if name in taken and name not in given)


def _names_in(env_file: Path) -> Iterator[str]:
    """Variables that a file of `NAME=value` gives a value."""
    try:
        lines = read_regular(env_file, MAX_BYTES).decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if value.strip():
            yield name.strip()


def _without_services(tree: Any) -> Any:
    return pick_keys(tree, frozenset(tree) - {"services"}) if isinstance(tree, Located) else tree


def _services_in(at: TreePath, tree: Any) -> Iterator[_ServiceRequest]:
    """The services that a stack names, in a list or with more said of them."""
    services = tree.get("services") if isinstance(tree, Mapping) else None
    if isinstance(services, Mapping):
        for name, more in services.items():
            if not name.startswith("x-"):
                yield _ServiceRequest(name=name, path=(*at, "services", name), more=more)
    elif isinstance(services, list):
        for index, name in enumerate(services):
            if isinstance(name, str):
                yield _ServiceRequest(name=finish(name), path=(*at, "services", index))


def _services(context: Context, at: TreePath, tree: Any) -> list[_ServiceRequest]:
    """The same, with what is wrong reported; none twice."""
    services = tree.get("services") if isinstance(tree, Mapping) else None
    found: dict[str, _ServiceRequest] = {}
    for one in _services_in(at, tree):
        if one.name in found:
            message = f"service {one.name!r} is named twice"
            context.findings.add(context.document, one.path, message, help="leave one of them out")
        elif not (isinstance(services, list) and context.unknown(one.path, one.name)):
            found[one.name] = one
        else:
            context.leave_unread(one.path, "a service", one.name)
    help = "write a list of names, or {name: {port: 8080}} to say more of some"
    place = f"{'.'.join(str(step) for step in at)}"
    if not isinstance(services, list | Mapping | None):
        message = f"{place}: 'services' must be a list or a mapping of services"
        context.findings.add(context.document, (*at, "services"), message, help=help)
    for index, name in enumerate(services if isinstance(services, list) else ()):
        if not isinstance(name, str):
            message = f"{place}: a service is named by text"
            context.findings.add(context.document, (*at, "services", index), message, help=help)
    if services is not None and not services and isinstance(services, list | Mapping):
        message = f"{place}: 'services' names none"
        context.findings.add(
            context.document, (*at, "services"), message, help="leave it out for all of them"
        )
    return list(found.values())


def _file(context: Context, name: str) -> ComposeFile | None:
    """The compose file, hashed as one of the plan's; what is wrong with it is reported."""
    try:
        file, wrong = read_compose_file(context.files, name)
    except PlanError as error:
        for problem in error.problems:
            if problem.at is None:
                message = f"target.compose: {problem.message}"
                context.findings.add(context.document, (*_COMPOSE, "file"), message)
            else:
                context.findings.extend([problem])
        return None
    context.findings.absorb(wrong)
    return file


def _check_named(context: Context, file: ComposeFile, asked: list[_ServiceRequest]) -> None:
    if file.includes:
        return
    for one in asked:
        if one.name not in file.services:
            message = f"target.compose: the compose file has no service {one.name!r}"
            help = did_you_mean(one.name, file.services, "services")
            context.findings.add(context.document, one.path, message, help=help, key=True)


def _entries(
    context: Context,
    file: ComposeFile | None,
    asked: list[_ServiceRequest],
    profiles: list[str],
    missing: tuple[str, ...],
) -> Iterator[ServiceEntry]:
    """Every service that comes up and can be addressed, in the order of the file."""
    named = {one.name: one for one in asked}
    up = {} if file is None else file.up(named, profiles)
    keys = context.entries.keys
    elsewhere = [id for id in context.entries.services if id not in up and keys[id] == ComposeStack.key]
    for name in dict.fromkeys((*up, *elsewhere, *named)):
        one = named.get(name)
        if one is not None:
            at = context.document.key_at(one.path)
        elif name in up and file is not None:
            at = file.document.key_at(("services", name))
        else:
            at = context.document.key_at((*_COMPOSE, "file"))
        path = _COMPOSE if one is None else one.path
        ports = up[name].ports if name in up else ()
        entry = _entry(context, path, name, None if one is None else one.more, ports, missing, at)
        if entry is not None and is_id(name):
            yield entry


def _entry(
    context: Context,
    path: TreePath,
    name: str,
    tree: Any,
    ports: tuple[int, ...],
    missing: tuple[str, ...],
    at: Position,
) -> ServiceEntry | None:
    """A service with what the plan says of it; `missing`: secrets that its stack lacks."""
    if tree is None:
        return ServiceEntry(id=name, missing_secrets=missing, at=at)
    missing = tuple(dict.fromkeys((*missing, *context.missing_in(tree))))
    tree, wrong = context.settled(path, tree)
    tree = with_files(context, path, ServiceWritten, tree)
    subject = f"service {name!r}"
    written = validate(ServiceWritten, tree, context.place(path, subject), context.findings, silent=wrong)
    if written is None:
        context.leave_unread(path, subject, tree)
        return None
    if written.port is not None and ports and written.port not in ports:
        message, help = no_such_port(name, written.port, ports)
        context.findings.add(context.document, (*path, "port"), message, help=help)
    tls = tls_of(written.tls)
    return ServiceEntry(
        id=name,
        port=written.port,
        tls=tls,
        scheme=written.scheme or ("https" if tls.as_mapping() else "http"),
        headers=tuple(written.headers.items()),
        protected=written.protected,
        missing_secrets=missing,
        at=at,
    )


def _texts_in(written: Any) -> list[str]:
    return [finish(one) for one in written if isinstance(one, str)] if isinstance(written, list) else []
