"""`phasegate plan`: what would run, in which order, and what is missing for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phasegate.cli.console import Color, make_console, put
from phasegate.cli.options import (
    Cases,
    Checks,
    ColorOption,
    Env,
    PlanPath,
    PolicyFile,
    Root,
    Set,
    Steps,
    Tags,
    Vars,
    as_tuple,
    load_as_stranger,
)
from phasegate.cli.overview import stacks_data, target_lines
from phasegate.render.sentences import sentence

if TYPE_CHECKING:
    from rich.text import Text

    from phasegate.plan.asked.plan import Check
    from phasegate.plan.loader import LoadedPlan
    from phasegate.runner.preflight import Missing


def plan(
    plan: PlanPath,
    step: Steps = None,
    check: Checks = None,
    case: Cases = None,
    tag: Tags = None,
    env: Env = None,
    set_: Set = None,
    vars_: Vars = None,
    policy: PolicyFile = None,
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    color: ColorOption = Color.AUTO,
) -> int:
    """Show what a run would do; nothing is run.

    No value of the environment is read, and no file outside of the repository, so the plan may be anybody's.
    """
    import asyncio

    from rich.text import Text

    from phasegate.cli.problems import problems_text
    from phasegate.plan.criteria.baseline import without_baseline
    from phasegate.render.words import visible
    from phasegate.runner.preflight import find_missing
    from phasegate.runner.selection import select

    loaded = load_as_stranger(plan, set_=set_, vars_=vars_, env=env, policy=policy, root=root)
    chosen, _ = select(
        loaded.plan,
        steps=as_tuple(step),
        checks=as_tuple(check),
        cases=as_tuple(case),
        tags=as_tuple(tag),
    )
    missing = asyncio.run(
        find_missing(
            [item for item in loaded.plan.checks() if item.id in chosen],
            processes=None,
            environment=os.environ,
            root=loaded.plan.root,
        )
    )
    if as_json:
        data = _as_data(loaded, chosen, missing)
        put(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return 0
    console = make_console(color)
    if warnings := (*loaded.warnings, *without_baseline(loaded.plan)):
        console.print(problems_text(warnings), soft_wrap=True)
        console.print()
    for line in _as_lines(loaded, chosen, missing):
        shown = visible(line.plain)
        console.print(line if shown == line.plain else Text(shown), soft_wrap=True)
    return 0


def _as_lines(loaded: LoadedPlan, chosen: frozenset[str], missing: Mapping[str, Missing]) -> list[Text]:
    from rich.text import Text

    from phasegate.base.units import format_seconds

    plan = loaded.plan
    lines = [Text(f"Plan {plan.record.path} for {plan.phase}: {plan.title} (nothing has been run)", "bold")]
    if loaded.environment:
        lines.append(Text(f"environment {loaded.environment}"))
    if loaded.policy is not None:
        lines.append(Text(f"policy {loaded.policy.record.name} ({loaded.policy.record.path})"))
    lines += [Text(line) for line in target_lines(plan.target, plan.root)]
    for step in plan.steps:
        order = f" after {', '.join(step.follows)}" if step.follows else ""
        needs = f", needs {', '.join(step.needs)}" if step.needs else ""
        side = ", checks side by side" if step.parallel else ""
        lines.append(Text(f"step {step.id}{order}{needs}{side}", style="bold"))
        lines += [_check_line(check, chosen, missing) for check in step.checks]
        lines += [
            Text(f"  {fault.id:<16} fault    {fault.summary} of {asked.check}, asks {sentence(asked.probe)}")
            for fault in step.faults
            for asked in [fault.asked]
        ]
    if plan.gate_checks:
        lines.append(Text("gate", style="bold"))
        lines += [_check_line(check, chosen, missing) for check in plan.gate_checks]
    secrets = [f"{secret.name} ({'set' if secret.value else 'missing'})" for secret in plan.secrets]
    if secrets:
        lines.append(Text(f"secrets: {', '.join(secrets)}"))
    known = [check.kind.duration(check.parts[0].params) or 0.0 for check in plan.checks()]
    lines.append(
        Text(f"{len(plan.criteria)} criteria; checks of a set length add up to {format_seconds(sum(known))}")
    )
    return lines


def _check_line(check: Check, chosen: frozenset[str], missing: Mapping[str, Missing]) -> Text:
    from rich.text import Text

    line = Text(f"  {check.id:<16} {check.kind.name:<8} {sentence(check.asked.summary)}")
    if check.asked.during:
        line.append(f"  during {check.asked.during}")
    if check.each:
        line.append(f"  each of {', '.join(part.name for part in check.parts)}")
    if check.retry.attempts > 1:
        line.append(f"  up to {check.retry.attempts} attempts")
    if check.id not in chosen:
        line.append("  not selected", style="dim")
    elif check.id in missing:
        line.append(f"\n    will not run: {sentence(missing[check.id].reason)}", style="yellow")
        if missing[check.id].help:
            line.append(f"\n    {sentence(missing[check.id].help)}", style="dim")
    return line


def _as_data(loaded: LoadedPlan, chosen: frozenset[str], missing: Mapping[str, Missing]) -> dict[str, Any]:
    plan = loaded.plan

    def check_data(check: Check) -> dict[str, Any]:
        lacking = missing.get(check.id)
        return {
            "id": check.id,
            "kind": check.kind.name,
            **({"package": asdict(check.kind.package)} if check.kind.package else {}),
            "summary": sentence(check.asked.summary),
            "during": check.asked.during or None,
            "parts": [part.name for part in check.parts if part.name],
            "selected": check.id in chosen,
            "missing": lacking and {"reason": sentence(lacking.reason), "help": sentence(lacking.help)},
        }

    return {
        "plan": plan.record.path,
        "sha256": plan.record.sha256,
        "phase": plan.phase,
        "title": plan.title,
        "environment": loaded.environment,
        "policy": loaded.policy and asdict(loaded.policy.record),
        "target": [entry.id for entry in plan.target],
        "stacks": stacks_data(plan.target, plan.root),
        "steps": [
            {
                "id": step.id,
                "follows": list(step.follows),
                "needs": list(step.needs),
                "parallel": step.parallel,
                "checks": [check_data(check) for check in step.checks],
                "faults": [
                    {
                        "id": fault.id,
                        "act": fault.asked.act.value,
                        "target": fault.asked.target,
                        "further": list(fault.asked.further),
                        "during": fault.asked.check,
                        "at": fault.asked.due,
                        "for": fault.asked.lasting,
                    }
                    for fault in step.faults
                ],
            }
            for step in plan.steps
        ],
        "gate": [check_data(check) for check in plan.gate_checks],
        "criteria": [
            {"id": item.id, "expression": item.expression, "level": item.level.value, "default": item.default}
            for item in plan.criteria
        ],
    }
