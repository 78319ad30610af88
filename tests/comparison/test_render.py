from __future__ import annotations

import json
from dataclasses import replace

from phasegate.comparison import render
from phasegate.comparison.change import Change, Direction, by_environment
from phasegate.comparison.report import Guarded, settle
from phasegate.plan.asked.plan import Accepted


def change(item: str, direction: Direction = Direction.WEAKER, before: str = "1", after: str = "2") -> Change:
    return Change(item=item, before=before, after=after, direction=direction, source="plan.yaml:3")


def accepted(item: str, before: str = "1", after: str = "2") -> Accepted:
    return Accepted(item=item, before=before, after=after, approver="ann", reason="it *is*", ticket="T-1")


def settled(*changes: Change, entries: tuple[Accepted, ...] = ()) -> Guarded:
    places = dict.fromkeys(entries, "plan.yaml:9")
    return settle(changes, entries, base="a.yaml", head="b.yaml", places=places)


WHOLE = settled(
    change("check a probes"),
    change("check b url", Direction.CHANGED),
    change("check c probes", Direction.STRONGER),
    change("check d probes"),
    entries=(accepted("check d probes"), accepted("check e probes")),
)


def test_every_group_has_its_heading_and_every_change_its_line() -> None:
    assert render.text(WHOLE) == (
        "weaker:\n"
        "  plan.yaml:3: check a probes: 1 -> 2\n"
        "changed, look at it:\n"
        "  plan.yaml:3: check b url: 1 -> 2\n"
        "accepted:\n"
        "  plan.yaml:3: check d probes: 1 -> 2 (ann, T-1: it *is*)\n"
        "accepted, but not there:\n"
        "  plan.yaml:9: check e probes: 1 -> 2\n"
        "1 weaker, 1 accepted, 1 to look at, 1 stronger\n"
    )


def test_markdown_has_a_table_for_each_group() -> None:
    text = render.markdown(WHOLE)
    assert (
        "### Weaker\n\n| what | from | to | where |\n|---|---|---|---|\n| `check a probes` | `1` | `2` |"
        in text
    )
    assert "### Changed, look at it" in text
    assert "| `check d probes` | `1` | `2` | `plan.yaml:3` | ann, T-1: it \\*is\\* |" in text
    assert "### Accepted, but not there" in text


def test_what_stands_in_a_plan_cannot_break_out_of_a_line_or_a_cell() -> None:
    hostile = settled(change("check a `|` <b>", before="x\n| `` y", after="\x1b[31m`"))
    assert len(render.text(hostile).splitlines()) == 3
    assert "\x1b" not in render.text(hostile) + render.markdown(hostile)
    (row,) = [
        line for line in render.markdown(hostile).splitlines() if line.startswith("| `") or "check a" in line
    ]
    assert row == r"| ``check a `\|` <b>`` | ```x\n\| `` y``` | `` \x1b[31m` `` | `plan.yaml:3` |"


def test_json_is_whole_and_says_how_guard_exits() -> None:
    data = json.loads(render.as_json(WHOLE, strict=False))
    assert data["exit_code"] == 1
    assert [one["item"] for one in data["stronger"]] == ["check c probes"]
    assert data["accepted"][0]["approver"] == "ann"
    assert data["unused"] == [{"item": "check e probes", "from": "1", "to": "2", "source": "plan.yaml:9"}]


def test_only_what_is_weaker_fails_unless_it_is_strict() -> None:
    changed = settled(change("check b url", Direction.CHANGED))
    assert not changed.fails(strict=False)
    assert changed.fails(strict=True)
    assert not settled(change("a", Direction.STRONGER)).fails(strict=True)


def test_an_entry_lets_exactly_what_it_names_through() -> None:
    for entry in (accepted("check x"), accepted("check a", before="0"), accepted("check a", after="3")):
        guarded = settled(change("check a"), entries=(entry,))
        assert guarded.weaker
        assert not guarded.accepted
        assert [one.entry for one in guarded.unused] == [entry]


def test_what_became_stronger_needs_no_entry() -> None:
    guarded = settled(change("check a", Direction.STRONGER), entries=(accepted("check a"),))
    assert (len(guarded.stronger), len(guarded.unused)) == (1, 1)


def test_a_change_says_in_which_environments_it_is_unless_it_is_in_all() -> None:
    one, other = change("check a"), change("check b")
    found = by_environment({"": [one], "test": [one, other]})
    assert found == (one, replace(other, environments=("test",)))
    assert "check b: 1 -> 2 [only in test]" in render.text(settled(*found))
    alone = by_environment({"": [one], "test": []})
    assert "[only in the plan without --env]" in render.text(settled(*alone))
