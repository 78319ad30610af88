from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from phasegate.base.errors import ObservationError, PlanError
from phasegate.model.lines import Line
from phasegate.plan.loader import load
from phasegate.plan.written.plan import RetryWritten
from phasegate.render.sentences import sentence
from tests.plan.conftest import (
    HEAD,
    REGISTRY,
    Burst,
    Load,
    Probe,
    Program,
    Suite,
    entries_of,
    plan_of,
    refused,
)
from tests.telling import raises

ONE = "steps: [{id: one, checks: [{id: a, kind: probe, url: /health}]}]\n"


def test_a_plan_arrives_with_everything_that_people_read(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
goal: Go to production
owner: platform
due: 2025-07-18
risks: [{title: Complex, impact: high, likelihood: medium, measures: [go slowly]}]
schedule: [{week: 1, work: build}, test]
next: phase 5
x-ticket: 12
steps:
  - id: one
    title: First
    purpose: To see
    work: [look]
    outcomes: [seen]
    owner: me
    priority: critical
    estimate: 2h..3h
    tags: [fast]
    checks: [{id: a, kind: probe, url: /health, title: Alive, tags: [smoke]}]
""",
    )
    step = plan.steps[0]
    assert (plan.phase, plan.title, plan.people.goal, plan.people.due) == (
        "phase4",
        "A phase",
        "Go to production",
        "2025-07-18",
    )
    assert plan.people.risks[0].measures == (Line(text="go slowly"),)
    assert plan.people.schedule == (Line(more={"week": 1, "work": "build"}), Line(text="test"))
    assert plan.people.next == (Line(text="phase 5"),)
    assert (step.asked.purpose, step.asked.work, step.asked.priority, step.asked.estimate) == (
        "To see",
        (Line(text="look"),),
        "critical",
        "2h..3h",
    )
    assert step.checks[0].tags == ("smoke", "fast")


def test_the_record_holds_the_hash_of_the_plan_and_of_every_file_it_names(
    load_text: Load, tmp_path: Path
) -> None:
    plan = plan_of(
        load_text,
        "steps: [{id: one, checks: [{id: a, kind: suite, suite: s/suite.yaml},"
        " {id: b, kind: program, command: [ls], path: s}]}]\n",
        files={"s/suite.yaml": "suite: 1\n", "s/.hidden": "not part of it"},
    )
    assert plan.record.sha256 == hashlib.sha256((tmp_path / "plan.yaml").read_bytes()).hexdigest()
    files = {Path(file.path).name: file for file in plan.record.files}
    assert files["suite.yaml"].sha256 == hashlib.sha256(b"suite: 1\n").hexdigest()
    assert files["s"].path.endswith("/s/")
    assert files["s"].bytes == len("suite: 1\n")


def test_paths_start_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "suite.yaml").write_text("suite: 1\n")
    (tmp_path / "plans" / "p.yaml").write_text(
        "phasegate: 1\nphase: p\ntitle: t\nroot: ..\n"
        "steps: [{id: one, checks: [{id: a, kind: suite, suite: checks/suite.yaml}]}]\n"
    )
    monkeypatch.chdir(tmp_path)
    plan = load(Path("plans/p.yaml"), kinds=REGISTRY, env={}).plan
    assert plan.root == tmp_path
    assert [file.path for file in plan.record.files] == ["checks/suite.yaml"]


def test_variables_keep_their_type_and_can_use_those_above_them(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
variables: {n: 70, name: "x${n}", price: $$5, headers: {a: "${name}"}}
steps:
  - id: one
    title: "${name} of ${n}"
    checks:
      - {id: a, kind: probe, url: "/${name}/${price}", probes: "${n}", headers: "${headers}"}
""",
    )
    params = plan.checks()[0].parts[0].params
    assert isinstance(params, Probe.Params)
    assert (params.url, params.probes, params.headers) == ("/x70/$5", 70, {"a": "x70"})
    assert plan.steps[0].asked.title == "x70 of 70"
    assert plan.variables["price"] == "$5"


