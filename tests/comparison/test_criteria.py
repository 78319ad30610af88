from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.plans import changes, health, load_check, plan, said

RUN = "steady.success_rate >= 99%"


def both(before: str, after: str, *, check: str = "") -> tuple[str, str]:
    """Two plans that differ in one criterion."""
    checks = check or load_check("rate: 10/s, duration: 10s")
    return plan(checks, criteria=(RUN, before)), plan(checks, criteria=(RUN, after))


COMMAND = "{id: c, kind: command, command: [make], measures: {n: {regex: 'n=(\\d+)'}}}"
CASES = {
    "looser": (
        *both("steady.latency.p95 < 100ms", "steady.latency.p95 < 200ms"),
        ["weaker: criterion steady.latency.p95 threshold: < 100ms -> < 200ms"],
    ),
    "at most in place of below": (
        *both("steady.latency.p95 < 100ms", "steady.latency.p95 <= 100ms"),
        ["weaker: criterion steady.latency.p95 threshold: < 100ms -> <= 100ms"],
    ),
    "tighter": (
        *both("steady.latency.p95 < 100ms", "steady.latency.p95 < 50ms"),
        ["stronger: criterion steady.latency.p95 threshold: < 100ms -> < 50ms"],
    ),
    "the same in other words": (*both("steady.latency.p95 < 100ms", "steady.latency.p95 < 0.1 s"), []),
    "a higher quantile": (
        *both("steady.latency.p95 < 100ms", "steady.latency.p99 < 100ms"),
        ["stronger: criterion steady.latency.p95 statistic: p95 -> p99"],
    ),
    "a lower quantile": (
        *both("steady.latency.p99 < 100ms", "steady.latency.p95 < 100ms"),
        [
            "weaker: criterion steady.latency.p99: latency.p99 < 100ms -> removed",
            "stronger: criterion steady.latency.p95: not there -> latency.p95 < 100ms",
        ],
    ),
    "the other direction": (
        *both("steady.latency.p95 < 100ms", "steady.latency.p95 > 100ms"),
        ["weaker: criterion steady.latency.p95 threshold: < 100ms -> > 100ms"],
    ),
    "an absolute limit given up": (
        *both("steady.latency.p95 < 100ms", "steady.latency.p95 < baseline * 1.1"),
        ["weaker: criterion steady.latency.p95 threshold: < 100ms -> < baseline * 1.1"],
    ),
    "further from the baseline": (
        *both("steady.latency.p95 <= baseline * 1.1", "steady.latency.p95 <= baseline * 1.2"),
        ["weaker: criterion steady.latency.p95 threshold: <= baseline * 1.1 -> <= baseline * 1.2"],
    ),
    "a bound replaced by a statement": (
        *both(RUN.replace("steady", "up"), "up.success_rate == 100%", check=health("probes: 9")),
        [
            "stronger: criterion up.success_rate threshold: >= 99% -> == 100%",
            "weaker: criterion up.success_rate proof: a bound at 95% -> a statement about what was seen",
        ],
    ),
    "no confidence": (
        *both("steady.latency.p95 < 1s", "{criterion: steady.latency.p95 < 1s, confidence: none}"),
        ["weaker: criterion steady.latency.p95 proof: a bound at 95% -> observed values only"],
    ),
    "less confidence": (
        *both("steady.latency.p95 < 1s", "{criterion: steady.latency.p95 < 1s, confidence: 90%}"),
        ["weaker: criterion steady.latency.p95 confidence: 95% -> 90%"],
    ),
    "no confidence where none is used": (
        *both("c.n < 3", "{criterion: c.n < 3, confidence: none}", check=COMMAND),
        [],
    ),
    "only a warning": (
        *both("steady.latency.p95 < 1s", "{criterion: steady.latency.p95 < 1s, level: warn}"),
        ["weaker: criterion steady.latency.p95 level: block -> warn"],
    ),
    "a check that only warns": (
        plan(health("probes: 9")) + "gate: {criteria: [run.errored == 0]}\n",
        plan(health("probes: 9, level: warn")) + "gate: {criteria: [run.errored == 0]}\n",
        ["weaker: criterion up.success_rate level: block -> warn"],
    ),
    "a shorter span": (
        *both(
            "{criterion: steady.latency.p95 < 1s, over: 10s}",
            "{criterion: steady.latency.p95 < 1s, over: 5s}",
        ),
        ["weaker: criterion steady.latency.p95 over: 10 s -> 5 s"],
    ),
    "no span": (
        *both("{criterion: steady.latency.p95 < 1s, over: 10s}", "steady.latency.p95 < 1s"),
        ["weaker: criterion steady.latency.p95 over: 10 s -> none"],
    ),
    "another id": (
        *both(
            "{criterion: steady.latency.p95 < 1s, id: fast}",
            "{criterion: steady.latency.p95 < 1s, id: quick}",
        ),
        [],
    ),
    "other words for people": (
        *both(
            "{criterion: steady.latency.p95 < 1s, title: a}", "{criterion: steady.latency.p95 < 1s, why: b}"
        ),
        [],
    ),
    "a limit replaced by an equality of a number": (
        *both("c.n >= 3", "c.n == 3", check=COMMAND),
        ["stronger: criterion c.n threshold: >= 3 -> == 3"],
    ),
    "an equality widened": (
        *both("c.n == 0", "c.n <= 1", check=COMMAND),
        ["weaker: criterion c.n threshold: == 0 -> <= 1"],
    ),
    "a bound narrowed to an equality": (
        *both("c.n <= 1", "c.n == 0", check=COMMAND),
        ["stronger: criterion c.n threshold: <= 1 -> == 0"],
    ),
    "another value": (
        *both("c.n == 0", "c.n == 1", check=COMMAND),
        ["weaker: criterion c.n threshold: == 0 -> == 1"],
    ),
    "a value let through": (
        *both("c.n != 0", "c.n >= 0.5", check=COMMAND),
        ["stronger: criterion c.n threshold: != 0 -> >= 0.5"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_a_criterion_is_said_aspect_by_aspect(name: str, tmp_path: Path) -> None:
    before, after, wanted = CASES[name]
    if "steady" not in before.split("criteria:")[0]:
        before, after = (text.replace(f"      - {RUN}\n", "") for text in (before, after))
    assert said(changes(tmp_path, before, after)) == wanted


def test_a_default_that_is_replaced_counts(tmp_path: Path) -> None:
    before, after = plan(health("probes: 5000")), plan(health("probes: 5000", "success_rate >= 99%"))
    assert said(changes(tmp_path, before, after)) == [
        "weaker: criterion up.success_rate threshold: == 100% (default) -> >= 99%",
        "stronger: criterion up.success_rate proof: a statement about what was seen -> a bound at 95%",
    ]


def test_a_default_written_out_is_the_same(tmp_path: Path) -> None:
    assert changes(tmp_path, plan(health()), plan(health("", "success_rate == 100%"))) == ()


def test_a_criterion_may_move_between_check_step_and_gate(tmp_path: Path) -> None:
    check = load_check("rate: 10/s, duration: 10s")
    own = plan(check[:-1] + ", criteria: [latency.p95 < 1s]}")
    step = plan(check, criteria=("steady.latency.p95 < 1s",))
    gate = plan(check, rest="gate: {criteria: [steady.latency.p95 < 1s]}\n")
    assert changes(tmp_path, own, step) == changes(tmp_path, step, gate) == changes(tmp_path, gate, own) == ()


def test_aggregates_and_required_kinds_are_held(tmp_path: Path) -> None:
    before = plan(
        health(), rest="gate: {require: [health], criteria: [run.failed == 0, step/one.total >= 5]}\n"
    )
    after = plan(health(), rest="gate: {criteria: [run.failed <= 2, step/one.total >= 1]}\n")
    assert said(changes(tmp_path, before, after)) == [
        "weaker: criterion run.failed threshold: == 0 -> <= 2",
        "weaker: criterion step/one.total threshold: >= 5 -> >= 1",
        "weaker: criterion require:health: checks >= 1 -> removed",
    ]


def test_an_expected_exit_code_stands_for_the_default_if_it_is_the_same(tmp_path: Path) -> None:
    before = plan("{id: c, kind: command, command: [make]}")
    for code, gone in ((0, []), (1, ["weaker: criterion c.exit_code: exit_code == 0 (default) -> removed"])):
        after = plan(f"{{id: c, kind: command, command: [make], expect: {{exit_code: {code}}}}}")
        found = said(changes(tmp_path, before, after))
        assert [line for line in found if line.startswith("weaker")] == gone


def test_a_criterion_on_a_step_does_not_go_unseen_when_the_step_gets_another_name(tmp_path: Path) -> None:
    before = plan(health(), rest="gate: {criteria: [step/one.total >= 5]}\n")
    after = plan(health()).replace("- id: one", "- id: first")
    assert "weaker: criterion step/one.total: total >= 5 -> removed" in said(changes(tmp_path, before, after))


def test_at_least_all_and_exactly_all_of_a_census_are_one(tmp_path: Path) -> None:
    text = "{id: c, kind: command, command: [make], results: r.xml, criteria: [pass_rate OP 100%]}"
    assert changes(tmp_path, plan(text.replace("OP", "==")), plan(text.replace("OP", ">="))) == ()


def test_a_target_entry_that_is_gone_takes_no_criterion_along(tmp_path: Path) -> None:
    entry = "{command: [serve], ready: {tcp: true}}"
    both = [
        f"phasegate: 1\nphase: p\ntitle: t\ntarget: {{default: a, processes: {{a: {entry}, b: {entry}}}}}\n"
        f"steps: [{{id: one, checks: [{{id: up, kind: health, url: /}}]{criterion}}}]\n"
        for criterion in (", criteria: [target/b.memory.max < 9MiB]", "")
    ]
    assert said(changes(tmp_path, *both)) == [
        "weaker: criterion target/b.memory.max: memory.max < 9MiB -> removed"
    ]


def test_an_objective_that_asks_for_less_is_weaker(tmp_path: Path) -> None:
    slo = (Path(__file__).parents[2] / "checks/slo/api.yaml").read_text(encoding="utf-8")
    looser = slo.replace("target: 0.999", "target: 0.99").replace('le="0.1"', 'le="0.25"')
    with_slo, without = plan(health("probes: 5000, slo: slo.yaml")), plan(health("probes: 5000"))
    assert said(changes(tmp_path, with_slo, with_slo, {"slo.yaml": slo}, {"slo.yaml": looser})) == [
        "weaker: criterion up.success_rate threshold: >= 99.9% -> >= 99%",
        "weaker: criterion up.latency.p95 threshold: <= 100ms -> <= 250ms",
    ]
    assert "weaker: criterion up.latency.p95: latency.p95 <= 100ms -> removed" in said(
        changes(tmp_path, with_slo, without, {"slo.yaml": slo})
    )
