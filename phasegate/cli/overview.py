"""The target in the overview of a plan: what is started, brought up, attached to, or there already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phasegate.plan.entries import AttachedStack, ComposeStack, ServiceEntry, Target


def target_lines(target: Target, root: Path) -> list[str]:
    """One line for each entry and each stack; none where there is no target."""
    lines = list(_lines(target, root))
    return ["target", *lines] if lines else []


def stacks_data(target: Target, root: Path) -> dict[str, Any]:
    """The stacks for programs; those that there are."""
    found: dict[str, Any] = {}
    if (compose := target.compose) is not None:
        found["compose"] = {
            "file": _name(compose.file, root),
            "services": [entry.id for entry in compose.entries],
            "profiles": list(compose.profiles),
            "project": compose.project,
        }
    if (containers := target.containers) is not None:
        found["containers"] = {
            "labels": list(containers.labels),
            "services": [entry.id for entry in containers.entries],
            "allow_faults": containers.allow_faults,
        }
    return found


def _lines(target: Target, root: Path) -> Iterator[str]:
    for process in target.processes:
        yield _line(process.id, f"starts {' '.join(process.command)}")
    for external in target.external:
        yield _line(external.id, f"is at {external.url}")
    if target.compose is not None:
        yield _line("compose", _brought_up(target.compose, root))
        yield from map(_service, target.compose.entries)
    if target.containers is not None:
        yield _line("containers", _attached(target.containers))
        yield from map(_service, target.containers.entries)


def _line(id: str, text: str) -> str:
    return f"  {id:<16} {text}"


def _brought_up(stack: ComposeStack, root: Path) -> str:
    which = f" with {', '.join(stack.services)}" if stack.services else ""
    profiles = f", profiles {', '.join(stack.profiles)}" if stack.profiles else ""
    project = f" as project {stack.project}" if stack.project else ""
    return f"brings up {_name(stack.file, root)}{which}{profiles}{project}"


def _attached(stack: AttachedStack) -> str:
    faults = "; faults allowed" if stack.allow_faults else ""
    return f"looks at what is up with {', '.join(stack.labels)}{faults}"


def _service(entry: ServiceEntry) -> str:
    port = f", port {entry.port}" if entry.port is not None else ""
    protected = ", protected" if entry.protected else ""
    return _line(f"  {entry.id}", f"service{port}{protected}")


def _name(file: Path, root: Path) -> str:
    return os.path.relpath(file, root)
