"""The plan's target: entries, default, commands around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from phasegate.http.addresses import Address, TargetAddresses
from phasegate.http.places import place_of
from phasegate.plan.addressable import Addressable
from phasegate.plan.context import Context, address, tls_of, with_files
from phasegate.plan.entries import (
    AttachedStack,
    ComposeStack,
    ExternalEntry,
    ProcessEntry,
    Ready,
    Target,
    stand_in,
)
from phasegate.plan.ids import Ids
from phasegate.plan.models import ExternalWritten, ProcessWritten, TargetWritten
from phasegate.plan.named import Files
from phasegate.plan.reachable import check_entry
from phasegate.plan.stacks import STACKS, place_of_service, read_attached, read_compose, with_services
from phasegate.plan.tree import TreePath, spliced
from phasegate.plan.validation import validate
from phasegate.substitution import finish, names_in

_AT: TreePath = ("target",)
NOT_SET = "http://not-set.invalid"
"""Stands for an address that is a secret and not set; nothing is asked there."""
GROUPS = ("processes", "external")


def addressable_in(tree: Mapping[str, Any], files: Files) -> Addressable:
    """What can be named of a target; what is malformed is left for `read_target` to say."""
    target = tree.get("target")
    groups = {name: target.get(name) for name in GROUPS} if isinstance(target, Mapping) else {}
    plain = Addressable(plain=tuple(id for _, id, _ in _entries(groups)))
    return with_services(plain, tree, files)


def read_target(context: Context, tree: Any, ids: Ids) -> tuple[Target, Context]:
    """The target, and the context with its addresses and with what it lacks."""
    if tree is None:
        return Target(), context
    place = context.place(_AT, "target")
    wrong = context.unknown(
        _AT,
        {k: v for k, v in tree.items() if k not in (*GROUPS, *STACKS)} if isinstance(tree, Mapping) else tree,
        "target",
    )
    written = validate(TargetWritten, tree, place, context.findings, silent=wrong)
    if written is None:
        context.refuse_unread(_AT, tree, wrong)
        groups = {name: tree.get(name) for name in GROUPS} if isinstance(tree, Mapping) else {}
    else:
        groups = {"processes": written.processes, "external": written.external}
    processes: list[ProcessEntry] = []
    external: list[ExternalEntry] = []
    for group, id, entry in _entries(groups):
        path = (*_AT, group, id)
        ids.claim(context, path, id, "entry", key=True)
        if group == "processes":
            process = _process(context, path, id, entry)
            processes += [] if process is None else [process]
        else:
            service = _external(context, path, id, entry)
            external += [] if service is None else [service]
    parts = tree if isinstance(tree, Mapping) else {}
    target = Target(
        default=_default(context, tree),
        processes=_with_needed(processes, external, _entries(groups)),
        external=tuple(external),
        compose=read_compose(context, parts.get("compose"), parts.get("default")),
        containers=read_attached(context, parts.get("containers")),
        setup=() if written is None else context.commands((*_AT, "setup"), written.setup),
        teardown=() if written is None else context.commands((*_AT, "teardown"), written.teardown),
    )
    _report_taken(context, target, tree)
    completed = _completed(context, target, tree, _entries(groups))
    for process in processes:
        path = (*_AT, "processes", process.id, "ready", "url")
        check_entry(completed, context.document, path, process.ready.url or "/")
    return target, completed


def _entries(groups: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (name, id, entry)
        for name, group in groups.items()
        if isinstance(group, Mapping)
        for id, entry in group.items()
        if not id.startswith("x-")
    ]


def _completed(context: Context, target: Target, tree: Any, entries: list[tuple[str, str, Any]]) -> Context:
    # An entry with which something is wrong is called by its id all the same.
    known = (*context.entries, *(id for _, id, _ in entries))
    urls = {id: f"http://{id}" for id in known}
    urls |= {entry.id: stand_in(entry) for entry in target}
    addresses: dict[str, str] = {}
    for id, url in urls.items():
        addresses |= address(id, url)
    addresses |= context.entries.numbered
    context = replace(
        context,
        addresses=addresses,
        places=_ports_by_host(url for name, url in addresses.items() if name.endswith(".url")),
        target=TargetAddresses(_places(target), target.default),
        external=frozenset(id for group, id, _ in entries if group == "external"),
        default_entry=target.default,
        missing_by_entry={entry.id: entry.missing_secrets for entry in target if entry.missing_secrets},
    )
    commands = [tree.get("setup"), tree.get("teardown")] if isinstance(tree, Mapping) else []
    everywhere = [*context.missing_in(commands)]
    if any(commands):
        everywhere += context.missing_by_use(commands, by_address=False)
    if target.compose is not None:
        everywhere += [name for service in target.compose.entries for name in service.missing_secrets]
    return replace(context, missing_everywhere=tuple(dict.fromkeys(everywhere)))


def _ports_by_host(urls: Iterable[str]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for place in map(place_of, urls):
        if place is not None:
            found.setdefault(place[0], set()).add(place[1])
    return {host: frozenset(ports) for host, ports in found.items()}


def _with_needed(
    processes: Sequence[ProcessEntry], external: Sequence[ExternalEntry], groups: Any
) -> tuple[ProcessEntry, ...]:
    """The processes, each lacking what those entries lack whose addresses it is given."""
    trees = {id: tree for _, id, tree in groups}
    lacking = {entry.id: entry.missing_secrets for entry in external}
    found: list[ProcessEntry] = []
    for process in processes:
        used = (name.split(".") for name in names_in(trees[process.id]))
        more = (name for first, *rest in used if first == "target" for name in lacking.get(rest[0], ()))
        missing = tuple(dict.fromkeys((*process.missing_secrets, *more)))
        lacking[process.id] = missing
        found.append(replace(process, missing_secrets=missing))
    return tuple(found)


def _places(target: Target) -> Iterator[Address]:
    for entry in target:
        url = stand_in(entry)
        if "${" not in url and place_of(url) is not None:
            yield Address(id=entry.id, url=url.rstrip("/"), headers=entry.headers, tls=entry.tls.as_mapping())


def _default(context: Context, tree: Any) -> str | None:
    default = tree.get("default") if isinstance(tree, Mapping) else None
    entries = context.entries
    if not isinstance(default, str):
        ids = tuple(entries)
        return ids[0] if len(ids) == 1 else None
    if not entries.may_be(default):
        message = f"target: there is no entry {default!r}"
        context.findings.add(context.document, (*_AT, "default"), message, help=entries.help(default))
    return default


def _report_taken(context: Context, target: Target, tree: Any) -> None:
    """Report services with the id of another entry of the target."""
    owners = {entry.id: "also under target.processes" for entry in target.processes}
    owners |= {entry.id: "also under target.external" for entry in target.external}
    for name in STACKS:
        stack: ComposeStack | AttachedStack | None = getattr(target, name)
        for entry in stack.entries if stack is not None else ():
            if entry.id not in owners:
                owners[entry.id] = f"also a service of target.{name}"
                continue
            path = place_of_service(tree, name, entry.id)
            message = f"service {entry.id!r} of target.{name} is {owners[entry.id]}"
            help = "entries of a target are told apart by their ids: rename the other one"
            context.findings.add(context.document, path, message, help=help, key=True)
    variables: dict[str, str] = {}
    for id in owners:
        variable = f"PHASEGATE_TARGET_{id.upper().replace('-', '_')}_URL"
        if variables.setdefault(variable, id) != id:
            message = f"entries {variables[variable]!r} and {id!r} would both be {variable} to programs"
            context.findings.add(context.document, _AT, message, help="rename one of them", key=True)


def _process(context: Context, path: TreePath, id: str, tree: Any) -> ProcessEntry | None:
    wrong = context.unknown(path, tree, "target", "self")
    missing = context.missing_in(tree)
    tree = with_files(context, path, ProcessWritten, context.with_secrets(tree))
    written = validate(
        ProcessWritten, tree, context.place(path, f"target {id!r}"), context.findings, silent=wrong
    )
    if written is None:
        context.leave_unread(path, f"target {id!r}", tree)
        return None
    ready = written.ready
    return ProcessEntry(
        id=id,
        command=written.command,
        env=written.env,
        cwd=context.folder((*path, "cwd"), written.cwd),
        ready=Ready(
            url=ready.url,
            tcp=ready.tcp,
            log=None if ready.log is None else finish(ready.log),
            within=ready.within,
        ),
        headers=tuple(written.headers.items()),
        tls=tls_of(written.tls),
        protected=written.protected,
        missing_secrets=missing,
        at=context.document.key_at(path),
    )


def _external(context: Context, path: TreePath, id: str, tree: Any) -> ExternalEntry | None:
    missing = context.missing_in(tree)
    tree, wrong = context.settled(path, tree)
    tree = with_files(context, path, ExternalWritten, tree)
    url = tree.get("url") if isinstance(tree, Mapping) else None
    withheld = context.values.withholds(url)
    if withheld or context.missing_in(url):
        tree = spliced(tree, ("url",), NOT_SET)
    written = validate(
        ExternalWritten, tree, context.place(path, f"target {id!r}"), context.findings, silent=wrong
    )
    if written is None:
        context.leave_unread(path, f"target {id!r}", tree)
        return None
    return ExternalEntry(
        id=id,
        url=str(url) if withheld else written.url,
        headers=tuple(written.headers.items()),
        tls=tls_of(written.tls),
        protected=written.protected,
        missing_secrets=missing,
        at=context.document.key_at(path),
    )
