from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.plans import changes, health, plan, said

NONE = plan(health(), "{id: other, kind: health, url: /}")


def budget(text: str) -> str:
    return plan(health(), "{id: other, kind: health, url: /}", rest=f"flaky: {text}\n")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (budget("1%"), budget("2%"), ["weaker: flaky budget of run: 1% (fail) -> 2% (fail)"]),
        (budget("2%"), budget("1%"), ["stronger: flaky budget of run: 2% (fail) -> 1% (fail)"]),
        (
            budget("1%"),
            budget("{max: 1%, policy: warn}"),
            ["weaker: flaky budget of run: 1% (fail) -> 1% (warn)"],
        ),
        (budget("1%"), NONE, ["weaker: flaky budget of run: 1% (fail) -> removed"]),
        (NONE, budget("1%"), ["stronger: flaky budget of run: not there -> 1% (fail)"]),
        (
            budget("1%"),
            plan(health("flaky: 5%"), "{id: other, kind: health, url: /}", rest="flaky: 1%\n"),
            ["weaker: flaky budget of run: 1% (fail) -> 5% (fail)"],
        ),
        (budget("1%"), plan(health("flaky: 1%"), "{id: other, kind: health, url: /, flaky: 1%}"), []),
    ],
)
def test_the_nearest_budget_of_each_check_counts(
    before: str, after: str, wanted: list[str], tmp_path: Path
) -> None:
    assert said(changes(tmp_path, before, after)) == wanted
