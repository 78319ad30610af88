"""Entries that are protected, or were there before the run: load and faults on them need a person's word."""

from __future__ import annotations

import ipaddress
import socket

from phasegate.base.errors import UsageError
from phasegate.http.places import place_of
from phasegate.model.faults import Act
from phasegate.plan.asked.entries import Entry, Target
from phasegate.plan.asked.plan import Plan
from phasegate.plan.reading.addressable import entries_named


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
    loads = ((check, part) for check in plan.checks() if check.id in chosen for part in check.parts)
    for check, part in loads:
        for url in part.targets:
            there = _leading_to(url, plan.target)
            guards = [entry.id for entry in there if entry.protected and entry.id not in confirmed]
            addressed = {plan.target.default} if url.startswith("/") else part.entries
            meant = [entry.id for entry in there if entry.id in addressed]
            if guards and not (meant and set(meant) <= set(confirmed)):
                guard = next((id for id in guards if id in meant), guards[0])
                other = "" if guard in meant or not meant else f", where {meant[0]!r} leads too"
                raise UsageError(
                    f"check {check.id!r} puts load on the protected target {guard!r}{other}",
                    help=f"allow it with --confirm {guard}",
                )
    _confirm_faults(plan, chosen, confirmed)


def _confirm_faults(plan: Plan, chosen: frozenset[str], confirmed: tuple[str, ...]) -> None:
    protected = {entry.id for entry in plan.target if entry.protected}
    there_before = {entry.id for group in plan.target.groups if group.there_before for entry in group.entries}
    for fault in plan.faults():
        if fault.asked.check not in chosen:
            continue
        for target in fault.asked.targets:
            if target in (protected | there_before) - {*confirmed}:
                why = "protected" if target in protected else "not of this run's making"
                act = "roll out" if fault.asked.act is Act.ROLLOUT else fault.asked.act
                raise UsageError(
                    f"fault {fault.id!r} is to {act} {target!r}, which is {why}",
                    help=f"allow it with --confirm {target}",
                )


def _leading_to(url: str, target: Target) -> list[Entry]:
    """The entries at the host and port of a URL: what protects one of them protects all."""
    if url.startswith("/"):
        url = next((entry.stand_in for entry in target if entry.id == target.default), "")
    named = set(entries_named(url))
    addresses = [url, *(entry.stand_in for entry in target if entry.id in named)]
    places = {place for address in addresses if (place := _machine(place_of(address))) is not None}
    # Before it is up a service is called by its id, whichever of its ports is meant.
    named |= {host for host, _ in places}
    return [entry for entry in target if entry.id in named or _machine(place_of(entry.stand_in)) in places]


def _machine(place: tuple[str, int] | None) -> tuple[str, int] | None:
    """The place with every address of this machine as one, in any spelling: it is protected as a whole."""
    if place is None:
        return None
    host, port = place
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # 127.1, 0x7f000001
        except (OSError, UnicodeError):
            return place
    address = getattr(address, "ipv4_mapped", None) or address
    return ("127.0.0.1" if address.is_loopback or address.is_unspecified else str(address)), port
