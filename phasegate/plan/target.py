"""The plan's target: entries, default, commands around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phasegate.fields import Located
from phasegate.plan.context import Context, address
from phasegate.plan.entries import ExternalEntry, ProcessEntry, Ready, Target, Tls
from phasegate.plan.findings import did_you_mean
from phasegate.plan.ids import Ids
from phasegate.plan.models import ExternalWritten, ProcessWritten, TargetWritten, TlsWritten
from phasegate.plan.named import named_in
from phasegate.plan.tree import TreePath, spliced
from phasegate.plan.validation import validate
from phasegate.substitution import finish

_AT: TreePath = ("target",)
GROUPS = ("processes", "external")


def entries_of(tree: Any) -> dict[str, Any]:
    """The entries of a target as written, by id; what is malformed is left for `read_target` to say."""
    target = tree.get("target")
    if not isinstance(target, Mapping):
        return {}
    groups = [group for name in GROUPS if isinstance(group := target.get(name), Mapping)]
    return {id: entry for group in groups for id, entry in group.items() if not id.startswith("x-")}


def read_target(context: Context, tree: Any, ids: Ids) -> tuple[Target, Context]:
    """The target, and the context with its addresses and with what it lacks."""
    if tree is None:
        return Target(), context
    place = context.place(_AT, "target")
    wrong = context.unknown(
        _AT,
        {k: v for k, v in tree.items() if k not in GROUPS} if isinstance(tree, Mapping) else tree,
        "target",
    )
    written = validate(TargetWritten, tree, place, context.findings, silent=wrong)
    if written is None:
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
    entries = _entries(groups)
    target = Target(
        default=_default(context, tree, [id for _, id, _ in entries]),
        processes=tuple(processes),
        external=tuple(external),
        setup=() if written is None else context.commands((*_AT, "setup"), written.setup),
        teardown=() if written is None else context.commands((*_AT, "teardown"), written.teardown),
    )
    return target, _completed(context, target, tree, entries)


def _entries(groups: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (name, id, entry)
        for name, group in groups.items()
        if isinstance(group, Mapping)
        for id, entry in group.items()
        if not id.startswith("x-")
    ]


def _completed(context: Context, target: Target, tree: Any, entries: list[tuple[str, str, Any]]) -> Context:
    urls = {entry.id: entry.url for entry in target.external}
    addresses: dict[str, str] = {}
    for _, id, _ in entries:
        addresses |= address(id, urls.get(id))
    missing = {entry.id: entry.missing_secrets for entry in target if entry.missing_secrets}
    everywhere = [name for process in target.processes for name in process.missing_secrets]
    everywhere += missing.get(target.default or "", ())
    if isinstance(tree, Mapping):
        everywhere += context.missing_in([tree.get("setup"), tree.get("teardown")])
    return replace(
        context,
        addresses=addresses,
        external=frozenset(id for group, id, _ in entries if group == "external"),
        default_entry=target.default,
        missing_by_entry=missing,
        missing_everywhere=tuple(dict.fromkeys(everywhere)),
    )


def _default(context: Context, tree: Any, entries: list[str]) -> str | None:
    default = tree.get("default") if isinstance(tree, Mapping) else None
    if not isinstance(default, str):
        return entries[0] if len(entries) == 1 else None
    if default not in entries:
        message = f"target: there is no entry {default!r}"
        help = did_you_mean(default, entries, "entries")
        context.findings.add(context.document, (*_AT, "default"), message, help=help)
    return default


def _process(context: Context, path: TreePath, id: str, tree: Any) -> ProcessEntry | None:
    wrong = context.unknown(path, tree, "target", "self")
    missing = context.missing_in(tree)
    tree = _with_files(context, path, ProcessWritten, context.with_secrets(tree))
    written = validate(
        ProcessWritten, tree, context.place(path, f"target {id!r}"), context.findings, silent=wrong
    )
    if written is None:
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
        tls=_tls(written.tls),
        protected=written.protected,
        missing_secrets=missing,
        at=context.document.key_at(path),
    )


def _external(context: Context, path: TreePath, id: str, tree: Any) -> ExternalEntry | None:
    missing = context.missing_in(tree)
    tree, wrong = context.settled(path, tree)
    tree = _with_files(context, path, ExternalWritten, tree)
    wrong = (
        *wrong,
        *((("url",),) if context.missing_in(tree.get("url") if isinstance(tree, Mapping) else ()) else ()),
    )
    written = validate(
        ExternalWritten, tree, context.place(path, f"target {id!r}"), context.findings, silent=wrong
    )
    if written is None:
        return None
    return ExternalEntry(
        id=id,
        url=written.url,
        headers=tuple(written.headers.items()),
        tls=_tls(written.tls),
        protected=written.protected,
        missing_secrets=missing,
        at=context.document.key_at(path),
    )


def _with_files(context: Context, path: TreePath, model: Any, tree: Any) -> Any:
    """The tree of an entry with the files that it names looked for and made absolute."""
    if not isinstance(tree, Located):
        return tree
    for named in list(named_in(model, tree)):
        name = finish(named.value)
        wrong = context.files.wrong_with(name, folder_allowed=False)
        if wrong is not None and not context.values.elsewhere:
            context.findings.add(context.document, (*path, *named.path), wrong)
        tree = spliced(tree, named.path, str(context.files.locate(name)))
    return tree


def _tls(written: TlsWritten) -> Tls:
    return Tls(ca=written.ca, cert=written.cert, key=written.key)
