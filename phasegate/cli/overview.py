"""The target in the overview of a plan: what is started, brought up, attached to, or there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phasegate.plan.asked.entries import Target


def target_lines(target: Target, root: Path) -> list[str]:
    """One line for each entry, and for each group that has more to it; none where there is no target."""
    lines = list(_lines(target, root))
    return ["target", *lines] if lines else []


def stacks_data(target: Target, root: Path) -> dict[str, Any]:
    """The stacks for programs; those that there are."""
    return {group.key: data for group in target.groups if (data := group.data(root))}


def _lines(target: Target, root: Path) -> Iterator[str]:
    for group in target.groups:
        about = group.about(root)
        if about:
            yield _line(group.key, about)
        for entry in group.entries:
            yield _line(f"  {entry.id}" if about else entry.id, entry.about)


def _line(id: str, text: str) -> str:
    return f"  {id:<16} {text}"