def test_set_wins_over_files_of_variables_and_those_over_the_plan(load_text: Load, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("b: 2\nc: 2\n")
    plan = plan_of(
        load_text,
        "variables: {a: 1, b: 1, c: 1, text: '1'}\n" + ONE,
        variable_files=[values],
        overrides={"c": "3", "text": "3"},
    )
    assert plan.variables == {"a": 1, "b": 2, "c": 3, "text": "3"}


def test_values_that_override_are_not_read_as_templates(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        "variables: {path: /}\nsteps: [{id: one, checks: [{id: a, kind: probe, url: '${path}'}]}]\n",
        overrides={"path": "/${nothing}/$$"},
    )
    assert plan.checks()[0].parts[0].params.model_dump()["url"] == "/${nothing}/$$"


def test_unknown_overrides_are_refused_with_the_nearest_variable(load_text: Load, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("vresion: 2\n")
    with pytest.raises(PlanError) as raised:
        plan_of(
            load_text,
            "variables: {version: 1}\n" + ONE,
            overrides={"versoin": "3"},
            variable_files=[values, tmp_path / "gone.yaml"],
        )
    said = [(problem.message, problem.help) for problem in raised.value.problems]
    assert ("--set versoin: the plan has no variable 'versoin'", "did you mean 'version'?") in said
    assert ("the plan has no variable 'vresion'", "did you mean 'version'?") in said
    assert any("there is no file" in message for message, _ in said)


def test_addresses_and_out_are_put_in_when_they_are_known(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - id: one
    checks:
      - id: a
        kind: program
        command:
          [curl, "${target.web.url}/x", "${target.web.host}:${target.web.port}", -o, "${out}/y", "$${z}"]
""",
    )
    part = plan.checks()[0].parts[0]
    values = {
        "target.web.url": "http://127.0.0.1:81$",
        "target.web.host": "127.0.0.1",
        "target.web.port": "81",
        "out": "/ev",
    }
    params = part.bind(values)
    assert isinstance(params, Program.Params)
    assert params.command == ("curl", "http://127.0.0.1:81$/x", "127.0.0.1:81", "-o", "/ev/y", "${z}")
    assert plan.checks()[0].asked.summary == "curl http://web/x web:80 -o ${out}/y ${z}"
    with raises(ObservationError, match=r"\$\{target.web.url\} is not known"):
        part.bind({"out": "/ev"})


def test_parameters_without_addresses_are_not_validated_again(load_text: Load) -> None:
    part = plan_of(load_text, ONE).checks()[0].parts[0]
    assert part.deferred is None
    assert part.bind({}) is part.params


def test_each_makes_a_part_of_every_entry_and_judges_every_part(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - id: one
    checks:
      - id: a
        kind: probe
        each: {web: "${target.web.url}/health", other: /o$$}
        url: ${each}
        probes: 100
        criteria: [latency.p95 < 1s, {criterion: success_rate >= 90%, id: mostly}]
    criteria: [a.latency.p95 < 2s, a/web.latency.p50 < 1s]
""",
    )
    check = plan.checks()[0]
    bound = check.bind({"target.web.url": "http://127.0.0.1:5"})
    assert [(name, params.model_dump()["url"]) for name, params in bound.items()] == [
        ("web", "http://127.0.0.1:5/health"),
        ("other", "/o$"),
    ]
    assert [criterion.id for criterion in plan.criteria] == [
        "a/web.latency.p95",
        "a/other.latency.p95",
        "mostly/web",
        "mostly/other",
        "a.latency.p95",
        "a/web.latency.p50",
    ]


def test_process_entries_learn_their_port_at_the_start(load_text: Load) -> None:
    plan = load_text(
        """\
phasegate: 1
phase: p
title: t
variables: {fault: "", price: $$1}
secrets: [TOKEN]
target:
  default: api
  processes:
    db: {command: [db, "${self.port}"], ready: {log: "ready$$"}}
    api:
      command: [api, --port, "${self.port}", --fault, "${fault}", "${price}"]
      env: {DB: "${target.db.url}", T: "${env.TOKEN}"}
      ready: {url: /health, within: 20s}
  external:
    docs: {url: "https://docs.example/", headers: {A: b}, protected: true}
  setup: [[migrate, "${target.db.url}"]]
steps: [{id: one, checks: [{id: a, kind: probe, url: /}]}]
""",
        env={"TOKEN": "to$$ken-9"},
    ).plan
    db, api = entries_of(plan.target, "processes")
    bound = api.bind({"self.port": "81", "target.db.url": "http://127.0.0.1:80"})
    assert bound.command == ("api", "--port", "81", "--fault", "", "$1")
    assert bound.env == {"DB": "http://127.0.0.1:80", "T": "to$$ken-9"}
    assert (bound.ready.url, bound.ready.within, db.ready.log) == ("/health", 20.0, "ready$")
    assert plan.target.default == "api"
    assert entries_of(plan.target, "external")[0].protected
    assert plan.target.setup[0].bind({"target.db.url": "u"}).argv == ("migrate", "u")
    with raises(ObservationError, match=r"self.port"):
        db.bind({})


def test_a_single_entry_is_the_default_one(load_text: Load) -> None:
    assert plan_of(load_text, ONE).target.default == "web"


def test_documents_stay_templates_for_captures_columns_and_addresses_of_the_target(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
variables: {version: "1", token: from the plan}
steps: [{id: one, checks: [{id: a, kind: suite, suite: suite.yaml}]}]
""",
        files={
            "suite.yaml": """\
                suite: 1
                flows:
                  - {id: a, url: "/${version}/$$", expect: {status: 200}, capture: {token: $.t}}
                  - {id: b, url: "/${token}/${each}/${row}", expect: {}, each: [{row: 1}]}
                  - {id: c, url: "${target.web.url}/x", expect: {}}
                """
        },
    )
    check = plan.checks()[0]
    params = check.bind({"target.web.url": "http://h$:1"})[""]
    assert isinstance(params, Suite.Params)
    assert [request.url for request in params.suite.flows] == [
        "/1/$$",
        "/${token}/${each}/${row}",
        "${target.web.url}/x",
    ]
    assert check.asked.summary == "3 flows"


def test_secrets_that_are_missing_keep_their_checks_from_running(load_text: Load) -> None:
    loaded = load_text(
        HEAD
        + """\
secrets: [TOKEN, OTHER, SHORT]
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /, headers: {A: "Bearer ${env.TOKEN}"}}
      - {id: b, kind: probe, url: /, headers: {A: "Bearer ${env.OTHER}"}}
      - {id: c, kind: probe, url: /}
  - id: two
    setup: [[login, "${env.TOKEN}"]]
    checks: [{id: d, kind: probe, url: /}]
""",
        env={"OTHER": "0123456789", "SHORT": "abc", "TOKEN": ""},
    )
    checks = {check.id: check for check in loaded.plan.checks()}
    assert {id: check.missing_secrets for id, check in checks.items()} == {
        "a": ("TOKEN",),
        "b": (),
        "c": (),
        "d": ("TOKEN",),
    }
    assert checks["b"].parts[0].params.model_dump()["headers"] == {"A": "Bearer 0123456789"}
    assert [sentence(warning.message) for warning in loaded.warnings] == [
        "the secret TOKEN is not set; what needs it is not run: a, d",
        "secret 'SHORT' is shorter than 8 characters",
    ]


def test_a_secret_that_a_part_of_the_target_needs_is_missed_by_what_uses_that_part(load_text: Load) -> None:
    plan = load_text(
        """\
phasegate: 1
phase: p
title: t
secrets: [TOKEN, KEY]
target:
  default: web
  processes: {web: {command: [serve, "${env.TOKEN}"], ready: {tcp: true}}}
  external: {docs: {url: "http://docs:1", headers: {K: "${env.KEY}"}}}
steps:
  - id: one
    checks: [{id: a, kind: probe, url: /}, {id: b, kind: probe, url: "${target.docs.url}/"}]
"""
    ).plan
    assert entries_of(plan.target, "processes")[0].missing_secrets == ("TOKEN",)
    assert plan.check("a").missing_secrets == ("TOKEN",)
    assert plan.check("b").missing_secrets == ("KEY",)
    assert [entry.id for entry in plan.target.without_lacking()] == []


def test_secrets_are_part_of_neither_hash_nor_repr(load_text: Load) -> None:
    text = (
        HEAD + "secrets: [TOKEN]\n"
        "steps: [{id: one, checks: [{id: a, kind: probe, url: /, headers: {a: '${env.TOKEN}'}}]}]\n"
    )
    first = load_text(text, env={"TOKEN": "one secret value"}).plan
    second = load_text(text, env={"TOKEN": "another secret value"}).plan
    assert first.check("a").asked.sha256 == second.check("a").asked.sha256
    assert "secret value" not in repr(first.secrets)


def test_the_hash_of_a_check_changes_with_parameters_and_files(load_text: Load) -> None:
    def hash_of(probes: int, suite: str) -> tuple[str, str]:
        plan = plan_of(
            load_text,
            f"steps: [{{id: one, checks: [{{id: a, kind: probe, url: /, probes: {probes}}},"
            " {id: b, kind: suite, suite: suite.yaml}]}]\n",
            files={"suite.yaml": suite},
        )
        return plan.check("a").asked.sha256, plan.check("b").asked.sha256

    first = hash_of(1, "suite: 1\n")
    assert hash_of(1, "suite: 1\n") == first
    other = hash_of(2, "suite: 1\nflows: []\n")
    assert other[0] != first[0]
    assert other[1] != first[1]


def test_the_hash_of_a_check_is_free_of_what_does_not_change_what_it_does(load_text: Load) -> None:
    def hash_of(check: str, target: str = "http://a:1/", more: str = "") -> str:
        text = (
            "phasegate: 1\nphase: p\ntitle: T\n"
            f"target: {{default: it, external: {{it: {{url: '{target}'}}}}}}\n{more}"
            f"steps: [{{id: one, checks: [{check}]}}]\n"
        )
        return load_text(text).plan.checks()[0].asked.sha256

    plain = hash_of("{id: a, kind: probe, url: '${target.it.url}/x'}")
    assert hash_of("{id: a, kind: probe, url: '${target.it.url}/x'}", target="http://b:2/") == plain
    for changed in (
        "{id: b, kind: probe, url: '${target.it.url}/x'}",
        "{id: a, kind: probe, url: '${target.it.url}/x', title: Another, x-note: 1, tags: [slow]}",
        "{id: a, kind: probe, url: '${target.it.url}/x', criteria: [success_rate >= 1%], confidence: none}",
        "{id: a, kind: probe, url: '${target.it.url}/x', retry: {attempts: 3}, limit: 20m}",
    ):
        assert hash_of(changed) == plain, changed
    variable = "variables: {path: /x}\n"
    assert hash_of("{id: a, kind: probe, url: '${target.it.url}${path}'}", more=variable) == plain


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("defaults: {timeout: 5s}\n", "defaults: {timeout: 6s}\n"),
        ("variables: {path: /x}\n", "variables: {path: /y}\n"),
    ],
)
def test_the_hash_of_a_check_has_what_it_takes_from_elsewhere(
    load_text: Load, before: str, after: str
) -> None:
    def hash_of(head: str) -> str:
        variables = "" if "variables" in head else "variables: {path: /x}\n"
        steps = "steps: [{id: one, checks: [{id: a, kind: probe, url: '${path}'}]}]\n"
        return plan_of(load_text, head + variables + steps).checks()[0].asked.sha256

    assert hash_of(before) != hash_of(after)


SUITE_WITH_A_NAME = "suite: 1\nflows: [{id: a, url: '/${name}', expect: {}}]\n"


def test_the_hash_of_a_check_has_the_values_put_into_its_files(load_text: Load) -> None:
    def hash_of(value: str, other: str = "o") -> str:
        text = (
            f"variables: {{name: {value}, other: {other}}}\n"
            "steps: [{id: one, checks: [{id: b, kind: suite, suite: suite.yaml}]}]\n"
        )
        return plan_of(load_text, text, files={"suite.yaml": SUITE_WITH_A_NAME}).checks()[0].asked.sha256

    assert hash_of("x") == hash_of("x", other="p")
    assert hash_of("x") != hash_of("y")


def test_a_check_beside_another_is_not_the_same_as_one_alone(load_text: Load) -> None:
    def hash_of(during: str) -> str:
        gate = f"gate: {{checks: [{{id: b, kind: probe, url: /{during}}}]}}\n"
        steps = "steps: [{id: one, checks: [{id: a, kind: probe, url: /}]}]\n"
        return plan_of(load_text, steps + gate).check("b").asked.sha256

    assert hash_of("") != hash_of(", during: run")


def test_defaults_go_to_checks_that_say_nothing_else(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
defaults: {timeout: 5s, retry: {attempts: 2, wait: 500ms, on: [error, fail]}}
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /}
      - {id: b, kind: probe, url: /, timeout: 1s, retry: {attempts: 3, backoff: 2, jitter: 1s, max_wait: 4s}}
gate: {checks: [{id: c, kind: probe, url: /, during: run}], limit: 1h}
""",
    )
    a, b, c = plan.checks()
    assert (a.parts[0].params.timeout, b.parts[0].params.timeout) == (5.0, 1.0)
    assert (a.retry.attempts, a.retry.wait, a.retry.on_fail, a.retry.chances) == (2, 0.5, True, 2)
    assert (b.retry.attempts, b.retry.backoff, b.retry.jitter, b.retry.max_wait) == (3, 2.0, 1.0, 4.0)
    assert (b.retry.on_fail, b.retry.chances) == (False, 1)
    assert (c.retry, c.limit, c.step, plan.limit) == (RetryWritten(), None, None, 3600.0)


def test_limits_follow_what_a_check_is_meant_to_take(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /}
      - {id: b, kind: burst, url: /, rate: 10/s, duration: 20s}
      - {id: c, kind: burst, url: /, rate: 10/s, duration: 20s, limit: 25s, exclusive: false}
""",
    )
    a, b, c = plan.checks()
    assert (a.limit, b.limit, c.limit) == (600.0, 65.0, 25.0)
    assert (a.exclusive, b.exclusive, c.exclusive) == (False, True, False)


def test_requirements_come_from_kind_check_and_step_once_each(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - id: one
    requires: [node, {program: jq, install: make jq}]
    checks: [{id: a, kind: program, command: [node], requires: [rustc, node]}]
""",
    )
    needed = plan.checks()[0].requirements
    assert [one.program for one in needed] == ["node", "rustc", "node", "jq"]
    assert needed[1].install
    assert needed[3].install == "make jq"


