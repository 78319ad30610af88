from __future__ import annotations

from pathlib import Path

from tests.comparison.plans import changes, health, plan, said

CHECK = health("probes: 9", "latency.p95 < 1s")


def told(folder: Path, before: str, after: str) -> list[str]:
    return said(changes(folder, plan(CHECK, rest=before), plan(CHECK, rest=after)))


def test_a_link_that_is_removed_is_weaker(tmp_path: Path) -> None:
    both = "done: [{text: Fast, by: [up.latency.p95, up.success_rate]}]\n"
    one = "done: [{text: Fast, by: [up.success_rate]}]\n"
    assert told(tmp_path, both, one) == [
        "weaker: done line 'Fast' judged by: up.latency.p95, up.success_rate -> up.success_rate"
    ]
    assert told(tmp_path, one, "done: [Fast]\n") == [
        "weaker: done line 'Fast' judged by: up.success_rate -> nothing"
    ]
    assert told(tmp_path, one, both)[0].startswith("stronger: done line 'Fast' judged by")


def test_a_line_that_is_gone_takes_its_links_with_it(tmp_path: Path) -> None:
    line = "after: [{text: Fast, by: [up.latency.p95]}]\n"
    assert told(tmp_path, line, "") == ["weaker: after line 'Fast': judged by up.latency.p95 -> removed"]
    assert told(tmp_path, "", line) == ["stronger: after line 'Fast': not there -> judged by up.latency.p95"]
    assert told(tmp_path, "after: [Fast]\n", "") == ["changed: after line 'Fast': not judged -> removed"]
    assert told(tmp_path, "", "after: [Fast]\n") == []


def test_a_line_in_other_words_is_judged_as_before(tmp_path: Path) -> None:
    before = "risks: [{title: R, measures: [{text: Fast, by: [up.latency.p95]}]}]\n"
    assert told(tmp_path, before, before.replace("Fast", "Quick")) == [
        "changed: measures of risk 'R' line: Fast -> Quick"
    ]


def test_two_lines_of_one_text_are_two_lines(tmp_path: Path) -> None:
    line = "{text: Fast, by: [up.latency.p95]}"
    before = f"done: [{line}, {line}]\n"
    weaker = "weaker: done line 'Fast' judged by: up.latency.p95 -> nothing"
    assert told(tmp_path, before, f"done: [Fast, {line}]\n") == [weaker]
    assert told(tmp_path, before, f"done: [{line}, Fast]\n") == [weaker]
    assert told(tmp_path, before, before) == []


def test_two_risks_of_one_title_are_two_risks(tmp_path: Path) -> None:
    measure = "{text: Fast, by: [up.latency.p95]}"
    other = "{title: R, measures: [Other]}"
    before = f"risks: [{{title: R, measures: [{measure}]}}, {other}]\n"
    after = f"risks: [{{title: R, measures: [Fast]}}, {other}]\n"
    assert told(tmp_path, before, after) == [
        "weaker: measures of risk 'R' line 'Fast' judged by: up.latency.p95 -> nothing"
    ]


def test_another_heading_is_looked_at(tmp_path: Path) -> None:
    before = "after: [{heading: Must be, lines: [{text: Fast, by: [up.latency.p95]}]}]\n"
    assert told(tmp_path, before, before.replace("Must be", "Would be nice")) == [
        "changed: after line 'Fast' under the heading: Must be -> Would be nice"
    ]
    assert told(tmp_path, before, "after: [{text: Fast, by: [up.latency.p95]}]\n") == [
        "changed: after line 'Fast' under the heading: Must be -> nothing"
    ]


def test_a_line_that_was_judged_by_those_below_it_is_weaker_with_fewer(tmp_path: Path) -> None:
    below = "lines: [{text: a, by: [up.latency.p95]}, {text: b, by: [up.success_rate]}]"
    before = f"done: [{{text: Fast, {below}}}]\n"
    assert told(tmp_path, before, f"done: [{{text: Fast, by: [up.success_rate], {below}}}]\n") == [
        "weaker: done line 'Fast' judged by: up.latency.p95, up.success_rate -> up.success_rate"
    ]
    both = f"done: [{{text: Fast, by: [up.success_rate, up.latency.p95], {below}}}]\n"
    assert told(tmp_path, before, both) == []
    assert told(tmp_path, before, before.replace(", by: [up.success_rate]", "")) == [
        "weaker: done line 'b' judged by: up.success_rate -> nothing"
    ]
