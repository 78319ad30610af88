"""Flags that several commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phasegate.base.errors import UsageError
from phasegate.cli.console import Color

if TYPE_CHECKING:
    from phasegate.plan.loader import LoadedPlan

PlanPath = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan to read.", show_default=False)]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a variable of the plan; repeatable."),
]
Vars = Annotated[
    list[Path] | None,
    typer.Option("--vars", metavar="FILE", help="Read values of variables from a YAML file; repeatable."),
]


def _no_empty_name(name: str | None) -> str:
    """An empty one is a variable of a script that was not set; the plan without an environment is another."""
    if name == "":
        raise UsageError("--env is empty", help="name an environment of the plan, or leave --env out")
    return name or ""


Env = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help="Use this environment of the plan.", callback=_no_empty_name),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        envvar="PHASEGATE_POLICY",
        show_envvar=True,
        help="Check the plan against the minimum requirements of this policy.",
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Read no file outside of this folder; default: the repository of the plan, or its folder.",
        show_default=False,
    ),
]
ColorOption = Annotated[Color, typer.Option("--color", help="When output is coloured.")]
Steps = Annotated[
    list[str] | None, typer.Option("--step", metavar="ID", help="Run only this step; repeatable.")
]
Checks = Annotated[
    list[str] | None, typer.Option("--check", metavar="ID", help="Run only this check; repeatable.")
]
Cases = Annotated[
    list[str] | None, typer.Option("--case", metavar="ID", help="Run only this case; repeatable.")
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Run only steps and checks with this tag.")
]


def overrides(pairs: Sequence[str] | None) -> dict[str, str]:
    """`--set` flags as a mapping. Errors: UsageError for one without `=`, and for a name given twice."""
    values: dict[str, str] = {}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"--set {pair!r} is not NAME=VALUE", help="write it like --set version=0.3.0")
        if name.strip() in values:
            raise UsageError(f"--set {name.strip()} is given twice", help="keep one of them")
        values[name.strip()] = value
    return values


def as_tuple(values: Sequence[Any] | None) -> tuple[Any, ...]:
    return tuple(values or ())


def load_as_stranger(
    plan: Path,
    *,
    set_: Sequence[str] | None = None,
    vars_: Sequence[Path] | None = None,
    env: str | None = None,
    policy: Path | None = None,
    root: Path | None = None,
    today: date | None = None,
) -> LoadedPlan:
    """A plan that is only looked at and may be anybody's: no value of the environment is read, and no file
    outside of `root`. Errors: PlanError."""
    from phasegate.kinds import KINDS
    from phasegate.plan.loader import load

    return load(
        plan,
        kinds=KINDS,
        overrides=overrides(set_),
        variable_files=as_tuple(vars_),
        env=os.environ,
        environment=env or "",
        policy=policy,
        today=today,
        stranger=True,
        root=root,
    )
