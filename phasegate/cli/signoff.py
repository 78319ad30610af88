"""`phasegate signoff`: one decision of one person on a record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from phasegate.base.errors import ExitCode
from phasegate.cli.console import Color, make_console
from phasegate.cli.options import ColorOption
from phasegate.cli.run import HASH_TO_KEEP
from phasegate.model.approval import Choice


def signoff(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run wrote.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")],
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="The role in which you decide; the plan names them.")
    ],
    decision: Annotated[Choice, typer.Option("--decision", help="What is decided.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")],
    color: ColorOption = Color.AUTO,
) -> int:
    """Approve or reject a run.

    The decision is added to signoffs.jsonl of the record; the run's verdict stays what it is. The exit
    code is 0 when it counts, 3 when an approval came too late, 2 when nothing was written.
    """
    from rich.text import Text

    from phasegate.model.approval import Weight
    from phasegate.pipeline.signing import sign
    from phasegate.render.approvals import roles_text, sign_off_text
    from phasegate.render.words import VERDICT_STYLE, one_line

    signed = sign(folder, by=by, role=role, decision=decision, reason=reason, now=datetime.now(UTC))
    console = make_console(color)
    console.print(one_line(sign_off_text(signed.written), 400), soft_wrap=True)
    line = Text(signed.run.verdict, style=VERDICT_STYLE[signed.run.verdict])
    line.append(f"  {one_line(signed.run.phase)}: ", style="default")
    line.append(one_line(roles_text(signed.roles), 800), style="default")
    console.print(line, soft_wrap=True)
    console.print(f"{HASH_TO_KEEP} {signed.written.sign_off.result_sha256}", soft_wrap=True, highlight=False)
    return int(ExitCode.PASS if signed.written.weight is Weight.COUNTS else ExitCode.INCONCLUSIVE)
