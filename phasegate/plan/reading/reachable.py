"""Whether the target has what a check asks: an entry for addresses, the hosts of load, services by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from phasegate.base.errors import ObservationError
from phasegate.base.fields import NamedDocument
from phasegate.base.substitution import expand, finish, names_in
from phasegate.base.tree import TreePath, value_at
from phasegate.base.yaml import Document
from phasegate.http.addresses import AmbiguousEntryError, authority
from phasegate.http.places import LOOPBACK, fold_place, place_of
from phasegate.http.suites.rows import Row, rows_in_file, rows_inline
from phasegate.kinds.base import NAMING_SERVICES, CheckParams, Kind
from phasegate.plan.reading.addressable import entries_named
from phasegate.plan.reading.context import Context
from phasegate.plan.text.named import addresses_in, find_named

_AMBIGUOUS = 20
"""Addresses of one parameter that are reported as those of several entries."""
_WRITTEN_HOST = re.compile(r"https?://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/:?#]*)")


class Where(NamedTuple):
    """The check that is looked at, as it is written."""

    context: Context
    path: TreePath
    tree: Mapping[str, Any]
    subject: str


def check_addresses(where: Where, kind: Kind[Any], asked: tuple[str, ...], targets: tuple[str, ...]) -> None:
    """Paths need a default entry; load is sent nowhere but to the target.

    `asked`: see `Kind`. `targets`: see `Part`.
    """
    context = where.context
    on_default = next((address for address in (*asked, *targets) if address.startswith("/")), None)
    if on_default is not None and context.default_entry is None:
        message = f"{where.subject}: {on_default!r} is on the target's default entry, and there is none"
        several = "say which entry is meant with target: {default: <id>}"
        none = "declare a target, or write a whole URL"
        path = (*where.path, _leading_elsewhere(kind, where.tree))
        context.findings.add(context.document, path, message, help=several if context.entries else none)
        return
    for address in targets:
        if not address.startswith("/") and not _is_declared(context, address):
            message = f"{where.subject}: {address!r} is not on the target, and load is sent nowhere else"
            help = "declare it under target: {external: {<id>: {url: ...}}}"
            path = (*where.path, _leading_elsewhere(kind, where.tree))
            context.findings.add(context.document, path, message, help=help)


def _leading_elsewhere(kind: Kind[Any], tree: Mapping[str, Any]) -> str | int:
    """The first parameter in which an address stands, or else a file that has some."""
    documents = (one for one in find_named(kind.Params, tree) if isinstance(one.mark, NamedDocument))
    addresses = (path[0] for path, _ in addresses_in(kind.Params, tree))
    return next(addresses, None) or next((one.path[0] for one in documents), "url")


def check_entry(
    context: Context, document: Document, path: TreePath, address: str, *rows_written: Any
) -> frozenset[str]:
    """The entries that an address in template form is of, as far as it is known where it leads; an address
    that fits some with different credentials is reported.

    `rows_written`: rows, or the file that has them, whose values are put into it.
    """
    if address.startswith("/") and "$" not in address:  # as most do
        return frozenset((context.target.default,)) if context.target.default else frozenset()
    begin = authority(address)
    begins = set(names_in(begin))
    if rows_written and begins and not context.target.have_paths:
        address = address[: len(begin) + 1]  # what follows says nothing of where it leads
    key = context.target, address, *(map(repr, rows_written) if begins else ())
    if key not in context.contents:
        context.contents[key] = _entries(context, address, begins, rows_written)
    found: frozenset[str]
    found, ambiguous = context.contents[key]
    for error in ambiguous:
        context.findings.add(document, path, error.message, help=error.help)
    return found


def _entries(
    context: Context, address: str, begins: set[str], rows_written: tuple[Any, ...]
) -> tuple[frozenset[str], tuple[AmbiguousEntryError, ...]]:
    addresses = {address: None}
    for written in rows_written if begins else ():
        values = [{name: row[name] for name in begins & set(row)} for row in _rows(context, written)]
        addresses = {expand(one, row): None for one in addresses for row in values or [{}]}
    found: set[str] = set()
    ambiguous: list[AmbiguousEntryError] = []
    for one in addresses:
        try:
            found.add(context.target.destination(one, context.addresses).entry)
        except AmbiguousEntryError as error:
            ambiguous.append(error)
        except ObservationError:
            continue  # where it leads is not known yet, or it is not an address, which is said elsewhere
    return frozenset(found - {""}), tuple(ambiguous[:_AMBIGUOUS])


def check_entries(
    context: Context, document: Document, kind: Any, tree: Any, *rows_written: Any
) -> Iterator[str]:
    """The same for every address of a document."""
    for path, address in addresses_in(kind, tree):
        each = value_at(tree, path[:-1]).get("each")
        yield from check_entry(context, document, path, address, each, *rows_written)


def _rows(context: Context, written: Any) -> Iterator[Mapping[str, Any]]:
    """The values of each row; none of a file that cannot be read, which is said where it is named."""
    rows: tuple[Row, ...] = ()
    if isinstance(written, Mapping) and written and set(written) <= {"csv", "jsonl", "order"}:
        for kind in ("csv", "jsonl"):
            if isinstance(name := written.get(kind), str):
                with suppress(OSError, ValueError):
                    rows = rows_in_file(context.files.locate(finish(name)), json_lines=kind == "jsonl")
    elif isinstance(written, Mapping | list):
        rows = rows_inline(written)
    return (row.values for row in rows)


def check_services(where: Where, kind: Kind[Any], params: CheckParams) -> None:
    """What runs in the container of a service, or looks at it, needs one that is there."""
    named = kind.services(params)
    if kind.of_containers and not named and where.context.entries.without_containers:
        message = f"{where.subject}: nothing of the target runs in containers"
        help = "bring a stack up with target.compose, or name one that is up with target.containers"
        where.context.findings.add(where.context.document, (*where.path, "kind"), message, help=help)
    for name in named:
        key = next(_naming(where.tree, name), ("kind",))
        where.context.check_service((*where.path, *key), name, subject=f"{where.subject}: ")


def _is_declared(context: Context, address: str) -> bool:
    """Whether an address can be on the target, by what is known of it."""
    named = tuple(entries_named(address))
    if not all(map(context.entries.is_plain, named)):
        return True
    for id in named:  # what is started without a container is on this machine
        address = address.replace(f"${{target.{id}.host}}", LOOPBACK)
    if "${" in address:
        found = _WRITTEN_HOST.match(address)
        if found is None or "${" in found[1]:
            return True
        written, _ = fold_place(found[1], 0)
        return written == LOOPBACK or written in context.places
    host, port = place_of(address) or ("", 0)
    # A service is called by its id, whichever of its ports is meant.
    return bool(host) and (port in context.places.get(host, ()) or host in context.entries.services)


def _naming(tree: Mapping[str, Any], service: str) -> Iterator[TreePath]:
    """Where parameters name a service."""
    for key in NAMING_SERVICES:
        value = tree.get(key)
        if value == service:
            yield (key,)
        elif isinstance(value, list) and service in value:
            yield key, value.index(service)
