"""Every mistake in `bad/*.yaml` is said at once, as `bad/*.txt` has it: place, message, caret, help."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from phasegate.base.errors import PlanError, Problem
from phasegate.plan.loader import load
from phasegate.render.sentences import sentence
from tests.conftest import HoldAgainst
from tests.plan.conftest import REGISTRY

BAD = Path(__file__).parent / "bad"


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_mistakes_are_reported_all_at_once_in_file_order(
    name: str, monkeypatch: pytest.MonkeyPatch, golden: HoldAgainst
) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(PlanError) as raised:
        load(
            Path(f"{name}.yaml"),
            kinds=REGISTRY,
            env={"GOOD_TOKEN": "0123456789"},
            today=date(2026, 3, 10),
            policy=_policy(name),
        )
    said = "\n".join(_shown(problem) for problem in raised.value.problems)
    golden(BAD / f"{name}.txt", said)


def _policy(name: str) -> Path | None:
    """The policy that a plan is held against, where there is one."""
    policy = Path("policies") / f"{name}.yaml"
    return policy if policy.is_file() else None


def _shown(problem: Problem) -> str:
    lines = [f"{problem.at}: {sentence(problem.message)}"]
    if problem.at is not None and problem.line_text is not None:
        text = problem.line_text.replace("\t", " ")
        lines += [f"  {text}", f"  {' ' * (problem.at.column - 1)}{'^' * problem.at.width}"]
    if problem.help is not None:
        lines.append(f"  help: {problem.help}")
    return "\n".join(lines) + "\n"
