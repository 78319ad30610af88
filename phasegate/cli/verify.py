"""`phasegate verify`: whether a record holds, and is approved."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phasegate.cli.console import Color, make_console, put
from phasegate.cli.options import ColorOption

if TYPE_CHECKING:
    from rich.text import Text

    from phasegate.pipeline.verify import Verified

SCHEMA = "phasegate.verification/1"
_STYLES = {"ok": "green", "note": "dim", "waiting": "yellow", "closed": "bold red", "changed": "bold red"}


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run wrote.")],
    sha256: Annotated[
        str,
        typer.Option(
            "--sha256",
            metavar="HASH",
            help="The SHA-256 of result.json that you kept elsewhere.",
            show_default=False,
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the last line.")] = False,
    color: ColorOption = Color.AUTO,
) -> int:
    """Check that a record is as its run left it, and approved.

    It finds accidents. Whoever may write into the folder can write another record, which only a hash that
    was kept elsewhere finds: --sha256.

    The exit code is 0 for a PASS that every role asked for has approved, 3 while one is awaited, 1 for a
    FAIL, a rejection or a record that was changed, and otherwise that of the run.
    """
    from phasegate.pipeline.verify import verify as verified

    found = verified(folder, now=datetime.now(UTC), sha256=sha256)
    if as_json:
        put(json.dumps(_as_data(found), indent=2, ensure_ascii=False) + "\n")
    console = make_console(color)
    for line in _as_lines(found)[-1 if quiet else 0 :]:
        console.print(line, soft_wrap=True)
    return found.exit_code


def _as_lines(found: Verified) -> list[Text]:
    from rich.text import Text

    from phasegate.render.words import one_line

    lines = [
        Text(f"{finding.mark:<8} ", style=_STYLES[finding.mark])
        .append(f"{finding.about:<9} ", style="dim")
        .append(one_line(finding.message, 400), style="default")
        for finding in found.findings
    ]
    return [*lines, _last_line(found)]


def _last_line(found: Verified) -> Text:
    """Whether one may rely on it, and if not, the first thing that stands against it."""
    from rich.text import Text

    from phasegate.render.words import one_line

    phase = one_line(found.run.phase) if found.run else "record"
    if found.exit_code == 0:
        approved = " and approved" if found.signatures.roles else ", and nobody is asked to approve"
        return Text("verified", style="bold green").append(f"  {phase}: PASS{approved}", style="default")
    for mark in ("changed", "closed", "waiting"):
        against = [finding for finding in found.findings if finding.mark == mark]
        if against:
            more = f"; and {len(against) - 1:,} more" if len(against) > 1 else ""
            text = f"  {phase}: {one_line(against[0].message, 400)}{more}"
            return Text("not verified", style=_STYLES[mark]).append(text, style="default")
    raise AssertionError("an exit code other than 0 has a finding")


def _as_data(found: Verified) -> dict[str, Any]:
    from phasegate.render.sentences import sentence

    run = found.run
    return {
        "schema": SCHEMA,
        "run": run and run.run,
        "phase": run and run.phase,
        "verdict": run and run.verdict.value,
        "exit_code": found.exit_code,
        "result_sha256": found.sha256,
        "approvals": [
            {
                "role": role.role,
                "standing": role.standing.value,
                "until": role.until and role.until.isoformat(),
                "by": role.decided and role.decided.by,
            }
            for role in found.signatures.roles
        ],
        "sign_offs": [
            {
                "at": one.sign_off.at.isoformat(),
                "by": one.sign_off.by,
                "role": one.sign_off.role,
                "decision": one.sign_off.decision.value,
                "reason": one.sign_off.reason,
                "result_sha256": one.sign_off.result_sha256,
                "weight": one.weight.value,
            }
            for one in found.signatures.sign_offs
        ],
        "findings": [
            {"mark": item.mark.value, "about": item.about, "message": sentence(item.message)}
            for item in found.findings
        ],
    }
