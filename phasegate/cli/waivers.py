"""`phasegate waivers`: what a plan leaves open in the open, until when, and whether it still may."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phasegate.base.errors import ExitCode, UsageError
from phasegate.cli.console import Color, make_console, put
from phasegate.cli.options import ColorOption, PlanPath, Root, Set, Vars, load_as_stranger

if TYPE_CHECKING:
    from phasegate.model.waiver import Waiver

app = typer.Typer(help="Look at the waivers of a plan.", no_args_is_help=True, rich_markup_mode=None)

Today = Annotated[
    str | None, typer.Option("--today", metavar="DATE", help="Judge as of this day, UTC; default: today.")
]


@app.command("list")
def list_(
    plan: PlanPath,
    today: Today = None,
    set_: Set = None,
    vars_: Vars = None,
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    color: ColorOption = Color.AUTO,
) -> int:
    """List the waivers of a plan with their state and days left."""
    from phasegate.render.sentences import sentence
    from phasegate.render.words import one_line

    loaded = load_as_stranger(plan, set_=set_, vars_=vars_, root=root, today=_day(today))
    waivers = loaded.plan.waivers
    if as_json:
        put(json.dumps([_as_data(waiver) for waiver in waivers], indent=2, ensure_ascii=False) + "\n")
        return int(ExitCode.PASS)
    console = make_console(color)
    for waiver in waivers:
        lines = (
            f"{waiver.id}  {_state(waiver)}: {sentence(waiver.term)}",
            f"  covers    {one_line(', '.join(waiver.covers), 1_000)}",
            f"  because   {one_line(f'{waiver.reason} ({waiver.ticket})', 1_000)}",
            f"  owner     {one_line(f'{waiver.owner}, approved by {waiver.approver}')}",
        )
        console.print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
    console.print(_count_text(waivers), soft_wrap=True)
    return int(ExitCode.PASS)


@app.command()
def check(
    plan: PlanPath,
    today: Today = None,
    set_: Set = None,
    vars_: Vars = None,
    root: Root = None,
    color: ColorOption = Color.AUTO,
) -> int:
    """Check the waivers of a plan.

    The exit code is 0 when all are in force, 1 when one has expired, 2 when one is malformed.
    """
    from phasegate.cli.problems import problems_text

    loaded = load_as_stranger(plan, set_=set_, vars_=vars_, root=root, today=_day(today))
    waivers = loaded.plan.waivers
    files = {waiver.source.rpartition(":")[0] for waiver in waivers}
    console = make_console(color)
    said = [warning for warning in loaded.warnings if warning.at and warning.at.file in files]
    if said:
        console.print(problems_text(said), soft_wrap=True)
    console.print(_count_text(waivers), soft_wrap=True)
    return int(ExitCode.FAIL if any(waiver.expired for waiver in waivers) else ExitCode.PASS)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--today {text!r} is not a date", help="write it like --today 2026-12-24") from None


def _state(waiver: Waiver) -> str:
    if waiver.expired:
        return "expired"
    return "ending soon" if waiver.ends_soon else "in force"


def _count_text(waivers: tuple[Waiver, ...]) -> str:
    from phasegate.base.units import count

    states = [_state(waiver) for waiver in waivers]
    parts = [
        f"{states.count(state)} {state}"
        for state in ("expired", "ending soon", "in force")
        if state in states
    ]
    return count(len(waivers), "waiver") + (f": {', '.join(parts)}" if parts else "")


def _as_data(waiver: Waiver) -> dict[str, Any]:
    return {
        "id": waiver.id,
        "state": _state(waiver).replace(" ", "_"),
        "days_left": waiver.days_left,
        "expires": waiver.expires.isoformat(),
        "covers": list(waiver.covers),
        "owner": waiver.owner,
        "approver": waiver.approver,
        "reason": waiver.reason,
        "ticket": waiver.ticket,
        "source": waiver.source,
    }
