from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.plans import changes, health, load_check, plan, said


def stacked(check: str) -> str:
    """A plan whose target also has containers."""
    return plan(check).replace("target: {", "target: {containers: {label: shop}, ")


CASES = {
    "fewer probes": (
        plan(health("probes: 300")),
        plan(health("probes: 100")),
        ["weaker: check up probes: 300 -> 100"],
    ),
    "a longer timeout": (
        plan(health("timeout: 1s")),
        plan(health("timeout: 5s")),
        ["weaker: check up timeout: 1 s -> 5 s"],
    ),
    "probes closer together": (
        plan(health("probes: 11, every: 1s")),
        plan(health("probes: 11, every: 10ms")),
        ["weaker: check up time from first to last probe: 10 s -> 100 ms"],
    ),
    "probes further apart beside others": (
        plan(health(), rest="gate: {checks: [{id: b, kind: health, url: /, during: run, every: 10ms}]}\n"),
        plan(health(), rest="gate: {checks: [{id: b, kind: health, url: /, during: run}]}\n"),
        ["weaker: check b every: 10 ms -> 1 s"],
    ),
    "beside one check in place of the run": (
        plan(health(), rest="gate: {checks: [{id: b, kind: health, url: /, during: run}]}\n"),
        plan(health(), rest="gate: {checks: [{id: b, kind: health, url: /, during: up}]}\n"),
        ["weaker: check b during: run -> up"],
    ),
    "on its own in place of beside the run": (
        plan(health(), rest="gate: {checks: [{id: b, kind: health, url: /, during: run}]}\n"),
        plan(health(), rest="gate: {checks: [{id: b, kind: health, url: /}]}\n"),
        ["weaker: check b during: run -> none", "changed: check b limit: none -> 10m 00s"],
    ),
    "a lower cap of until decided": (
        plan(health("probes: 9000, until: decided", "success_rate >= 99%")),
        plan(health("probes: 4000, until: decided", "success_rate >= 99%")),
        ["weaker: check up probes: 9,000 -> 4,000"],
    ),
    "a lower least of until decided": (
        plan(health("probes: 9000, at_least: 500, until: decided", "success_rate >= 99%")),
        plan(health("probes: 9000, until: decided", "success_rate >= 99%")),
        ["weaker: check up at_least: 500 -> 1"],
    ),
    "a lower rate": (
        plan(load_check("rate: 200/s")),
        plan(load_check("rate: 100/s")),
        ["weaker: check steady rate: 200/s -> 100/s"],
    ),
    "a shorter duration": (
        plan(load_check("connections: 5, duration: 30s")),
        plan(load_check("connections: 5, duration: 10s")),
        ["weaker: check steady duration: 30 s -> 10 s"],
    ),
    "a service less that must be there": (
        stacked("{id: x, kind: containers, expect: [a, b], logs: [{must_not: panic}]}"),
        stacked("{id: x, kind: containers, expect: [a]}"),
        [
            "weaker: check x expect: b -> removed",
            'weaker: check x logs: {"must_not": "panic"} -> removed',
        ],
    ),
    "a service more that must be there": (
        stacked("{id: x, kind: containers, expect: {a: 1}}"),
        stacked("{id: x, kind: containers, expect: {a: 1, b: 2}}"),
        ["stronger: check x expect: not there -> b: 2"],
    ),
    "services by number in place of by name": (
        stacked("{id: x, kind: containers, expect: [a, b]}"),
        stacked("{id: x, kind: containers, expect: 2}"),
        ['changed: check x expect: ["a", "b"] -> 2'],
    ),
    "more of an image let through": (
        plan("{id: x, kind: image, image: 'a:1', ports: [80], labels: [team], stops_within: 5s}"),
        plan("{id: x, kind: image, image: 'a:1', ports: [80, 22], ignore: [user], stops_within: 9s}"),
        [
            "weaker: check x stops_within: 5 s -> 9 s",
            "weaker: check x ignore: not there -> user",
            "weaker: check x ports: not there -> 22",
            "weaker: check x labels: team -> removed",
        ],
    ),
    "fewer connections of the closed model": (
        plan(load_check("connections: 50")),
        plan(load_check("connections: 5")),
        ["weaker: check steady connections: 50 -> 5"],
    ),
    "another most of connections of the open model": (
        plan(load_check("rate: 10/s")),
        plan(load_check("rate: 10/s, connections: 20")),
        ["changed: check steady connections at most: 200 -> 20"],
    ),
    "a long ramp": (
        plan(load_check("rate: 10/s, duration: 10s")),
        plan(load_check("rate: 10/s, duration: 10s, ramp: 10s")),
        ["weaker: check steady mean level, of the highest: 100% -> 50%"],
    ),
    "a spike in place of a plateau": (
        plan(load_check("stages: [{duration: 0s, rate: 9/s}, {duration: 10s, rate: 9/s}]")),
        plan(load_check("stages: [{duration: 10s, rate: 9/s}]")),
        ["weaker: check steady mean level, of the highest: 100% -> 50%"],
    ),
    "more retries of failures": (
        plan(health("retry: {attempts: 3}")),
        plan(health("retry: {attempts: 3, on: [error, fail]}")),
        ["weaker: check up attempts on failure: 1 -> 3"],
    ),
    "a default that retries failures": (
        plan(health()),
        plan(health(), rest="defaults: {retry: {attempts: 2, on: [error, fail]}}\n"),
        ["weaker: check up attempts on failure: 1 -> 2"],
    ),
    "retries of errors": (
        plan(health()),
        plan(health("retry: {attempts: 3}")),
        ["changed: check up attempts on error: 1 -> 3"],
    ),
    "more skipped cases": (
        plan("{id: t, kind: command, command: [make], results: r.xml, allow_skipped: 1}"),
        plan("{id: t, kind: command, command: [make], results: r.xml, allow_skipped: 2}"),
        ["weaker: check t allow_skipped: 1 -> 2"],
    ),
    "redirects are followed": (
        plan(health()),
        plan(health("follow: true")),
        ["weaker: check up follow: false -> true"],
    ),
    "another URL": (
        plan(health()),
        plan("{id: up, kind: health, url: /other}"),
        ["changed: check up url: /health -> /other"],
    ),
    "another command": (
        plan("{id: c, kind: command, command: [make, test]}"),
        plan("{id: c, kind: command, command: ['true']}"),
        ['changed: check c command: ["make", "test"] -> ["true"]'],
    ),
    "a looser exit code": (
        plan("{id: c, kind: command, command: [make], expect: {exit_code: 0}}"),
        plan("{id: c, kind: command, command: [make], expect: {exit_code: [0, 1]}}"),
        ['weaker: check c expect exit_code: 0 -> {"one_of": [0, 1]}'],
    ),
    "a looser output": (
        plan(
            "{id: c, kind: command, command: [make], expect: {output: {contains: all good, matches: 'x+'}}}"
        ),
        plan("{id: c, kind: command, command: [make], expect: {output: {contains: good}}}"),
        ['weaker: check c expect output: {"contains": "all good", "matches": "x+"} -> {"contains": "good"}'],
    ),
    "a longer limit": (
        plan("{id: c, kind: command, command: [make], limit: 1m}"),
        plan("{id: c, kind: command, command: [make], limit: 5m}"),
        ["weaker: check c limit: 60 s -> 5m 00s"],
    ),
    "an entry of each less": (
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /b}}'),
        plan('{id: up, kind: health, url: "${each}", each: {a: /a}}'),
        ["weaker: check up each b: GET /b -> removed"],
    ),
    "entries that come in with fewer probes": (
        plan("{id: up, kind: health, url: /a, probes: 9}"),
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /b}, probes: 3}'),
        [
            "changed: check up each: not there -> a, b",
            "weaker: check up probes: 9 -> 3",
            "changed: check up each b url: /a -> /b",
        ],
    ),
    "one URL in place of entries": (
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /b}}'),
        plan("{id: up, kind: health, url: /a}"),
        ["weaker: check up each: a, b -> removed", "changed: check up each b url: /b -> /a"],
    ),
    "fewer probes of every entry": (
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /b}, probes: 9}'),
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /b}, probes: 3}'),
        ["weaker: check up probes: 9 -> 3"],
    ),
    "another entry of each": (
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /b}}'),
        plan('{id: up, kind: health, url: "${each}", each: {a: /a, b: /c}}'),
        ["changed: check up each b url: /b -> /c"],
    ),
    "a removed check takes its criteria along": (
        plan(health("", "latency.p95 < 1s"), load_check("rate: 1/s")),
        plan(load_check("rate: 1/s")),
        ["weaker: check up: health: GET /health -> removed"],
    ),
    "an entry of a mix less": (
        plan("{id: m, kind: load, rate: 1/s, mix: [{url: /a, weight: 3}, {url: /b}]}"),
        plan("{id: m, kind: load, rate: 1/s, mix: [{url: /a}]}"),
        ["changed: check m mix /a weight: 3 -> 1", "weaker: check m mix /b: weight 1 -> removed"],
    ),
    "another engine": (
        plan(load_check("rate: 1/s")),
        plan("{id: steady, kind: load, engine: locust, locustfile: plan.yaml, users: 1}"),
        ["changed: check steady kind: load builtin -> load locust"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_a_check_is_said_in_a_line(name: str, tmp_path: Path) -> None:
    before, after, wanted = CASES[name]
    found = changes(tmp_path, before, after)
    assert [line for line in said(found) if ": criterion " not in line] == wanted


@pytest.mark.parametrize("name", [name for name, (_, _, wanted) in CASES.items() if "weaker" in wanted[-1]])
def test_the_other_way_round_it_is_no_weaker_for_that(name: str, tmp_path: Path) -> None:
    before, after, wanted = CASES[name]
    items = {line.split(": ")[1] for line in wanted if line.startswith("weaker")}
    back = changes(tmp_path, after, before)
    assert not items & {one.item for one in back if one.direction == "weaker"}


LOCUST = "engine: locust, locustfile: s, users: 9"


@pytest.mark.parametrize(
    ("check", "smaller", "wanted"),
    [
        ("engine: k6, script: s, vus: 9, iterations: 90", ("vus: 9,", "vus: 3,"), "vus: 9 -> 3"),
        ("engine: k6, script: s, vus: 9, iterations: 90", ("90", "30"), "iterations: 90 -> 30"),
        ("engine: k6, script: s, vus: 9, duration: 9s", ("9s", "3s"), "duration: 9 s -> 3 s"),
        (
            f"{LOCUST}, spawn_rate: 9/s",
            ("users: 9", "users: 3"),
            "users: 9 -> 3",
        ),
        (
            f"{LOCUST}, spawn_rate: 9/s",
            ("9/s", "3/s"),
            "spawn_rate: 9/s -> 3/s",
        ),
        (
            "engine: locust, locustfile: s, users: 9",
            ("users: 9", "users: 9, duration: 5s"),
            "duration: 10 s -> 5 s",
        ),
    ],
)
def test_less_load_by_other_engines_is_weaker(
    check: str, smaller: tuple[str, str], wanted: str, tmp_path: Path
) -> None:
    texts = [plan(load_check(one).replace("url: /, ", "")) for one in (check, check.replace(*smaller))]
    assert said(changes(tmp_path, *texts, {"s": ""})) == [f"weaker: check steady {wanted}"]


def test_files_are_compared_by_name_and_content_wherever_the_plan_lies(tmp_path: Path) -> None:
    text = plan("{id: k, kind: load, engine: k6, script: a.js, vus: 1, duration: 1s}")
    assert changes(tmp_path, text, text, {"a.js": "1"}) == ()
    (found,) = said(changes(tmp_path, text, text, {"a.js": "1"}, {"a.js": "2"}))
    assert found.startswith("changed: check k script content: a.js (sha256 6b86b273ff34) -> a.js (sha256 ")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("path: t", "path: t/unit", "weaker: check e path: t -> t/unit"),
        ("path: t/unit", "path: t", "stronger: check e path: t/unit -> t"),
        ("path: t", "path: o", "changed: check e path: t -> o"),
        ("path: t", "path: t, args: [-m, not slow]", "weaker: check e args -m: not there -> not slow"),
        ("path: t, args: [-mslow]", "path: t, args: [-m, fast]", "weaker: check e args -m: slow -> fast"),
        (
            "path: t, args: [--deselect=a, --deselect, b]",
            "path: t, args: [--deselect=b]",
            "stronger: check e args --deselect: a -> removed",
        ),
        ("path: t", "path: t, args: [--reruns=3]", "weaker: check e args --reruns: not there -> 3"),
        ("path: t", "path: t, args: [-x]", "changed: check e args: not there -> -x"),
    ],
)
def test_fewer_tests_are_weaker(before: str, after: str, wanted: str, tmp_path: Path) -> None:
    files = {"t/unit/test_a.py": "", "o/test_b.py": ""}
    texts = [plan(f"{{id: e, kind: e2e, {one}}}") for one in (before, after)]
    assert said(changes(tmp_path, *texts, files)) == [wanted]
