"""`phasegate run`: bring the target up, observe, judge, report, and answer with an exit code."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phasegate.base.errors import ExitCode, RecordError, UsageError
from phasegate.cli.console import Color, ProgressStyle, is_live, is_wrapped, make_console, put
from phasegate.cli.options import (
    Cases,
    Checks,
    ColorOption,
    Env,
    PlanPath,
    PolicyFile,
    Set,
    Steps,
    Tags,
    Vars,
    as_tuple,
    overrides,
)

HASH_TO_KEEP = "SHA-256 of result.json, to be kept elsewhere:"

if TYPE_CHECKING:
    from rich.console import Console

    from phasegate.pipeline.reports import Done


def run(
    plan: PlanPath,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for the record and the reports; default reports/<phase>-<time>.",
        ),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FORMAT[=PATH]",
            help="One more report, or another place for one; PATH - is stdout; repeatable.",
        ),
    ] = None,
    step: Steps = None,
    check: Checks = None,
    case: Cases = None,
    tag: Tags = None,
    env: Env = None,
    set_: Set = None,
    vars_: Vars = None,
    policy: PolicyFile = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option("--confirm", metavar="TARGET", help="Allow load on, and faults to, this target entry."),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("-x", "--fail-fast", help="Start nothing new after the first failed check.")
    ] = False,
    keep_target: Annotated[
        bool,
        typer.Option(
            "--keep-target",
            help="Keep the stack of target.compose up at the end; processes are stopped anyway.",
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", min=1, max=256, help="How many checks may run at the same time.")
    ] = 4,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of everything random; default: a random one.")
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            "--baseline",
            metavar="DIR",
            help="Folder of a run that passed, to compare criteria with; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the verdict.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print every case.")] = False,
    color: ColorOption = Color.AUTO,
    progress: Annotated[
        ProgressStyle, typer.Option("--progress", help="How progress is shown during the run.")
    ] = ProgressStyle.AUTO,
) -> int:
    """Run a plan and judge it.

    The exit code is the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 75 the target did not come up.
    """
    _refuse_without_posix()
    from phasegate.pipeline.request import RunRequest
    from phasegate.pipeline.run import execute
    from phasegate.render.terminal.live import LineView, LiveView, SilentView, View

    live = is_live(progress) and not quiet
    console = make_console(color, live=live)
    view: View = SilentView(console)
    if not quiet and progress is not ProgressStyle.NONE:
        view = LiveView(console, verbose=verbose) if live else LineView(console, verbose=verbose)
    done = execute(
        RunRequest(
            plan=plan,
            output=output,
            reports=(*as_tuple(report), *(("json=-",) if as_json else ())),
            steps=as_tuple(step),
            checks=as_tuple(check),
            cases=as_tuple(case),
            tags=as_tuple(tag),
            overrides=overrides(set_),
            variable_files=as_tuple(vars_),
            confirmed=as_tuple(confirm),
            fail_fast=fail_fast,
            keep_target=keep_target,
            jobs=jobs,
            seed=seed,
            command=("phasegate", *sys.argv[1:]),
            baselines=as_tuple(baseline),
            environment=env or "",
            policy=policy,
        ),
        view,
    )
    return show(done, console, quiet=quiet)


def _refuse_without_posix() -> None:
    """Errors: UsageError on Windows."""
    if find_spec("fcntl") is None or not hasattr(os, "killpg"):
        raise UsageError(
            "phasegate run needs a POSIX system, such as Linux: it ends programs by groups and signals",
            help="on Windows run it in WSL or a container; every command but run works here",
        )


def show(done: Done, console: Console, *, quiet: bool) -> int:
    """Print what a run or a record gives, and answer with the exit code."""
    from phasegate.render.sentences import sentence
    from phasegate.render.terminal.report import summary

    troubles = list(done.troubles)
    for text in done.to_stdout:
        try:
            put(text)
        except RecordError as error:
            troubles.append(error.message)
    wrap = is_wrapped()
    if done.sha256 and not quiet:  # the verdict is what stands last
        console.print(f"{HASH_TO_KEEP} {done.sha256}", soft_wrap=True, highlight=False)
    report = summary(done.result, width=console.width, files=done.files, quiet=quiet, wrap=wrap)
    console.print(report, soft_wrap=not wrap, crop=False)
    if done.kept:
        console.print(f"the stack is still up; take it down with: {done.kept}", soft_wrap=True, markup=False)
    for trouble in troubles:
        console.print(f"warning: {sentence(trouble)}", soft_wrap=True)
    # What was asked for and could not be delivered is evidence that somebody lacks.
    return done.result.exit_code or (int(ExitCode.INCONCLUSIVE) if troubles else int(ExitCode.PASS))
