"""`phasegate validate`: everything that is wrong with a plan, without running anything."""

from __future__ import annotations

from phasegate.cli.console import Color, make_console
from phasegate.cli.options import ColorOption, Env, PlanPath, PolicyFile, Root, Set, Vars, load_as_stranger


def validate(
    plan: PlanPath,
    env: Env = None,
    set_: Set = None,
    vars_: Vars = None,
    policy: PolicyFile = None,
    root: Root = None,
    color: ColorOption = Color.AUTO,
) -> int:
    """Check a plan and every file it names; nothing is run.

    No value of the environment is read, and no file outside of the repository, so the plan may be anybody's.
    """
    from phasegate.base.units import count
    from phasegate.cli.problems import problems_text
    from phasegate.plan.criteria.baseline import without_baseline

    loaded = load_as_stranger(plan, set_=set_, vars_=vars_, env=env, policy=policy, root=root)
    console = make_console(color)
    warnings = (*loaded.warnings, *without_baseline(loaded.plan))
    if warnings:
        console.print(problems_text(warnings), soft_wrap=True)
    chosen = f" with environment {env}" if env else ""
    checks, criteria = len(loaded.plan.checks()), len(loaded.plan.criteria)
    console.print(
        f"{plan}{chosen}: {count(len(loaded.plan.steps), 'step')}, {count(checks, 'check')},"
        f" {count(criteria, 'criterion', 'criteria')}, {count(len(warnings), 'warning')}",
        soft_wrap=True,
    )
    return 0
