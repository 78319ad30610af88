"""The plan's target: its groups, default, commands around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from phasegate.base.substitution import names_in
from phasegate.base.tree import TreePath
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.http.places import place_of
from phasegate.plan.asked.entries import Entry, Target
from phasegate.plan.reading.addressable import Addressable
from phasegate.plan.reading.context import Context, address
from phasegate.plan.reading.ids import Ids
from phasegate.plan.reading.lacking import LackingEntries
from phasegate.plan.targets.kind import target_kinds, target_model
from phasegate.plan.text.named import Files
from phasegate.plan.text.validation import validate

_AT: TreePath = ("target",)


def addressable_in(tree: Mapping[str, Any], files: Files) -> Addressable:
    """What can be named of a target; what is malformed is left for `read_target` to say."""
    target, known = tree.get("target"), Addressable()
    if isinstance(target, Mapping):
        for key, kind in target_kinds().items():
            known = kind.addressable(known, tree, target.get(key), files)
    return known


def read_target(context: Context, tree: Any, ids: Ids) -> tuple[Target, Context]:
    """The target, and the context with its addresses and with what it lacks."""
    if tree is None:
        return Target(), context
    kinds, parts = target_kinds(), tree if isinstance(tree, Mapping) else {}
    own = {key: value for key, value in parts.items() if key not in kinds} if parts else tree
    wrong = context.unknown(_AT, own, "target")
    model: Any = target_model(*kinds.values())
    written = validate(model, tree, context.place(_AT, "target"), context.findings, silent=wrong)
    if written is None:
        context.refuse_unread(_AT, tree, wrong)
    groups = [kind.read(context, parts, ids) for kind in kinds.values()]
    target = Target(
        default=_default(context, tree),
        groups=tuple(group for group in groups if group is not None),
        setup=() if written is None else context.commands((*_AT, "setup"), written.setup),
        teardown=() if written is None else context.commands((*_AT, "teardown"), written.teardown),
    )
    target = _with_needed(target, parts)
    _report_taken(context, target, parts)
    completed = _complete_context(context, target, parts)
    for group in target.groups:
        kinds[group.key].check(completed, group)
    return target, completed


def _complete_context(context: Context, target: Target, parts: Mapping[str, Any]) -> Context:
    # An entry with which something is wrong is called by its id all the same.
    urls = {id: f"http://{id}" for id in context.entries}
    urls |= {entry.id: entry.stand_in for entry in target}
    addresses: dict[str, str] = {}
    for id, url in urls.items():
        addresses |= address(id, url)
    addresses |= context.entries.numbered
    located = {key for key, kind in target_kinds().items() if kind.group.located}
    located_ids = frozenset(id for id, key in context.entries.keys.items() if key in located)
    missing = {entry.id: entry.missing_secrets for entry in target if entry.missing_secrets}
    netlocs = {id: urlsplit(addresses[f"target.{id}.url"]).netloc for id in missing if id in located_ids}
    context = replace(
        context,
        addresses=addresses,
        places=_ports_by_host(url for name, url in addresses.items() if name.endswith(".url")),
        target=TargetAddresses(_places(target), target.default),
        located=located_ids,
        default_entry=target.default,
        lacking=LackingEntries(missing, netlocs),
    )
    commands = [parts.get("setup"), parts.get("teardown")]
    everywhere = [*context.missing_in(commands)]
    if any(commands):
        everywhere += context.missing_by_use(commands, by_address=False)
    for group in target.groups:
        if group.together and not group.there_before:
            everywhere += [name for entry in group.entries for name in entry.missing_secrets]
    return replace(context, missing_everywhere=tuple(dict.fromkeys(everywhere)))


def _ports_by_host(urls: Iterable[str]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for place in map(place_of, urls):
        if place is not None:
            found.setdefault(place[0], set()).add(place[1])
    return {host: frozenset(ports) for host, ports in found.items()}


def _with_needed(target: Target, parts: Mapping[str, Any]) -> Target:
    """The target with entries that lack, too, what those lack whose addresses they are given."""
    lacking = {
        entry.id: entry.missing_secrets
        for group in target.groups
        if not group.together and not group.uses_others
        for entry in group.entries
    }

    def needing(entry: Entry, tree: Any) -> Entry:
        used = (name.split(".") for name in names_in(tree))
        more = (name for first, *rest in used if first == "target" for name in lacking.get(rest[0], ()))
        lacking[entry.id] = tuple(dict.fromkeys((*entry.missing_secrets, *more)))
        return replace(entry, missing_secrets=lacking[entry.id])

    return target.with_entries(
        lambda group: (
            needing(entry, parts[group.key][entry.id]) if group.uses_others else entry
            for entry in group.entries
        )
    )


def _places(target: Target) -> Iterator[Address]:
    for entry in target:
        url = entry.stand_in
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


def _report_taken(context: Context, target: Target, parts: Mapping[str, Any]) -> None:
    """Report services with the id of another entry of the target."""
    owners: dict[str, str] = {}
    for group in target.groups:
        kind = target_kinds()[group.key]
        for entry in group.entries:
            if kind.by_id or entry.id not in owners:
                under = "under" if kind.by_id else "a service of"
                owners[entry.id] = f"also {under} target.{group.key}"
                continue
            message = f"service {entry.id!r} of target.{group.key} is {owners[entry.id]}"
            help = "entries of a target are told apart by their ids: rename the other one"
            path = kind.place(parts, entry.id)
            context.findings.add(context.document, path, message, help=help, key=True)
    variables: dict[str, str] = {}
    for id in owners:
        variable = f"PHASEGATE_TARGET_{id.upper().replace('-', '_')}_URL"
        if variables.setdefault(variable, id) != id:
            message = f"entries {variables[variable]!r} and {id!r} would both be {variable} to programs"
            context.findings.add(context.document, _AT, message, help="rename one of them", key=True)
