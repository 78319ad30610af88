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
