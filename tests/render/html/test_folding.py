"""Rows beyond the first of a long page are folded away, and none is lost."""

from __future__ import annotations

import base64
import gzip
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.result import CheckStatus, RunResult
from phasegate.render.html.document import render
from phasegate.render.html.folding import MOST_ROWS, fold_rows, pack
from tests.samples import passing_run

ROWS = st.lists(st.tuples(st.integers(0, 3), st.uuids()), max_size=12)


@given(st.lists(ROWS, max_size=4), st.integers(0, 20))
def test_the_rows_of_the_lowest_rank_stand_and_none_is_lost(
    groups: list[list[tuple[int, object]]], most: int
) -> None:
    folded = fold_rows(groups, lambda row: row[0], most)
    standing = [row for shown, _ in folded for row in shown]
    away = [row for _, rest in folded for row in rest]
    assert len(standing) == min(most, sum(map(len, groups)))
    assert max((row[0] for row in standing), default=0) <= min((row[0] for row in away), default=3)
    for group, (shown, rest) in zip(groups, folded, strict=True):
        assert sorted((*shown, *rest), key=group.index) == group
        assert list(shown) == [row for row in group if row in shown]
        assert list(rest) == [row for row in group if row in rest]


@given(st.text())
def test_what_is_packed_is_the_same_when_it_is_unpacked(text: str) -> None:
    assert gzip.decompress(base64.b64decode(pack(text))) == text.encode("utf-8", "backslashreplace")


def run_with_checks(count: int) -> RunResult:
    """A run of so many checks, each with one criterion that is met, the last one failed."""
    run = passing_run()
    check, criterion = run.steps[0].checks[0], run.criteria[0]
    checks = tuple(replace(check, id=f"check-{number}") for number in range(count))
    checks = (*checks[:-1], replace(checks[-1], status=CheckStatus.FAILED))
    asked = tuple(
        replace(
            criterion.asked,
            id=f"check-{number}.pass_rate",
            step=run.steps[0].id,
            criterion=replace(criterion.asked.criterion, subject=f"check-{number}"),
        )
        for number in range(count)
    )
    return replace(
        run,
        steps=(replace(run.steps[0], checks=checks),),
        criteria=tuple(replace(criterion, asked=one) for one in asked),
        gate_checks=(),
    )


def test_every_row_of_a_long_page_is_in_it_as_in_a_short_one() -> None:
    text = render(run_with_checks(MOST_ROWS + 20))
    packed = re.findall(r'<script type="text/plain" data-packed="gzip">([^<]*)</script></div>', text)
    rows = "".join(gzip.decompress(base64.b64decode(one)).decode() for one in packed)
    for place in ("criterion", "check"):
        anchors = [f'id="{place}-check-{number}' for number in range(MOST_ROWS + 20)]
        assert (
            sum(
                anchor in text for anchor in (f'{one}"' if place == "check" else f"{one}." for one in anchors)
            )
            == MOST_ROWS
        )
        assert (
            sum(
                anchor in rows for anchor in (f'{one}"' if place == "check" else f"{one}." for one in anchors)
            )
            == 20
        )
    assert f'id="check-check-{MOST_ROWS + 19}"' in text
    assert "and 20 more in <code>result.json</code>" in text


def test_a_page_that_is_not_long_has_nothing_folded_away() -> None:
    assert 'class="folded"' not in render(run_with_checks(MOST_ROWS))