def test_order_is_settled(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - {id: one, checks: [{id: a, kind: probe, url: /}]}
  - {id: two, needs: [], parallel: true, checks: [{id: b, kind: probe, url: /}]}
  - {id: three, needs: [one], after: [two], checks: [{id: c, kind: probe, url: /}]}
  - {id: four, checks: [{id: d, kind: probe, url: /}]}
""",
    )
    assert [(step.needs, step.follows) for step in plan.steps] == [
        ((), ()),
        ((), ()),
        (("one",), ("one", "two")),
        ((), ("three",)),
    ]
    assert plan.steps[1].parallel


def test_extensions_are_allowed_at_every_level(load_text: Load) -> None:
    plan = load_text(
        """\
phasegate: 1
x-a: 1
phase: p
title: t
variables: {x-b: 1, v: 1}
defaults: {x-c: 1}
target:
  x-d: 1
  processes: {x-e: 1, web: {x-f: 1, command: [serve], ready: {tcp: true, x-g: 1}}}
steps:
  - id: one
    x-h: 1
    checks:
      - {id: a, kind: probe, url: "${target.web.url}/", x-i: 1, headers: {x-kept: v}, expect: {x-j: 1}}
    criteria: [{criterion: a.latency.p50 < 1s, x-k: 1}]
gate: {x-l: 1}
"""
    ).plan
    params = plan.check("a").bind({"target.web.url": "http://h"})[""]
    assert params.model_dump()["headers"] == {"x-kept": "v"}


def test_a_broken_check_hides_no_problem_of_another(load_text: Load) -> None:
    assert refused(
        load_text,
        HEAD
        + """\
steps:
  - id: one
    checks:
      - {id: a, kind: probe, probes: x}
      - {id: b, kind: probe, url: /, probes: y}
    criteria: [a.latency.p95 < 1s, b.latency.p95 < 1s, c.latency.p95 < 1s]
""",
    ) == [
        "check 'a': 'url' is missing",
        "check 'a': 'probes' must be a whole number, not 'x'",
        "check 'b': 'probes' must be a whole number, not 'y'",
        "there is no check 'c'",
    ]


def test_load_goes_to_the_target_only(load_text: Load) -> None:
    text = """\
phasegate: 1
phase: p
title: t
target: {default: web, processes: {web: {command: [x], ready: {tcp: true}}}, external: {docs: {url: "https://docs"}}}
steps:
  - id: one
    checks:
      - {id: a, kind: burst, url: /, rate: 100/s}
      - {id: b, kind: burst, url: "${target.web.url}/x", rate: 100/s}
      - {id: c, kind: burst, url: "https://docs:443/x", rate: 100/s}
"""
    plan = load_text(text).plan
    assert isinstance(plan.check("b").bind({"target.web.url": "http://127.0.0.1:1"})[""], Burst.Params)
    assert "is not on the target" in refused(load_text, text.replace("https://docs:443", "http://docs"))[0]


@pytest.mark.parametrize("key", ["baseline", "extends", "gates"])
def test_keys_of_other_formats_are_unknown(load_text: Load, key: str) -> None:
    assert f"unknown key {key!r}" in refused(load_text, HEAD + ONE + f"{key}: []\n")[0]


@pytest.mark.parametrize("text", ["- 1\n", "text\n", "12\n"])
def test_a_plan_is_a_mapping(load_text: Load, text: str) -> None:
    assert refused(load_text, text) == ["a plan is a mapping that begins with phasegate: 1"]


def test_a_missing_plan_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as raised:
        load(tmp_path / "gone.yaml", kinds=REGISTRY)
    assert "there is no file" in sentence(raised.value.problems[0].message)


def test_the_nearest_word_is_proposed_for_a_kind_only_when_it_is_near(load_text: Load) -> None:
    with pytest.raises(PlanError) as raised:
        load_text(HEAD + "steps: [{id: one, checks: [{id: a, kind: qqq}]}]\n")
    assert sentence(raised.value.problems[0].help) == "known kinds: probe, suite, burst, program, quiet"


def test_loading_twice_gives_the_same_plan(load_text: Load) -> None:
    assert plan_of(load_text, ONE) == plan_of(load_text, ONE)


def test_two_thousand_checks_load_without_delay(load_text: Load) -> None:
    steps = "".join(
        f"- id: s{i}\n"
        f"  checks: [{{id: c{i}, kind: probe, url: /, probes: 100, criteria: [latency.p95 < 1s]}}]\n"
        for i in range(2000)
    )
    assert len(plan_of(load_text, "steps:\n" + steps).checks()) == 2000
