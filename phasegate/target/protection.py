"""Entries that are protected, or were there before the run: load and faults on them need a person's word."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.errors import UsageError
from phasegate.http.places import place_of
from phasegate.plan.addressable import entries_named
from phasegate.plan.entries import stand_in
from phasegate.plan.plan import Check, Plan
from phasegate.target.addresses import Address, TargetAddresses


def confirm_protected(plan: Plan, chosen: frozenset[str], confirmed: tuple[str, ...]) -> None:
    """Load and faults on a protected entry of the target need `--confirm`, and so do faults on containers
    that were there before the run. Errors: UsageError."""
    entries = {entry.id: entry for entry in plan.target}
    for name in confirmed:
        if name not in entries:
            raise UsageError(
                f"--confirm {name!r}: the target has no such entry",
                help=f"entries are {', '.join(entries) or 'none'}",
            )
    addresses = TargetAddresses(
        (Address(id=entry.id, url=stand_in(entry)) for entry in plan.target), plan.target.default
    )
    # Before it is up a service is called by its id, whichever of its ports is meant.
    services = {entry.id for entry in plan.target.services}
    loaded = ((check, url) for check in plan.checks() if check.id in chosen for url in _loaded_urls(check))
    for check, url in loaded:
        entry = entries.get(addresses.entry(url) or _host(url, services) or next(entries_named(url), ""))
        if entry is not None and entry.protected and entry.id not in confirmed:
            raise UsageError(
                f"check {check.id!r} puts load on the protected target {entry.id!r}",
                help=f"allow it with --confirm {entry.id}",
            )
    _confirm_faults(plan, chosen, confirmed)


def _confirm_faults(plan: Plan, chosen: frozenset[str], confirmed: tuple[str, ...]) -> None:
    attached = () if plan.target.containers is None else plan.target.containers.entries
    protected = {entry.id for entry in plan.target if entry.protected}
    there_before = {entry.id for entry in attached}
    for fault in plan.faults():
        if fault.check not in chosen or fault.target in confirmed:
            continue
        if fault.target in protected | there_before:
            why = "protected" if fault.target in protected else "not of this run's making"
            raise UsageError(
                f"fault {fault.id!r} is to {fault.act} {fault.target!r}, which is {why}",
                help=f"allow it with --confirm {fault.target}",
            )


def _host(url: str, services: set[str]) -> str:
    place = place_of(url)
    return place[0] if place is not None and place[0] in services else ""


def _loaded_urls(check: Check) -> Iterator[str]:
    for part in check.parts:
        yield from part.targets
