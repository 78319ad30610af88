"""`phasegate guard`: what became weaker between two versions of a plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phasegate.base.errors import ExitCode, PlanError, Problem, UsageError
from phasegate.cli.console import put
from phasegate.cli.options import Root
from phasegate.render.sentences import sentence

if TYPE_CHECKING:
    from phasegate.comparison.side import Side


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"


def guard(
    base: Annotated[
        Path,
        typer.Argument(metavar="BASE", help="The old plan; with --base-ref, the plan.", show_default=False),
    ],
    head: Annotated[
        Path | None, typer.Argument(metavar="HEAD", help="The new plan.", show_default=False)
    ] = None,
    base_ref: Annotated[
        str,
        typer.Option("--base-ref", metavar="REF", help="Read the old plan from this git branch or commit."),
    ] = "",
    format: Annotated[
        Format, typer.Option("--format", metavar="text|markdown", help="Format of the output.")
    ] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    root: Root = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 also for changes that are not weaker, unless accepted.")
    ] = False,
) -> int:
    """Compare two versions of a plan and name what became weaker."""
    from phasegate.comparison import render
    from phasegate.comparison.compare import compare_all
    from phasegate.comparison.report import settle

    if (head is None) is not bool(base_ref):
        raise UsageError(
            "guard compares two plans, or one with what it was in git",
            help="write guard BASE HEAD, or guard --base-ref main PLAN",
        )
    with ExitStack() as stack:
        before, after = _before(stack, base, base_ref, root), _sides(head or base, root)
        changes = compare_all(before, after)
    now = after[""]
    guarded = settle(
        changes,
        now.plan.accepted,
        base=before[""].name_of_plan,
        head=now.name_of_plan,
        places={one: now.place(one.at) for one in now.plan.accepted},
    )
    told = render.as_json(guarded, strict=strict) if as_json else render.FORMATS[format](guarded)
    put(told)
    return ExitCode.FAIL if guarded.fails(strict=strict) else ExitCode.PASS


def _before(stack: ExitStack, plan: Path, base_ref: str, root: Path | None) -> Mapping[str, Side]:
    """The plan before; out of git it lies in a folder that is there until the stack ends."""
    from phasegate.comparison.base import plan_at

    if not base_ref:
        return _sides(plan, root)
    there = stack.enter_context(plan_at(base_ref, plan))
    return _sides(there.plan, there.folder, f"{there.folder}{os.sep}", f"{base_ref}:")


def _sides(path: Path, root: Path | None, folder: str = "", label: str = "") -> Mapping[str, Side]:
    """The plan with each of its environments, by name; the empty name is the plan as it is.

    Errors: PlanError, with the label in place of the folder.
    """
    from phasegate.comparison.side import Side
    from phasegate.kinds import KINDS
    from phasegate.plan.loader import load_each

    try:
        plans = load_each(path, kinds=KINDS, env=os.environ, root=root)
    except PlanError as error:
        raise PlanError(_relabel(problem, folder, label) for problem in error.problems) from None
    return {
        name: Side(plan=one.plan, unread=one.unread, folder=folder, label=label)
        for name, one in plans.items()
    }


def _relabel(problem: Problem, folder: str, label: str) -> Problem:
    if not folder:
        return problem
    at = problem.at and replace(problem.at, file=problem.at.file.replace(folder, label))
    return replace(problem, at=at, message=sentence(problem.message).replace(folder, label))
