"""`kind: containers`: every state a stack can be in, and a real one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judge import judge
from phasegate.kinds.containers.kind import ContainersKind
from phasegate.kinds.containers.params import ContainersParams
from phasegate.model.containers import ContainerState, Health, Healthcheck, Image, LogPiece
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Number, Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.plan.asked.plan import Part
from phasegate.render.sentences import sentence
from phasegate.runner.attempt import AttemptRequest, observe
from phasegate.runner.clock import RunClock
from phasegate.runner.world import Stop
from phasegate.targets.containers.reach import TargetContainers
from tests.engine_proxy import proxied
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.kinds.scripted_containers import FAKE, NOW, ScriptedContainers, container, ended
from tests.runner.scripted import Stage, check
from tests.telling import in_english, raises
from tests.worlds import StaticAddresses, TemporaryEvidence, TestWorld

__all__ = ["nothing_left"]
PASSED, FAILED, SKIPPED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.SKIPPED, CaseStatus.LOST


class StillClock(RunClock):
    def utc(self) -> datetime:
        return NOW

    def wall(self) -> datetime:
        return NOW


class MovedClock(StillClock):
    """The calendar was set forward by an hour during the run."""

    def utc(self) -> datetime:
        return NOW - timedelta(hours=1)


def world(folder: Path, scripted: Any, **settings: Any) -> TestWorld:
    return TestWorld(
        http=None,  # type: ignore[arg-type]
        target=StaticAddresses(),
        evidence=TemporaryEvidence(folder / "evidence"),
        root=folder,
        clock=settings.pop("clock", StillClock()),
        containers=scripted,
        **settings,
    )


@pytest.fixture
def look(tmp_path: Path):  # type: ignore[no-untyped-def]
    async def look(*containers: Any, params: Any = None, **script: Any) -> Observation:
        settings = {key: script.pop(key) for key in ("earlier", "cases", "clock") if key in script}
        script.setdefault("services", tuple(dict.fromkeys(one.service for one in containers)))
        scripted = ScriptedContainers(containers, **script)
        wanted = ContainersParams.model_validate(params or {})
        return in_english(await ContainersKind().observe(wanted, world(tmp_path, scripted, **settings)))

    return look


def statuses(observation: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in observation.cases}


def message(observation: Observation, id: str) -> str:
    (found,) = [case.message for case in observation.cases if case.id == id]
    return found


def number(observation: Observation, name: str, part: str = "") -> float | None:
    measure = (observation.parts[part] if part else observation.measures)[name]
    assert isinstance(measure, Number)
    return measure.value


def verdict(observation: Observation, text: str = "pass_rate == 100%") -> CriterionVerdict:
    criterion = parse_criterion(f"x.{text}")
    return judge(criterion, observation.measures[criterion.measure], confidence=0.95).verdict


async def test_a_stack_with_everything_there_and_healthy_passes(look: Any) -> None:
    seen = await look(
        container("controller"),
        container("postgres"),
        ended("migrate"),
        params={"expect": ["controller", "postgres", "migrate"], "exit_codes": {"migrate": 0}},
    )
    assert statuses(seen) == {
        "unexpected": PASSED,
        "controller/present": PASSED,
        "controller/running": PASSED,
        "controller/health": PASSED,
        "postgres/present": PASSED,
        "postgres/running": PASSED,
        "postgres/health": PASSED,
        "migrate/present": PASSED,
        "migrate/ended": PASSED,
    }
    assert verdict(seen) is CriterionVerdict.MET
    names = ("services", "containers", "running", "healthy", "unproven_health", "restarts", "oom_killed")
    assert {name: number(seen, name) for name in names} == {
        "services": 3,
        "containers": 3,
        "running": 2,
        "healthy": 2,
        "unproven_health": 0,
        "restarts": 0,
        "oom_killed": 0,
    }
    assert number(seen, "youngest") == number(seen, "oldest") == 3600


@pytest.mark.parametrize(
    ("check", "why", "fake"),
    [
        (FAKE, "a healthcheck that cannot fail: `exit 0`", 1),
        (Healthcheck(test=("CMD-SHELL", "curl -f x || true")), "hides every failure of `curl -f x`", 1),
        (None, "no healthcheck", 0),
    ],
)
async def test_health_that_nothing_proves_is_never_a_pass(
    look: Any, check: Healthcheck | None, why: str, fake: int
) -> None:
    health = Health.HEALTHY if check else Health.NONE
    seen = await look(container("controller", healthcheck=check, health=health), container("postgres"))
    assert statuses(seen)["controller/health"] is SKIPPED
    assert message(seen, "controller/health").startswith("the health of controller is not proven: ")
    assert why in message(seen, "controller/health")
    assert verdict(seen) is CriterionVerdict.UNPROVEN
    assert number(seen, "healthy") == 1
    assert number(seen, "unproven_health") == 1
    assert number(seen, "fake_healthchecks") == fake
    assert number(seen, "fake_healthchecks", "controller") == fake
    assert number(seen, "unproven_health", "postgres") == 0


async def test_what_is_bad_is_counted_at_the_least_while_a_service_is_missing(look: Any) -> None:
    seen = await look(container("web", restarts=3), params={"expect": ["web", "gone"]})
    for name, count in (("restarts", 3), ("oom_killed", 0), ("unproven_health", 0), ("fake_healthchecks", 0)):
        counted = ("shop_web_1",) if count else ()
        assert seen.measures[name] == Number(value=count, partial=True, counted=counted)
        assert seen.parts["web"][name] == Number(value=count, counted=counted)
    assert seen.measures["running"] == Number(value=1, counted=("shop_web_1",))


async def test_nothing_is_known_of_what_is_bad_where_there_is_no_container(look: Any) -> None:
    seen = await look(params={"expect": ["web"]})
    for name in ("restarts", "oom_killed", "unproven_health", "fake_healthchecks"):
        assert seen.measures[name] == Number(value=None)
    assert seen.measures["running"] == Number(value=0)


async def test_one_container_of_a_service_without_proof_leaves_the_service_unproven(look: Any) -> None:
    seen = await look(container("web"), container("web", number=2, healthcheck=FAKE))
    assert statuses(seen)["web/health"] is SKIPPED


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"health": Health.UNHEALTHY, "health_output": "refused"},
            "is not healthy, it is unhealthy: refused",
        ),
        ({"health": Health.STARTING}, "is not healthy, it is starting"),
        ({"health": Health.NONE}, "is not healthy, its engine reports no health"),
        ({"state": ContainerState.PAUSED}, "is paused, so it is not healthy"),
    ],
)
async def test_a_container_that_is_not_healthy_fails(look: Any, facts: Any, said: str) -> None:
    seen = await look(container("controller", **facts))
    assert statuses(seen)["controller/health"] is FAILED
    assert message(seen, "controller/health") == f"shop_controller_1 {said}"
    assert verdict(seen) is CriterionVerdict.NOT_MET


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (ended("job", 1, error="no space"), "shop_job_1 ended with exit code 1: no space"),
        (
            ended("job", 137, oom_killed=True),
            "shop_job_1 ended with exit code 137, killed for lack of memory",
        ),
        (ended("job", 0), "shop_job_1 ended with exit code 0 (exit_codes: {job: 0} if it should)"),
        (container("job", state=ContainerState.CREATED), "shop_job_1 was never started"),
        (container("job", state=ContainerState.RESTARTING), "shop_job_1 is restarting"),
        (container("job", state=ContainerState.PAUSED), "shop_job_1 is paused"),
    ],
)
async def test_a_service_that_does_not_run_fails(look: Any, one: Any, said: str) -> None:
    seen = await look(one)
    assert statuses(seen)["job/running"] is FAILED
    assert message(seen, "job/running") == said


@pytest.mark.parametrize(
    ("one", "codes", "said"),
    [
        (ended("job", 1), 0, "shop_job_1 ended with exit code 1, not 0"),
        (ended("job", 1), [0, 3], "shop_job_1 ended with exit code 1, not 0 or 3"),
        (container("job"), 0, "shop_job_1 is running, and should have ended with exit code 0"),
        (ended("job", 3), [0, 3], ""),
    ],
)
async def test_a_service_that_ends_must_end_as_it_should(look: Any, one: Any, codes: Any, said: str) -> None:
    seen = await look(one, params={"exit_codes": {"job": codes}})
    assert message(seen, "job/ended") == said
    assert statuses(seen)["job/ended"] is (FAILED if said else PASSED)
    assert "job/health" not in statuses(seen)
    assert number(seen, "unproven_health") == 0


async def test_a_missing_service_is_named_whatever_way_it_is_expected(look: Any) -> None:
    there = [container(f"s{index}") for index in range(10)]
    names = tuple(f"s{index}" for index in range(11))
    by_name = await look(*there, params={"expect": list(names)})
    assert message(by_name, "s10/present") == "there is no container of s10"
    by_number = await look(*there, params={"expect": 11}, services=names)
    assert message(by_number, "services") == "expected 11 services, found 10: s10 missing"
    assert statuses(by_number)["s10/present"] is FAILED
    by_target = await look(*there, services=names)
    assert statuses(by_target)["s10/present"] is FAILED
    unknown = await look(*there, params={"expect": 11}, services=())
    assert message(unknown, "services").startswith("expected 11 services, found 10: there are s0, s1,")
    for seen in (by_name, by_number, by_target, unknown):
        assert verdict(seen) is CriterionVerdict.NOT_MET


async def test_no_container_at_all_is_a_failure(look: Any) -> None:
    seen = await look()
    assert message(seen, "services") == "there is no container at all"
    assert verdict(seen) is CriterionVerdict.NOT_MET


async def test_without_a_word_on_what_should_be_there_nothing_is_proven(look: Any) -> None:
    seen = await look(container("web"), services=())
    assert statuses(seen)["services"] is SKIPPED
    assert "write expect; there are web" in message(seen, "services")
    assert verdict(seen) is CriterionVerdict.UNPROVEN


async def test_an_unhealthy_container_is_unhealthy_whatever_its_check(look: Any) -> None:
    seen = await look(container("web", healthcheck=FAKE, health=Health.UNHEALTHY))
    assert message(seen, "web/health") == "shop_web_1 is not healthy, it is unhealthy"
    assert statuses(seen)["web/health"] is FAILED


async def test_a_service_named_by_any_parameter_must_be_there(look: Any) -> None:
    params = {"healthy": ["a"], "exit_codes": {"b": 0}, "logs": [{"service": "c", "must": "x"}]}
    seen = await look(container("d"), params=params)
    assert {id for id, status in statuses(seen).items() if status is FAILED} == {
        "a/present",
        "b/present",
        "c/present",
    }


async def test_the_number_of_containers_of_a_service_counts(look: Any) -> None:
    two = (container("web"), container("web", number=2))
    seen = await look(*two, params={"expect": {"web": 3}})
    assert message(seen, "web/present") == "expected 3 containers of web, found 2"
    assert statuses(await look(*two, params={"expect": {"web": 2}}))["web/present"] is PASSED


async def test_what_nobody_expects_is_named(look: Any) -> None:
    stack = (container("web"), container("debug"))
    seen = await look(*stack, params={"expect": ["web"]})
    assert message(seen, "unexpected") == "not expected: shop_debug_1 (shop/debug:1)"
    assert statuses(await look(*stack, params={"expect": 1}, services=()))["services"] is FAILED
    assert statuses(await look(*stack, services=("web",)))["unexpected"] is FAILED


async def test_what_nobody_expects_is_let_through_in_the_open(look: Any) -> None:
    stack = (container("web"), ended("debug", 1))
    seen = await look(*stack, params={"expect": ["web"], "unexpected": "allow"})
    assert verdict(seen) is CriterionVerdict.MET
    assert number(seen, "containers") == 1
    assert seen.notes == ("not looked at, as nobody expects them: debug",)
    more = await look(*stack, params={"expect": 1, "unexpected": "allow"}, services=())
    assert statuses(more)["services"] is PASSED


async def test_health_that_is_not_asked_for_is_said_to_be_left_out(look: Any) -> None:
    seen = await look(container("web"), container("mail", healthcheck=None), params={"healthy": ["web"]})
    assert "mail/health" not in statuses(seen)
    assert seen.notes == ("the health of mail was not asked for",)
    assert number(seen, "unproven_health") == 1
    assert verdict(seen) is CriterionVerdict.MET


async def test_restarts_and_oom_kills_are_counted_and_judged_by_default(look: Any) -> None:
    seen = await look(container("a", restarts=2), container("b", restarts=1, oom_killed=True))
    assert (number(seen, "restarts"), number(seen, "restarts", "b")) == (3, 1)
    assert number(seen, "oom_killed") == 1
    kind = ContainersKind()
    for text in kind.defaults(ContainersParams())[1:]:
        assert verdict(seen, text) is CriterionVerdict.NOT_MET


async def test_ages_are_those_of_the_running(look: Any) -> None:
    young = container("a", started=NOW - timedelta(seconds=30))
    seen = await look(young, container("b"), ended("c", started=NOW - timedelta(seconds=1)))
    assert (number(seen, "youngest"), number(seen, "oldest")) == (30, 3600)
    assert number(seen, "youngest", "b") == 3600
    assert number(seen, "youngest", "c") is None


async def test_no_age_is_known_once_the_calendar_was_set(look: Any) -> None:
    seen = await look(container("a"), clock=MovedClock())
    assert number(seen, "youngest") is number(seen, "oldest") is None
    assert verdict(seen, "youngest >= 30m") is CriterionVerdict.UNPROVEN
    assert "no age is known: the calendar clock moved during the run" in seen.notes


LOGS = {"web": ["listening on 8080", "ERROR one", "ERROR two"], "job": [], "lost": "no such log"}


@pytest.mark.parametrize(
    ("rule", "status", "said"),
    [
        ({"service": "web", "must": "listening"}, PASSED, ""),
        (
            {"service": "web", "must": "ready"},
            FAILED,
            "expected a line that matches 'ready', found 0 in 3 lines of web",
        ),
        ({"service": "web", "must": "ERROR", "at_least": 2}, PASSED, ""),
        (
            {"service": "web", "must": "ERROR", "at_least": 3},
            FAILED,
            "expected at least 3 lines that match 'ERROR', found 2 in 3 lines of web; the first: ERROR one",
        ),
        ({"service": "web", "must_not": "panic"}, PASSED, ""),
        ({"service": "web", "must_not": "ERROR", "at_most": 2}, PASSED, ""),
        (
            {"service": "web", "must_not": "ERROR"},
            FAILED,
            "expected no line that matches 'ERROR', found 2 in 3 lines of web; the first: ERROR one",
        ),
        (
            {"service": "job", "must_not": "ERROR"},
            SKIPPED,
            "job printed nothing, so there was nothing to search",
        ),
        (
            {"service": "job", "must": "ERROR"},
            FAILED,
            "expected a line that matches 'ERROR', found 0 in 0 lines of job",
        ),
        ({"service": "lost", "must_not": "x"}, LOST, "the log of lost cannot be read: no such log"),
    ],
)
async def test_logs_are_searched(look: Any, rule: Any, status: CaseStatus, said: str) -> None:
    stack = [container(service) for service in LOGS]
    seen = await look(*stack, params={"logs": [rule]}, logs=LOGS)
    (case,) = [case for case in seen.cases if "/logs/" in case.id]
    assert (case.status, case.message, case.part) == (status, said, rule["service"])


@pytest.mark.parametrize(("wish", "status"), [("must", FAILED), ("must_not", FAILED)])
async def test_log_whose_search_does_not_end_is_as_nobody_wishes(
    look: Any, wish: str, status: CaseStatus
) -> None:
    logs = {"web": ["fine", "a" * 60 + "!", "fine"] * 3_000}
    rules = [{wish: "^(a|aa)+$"}, {"must": "fine"}]
    seen = await look(container("web"), params={"timeout": "1h", "logs": rules}, logs=logs)
    slow, other = (case for case in seen.cases if "/logs/" in case.id)
    assert slow.status is status
    assert "the pattern '^(a|aa)+$' did not end within 1 s in a line of the log" in slow.message
    assert other.status is PASSED


async def test_lines_that_were_found_count_whatever_line_takes_too_long(look: Any) -> None:
    logs = {"web": ["aa", "a" * 60 + "!"]}
    seen = await look(container("web"), params={"logs": [{"must": "^(a|aa)+$"}]}, logs=logs)
    assert statuses(seen)["web/logs/^(a|aa)+$"] is PASSED


async def test_count_whose_search_does_not_end_is_no_number(look: Any) -> None:
    params = {"timeout": "1h", "logs": [{"count": "^(a|aa)+$", "name": "many"}]}
    seen = await look(container("web"), params=params, logs={"web": ["aa", "a" * 60 + "!"]})
    assert number(seen, "many") is None


async def test_a_rule_without_service_speaks_of_every_one(look: Any) -> None:
    stack = [container("web"), container("api")]
    logs = {"web": ["fine"], "api": ["fine", "panic: nil"]}
    seen = await look(*stack, params={"logs": [{"must_not": "panic"}]}, logs=logs)
    assert statuses(seen)["web/logs/panic"] is PASSED
    assert statuses(seen)["api/logs/panic"] is FAILED


async def test_counts_of_logs_become_measures(look: Any) -> None:
    params = {"logs": [{"count": "ERROR", "name": "errors"}, {"count": "x", "name": "xs", "service": "job"}]}
    logs = {"web": LOGS["web"], "job": []}
    seen = await look(container("web"), container("job"), params=params, logs=logs)
    assert number(seen, "errors") == 2
    assert number(seen, "errors", "web") == 2
    assert number(seen, "errors", "job") is None
    assert number(seen, "xs") is None
    assert not any("/logs/" in case.id for case in seen.cases)
    assert {"errors", "xs"} <= set(ContainersKind().measures(ContainersParams.model_validate(params)))


async def test_a_count_without_every_log_is_no_number(look: Any) -> None:
    params = {"logs": [{"count": "ERROR", "name": "errors"}]}
    seen = await look(container("web"), container("lost"), params=params, logs=LOGS)
    assert number(seen, "errors") is None
    assert verdict(seen, "errors == 0") is CriterionVerdict.UNPROVEN


async def test_images_go_into_the_evidence_as_they_really_run(look: Any, tmp_path: Path) -> None:
    images = {
        "sha256:web": Image(id="sha256:web", size=1, digests=("shop/web@sha256:d1",)),
        "shop/web:1": Image(id="sha256:newer", size=1),
    }
    seen = await look(container("web"), images=images)
    (told,) = json.loads((tmp_path / "evidence" / "containers.json").read_text())
    assert (told["image"], told["image_id"], told["digests"]) == (
        "shop/web:1",
        "sha256:web",
        ["shop/web@sha256:d1"],
    )
    assert told["healthcheck"] == "curl -f http://localhost/health || exit 1"
    assert seen.notes == ("shop_web_1 runs sha256:web, but shop/web:1 is another image by now: sha256:newer",)


async def test_a_second_attempt_keeps_what_the_first_saw(look: Any) -> None:
    earlier = (
        Case(id="web/running", name="web: running", status=FAILED, part="web", message="it was down"),
        Case(id="api/running", name="api: running", status=PASSED, part="api"),
    )
    seen = await look(container("web"), earlier=earlier)
    assert statuses(seen)["api/running"] is LOST
    (case,) = [case for case in seen.cases if case.id == "web/running"]
    assert case.flaky


async def test_chosen_cases_are_looked_at_alone(look: Any) -> None:
    seen = await look(container("web"), container("api"), cases=("web",))
    assert {case.part for case in seen.cases} == {"web"}
    share = seen.measures["pass_rate"]
    assert isinstance(share, Share)
    assert share.total == len(seen.cases)
    with raises(ObservationError, match="no case is named nowhere"):
        await look(container("web"), cases=("nowhere",))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"expect": 0}, "greater than or equal to 1"),
        ({"expect": []}, "at least 1 item"),
        ({"expect": ["a"], "healthy": ["b"]}, "'b' is not among the services that expect names"),
        ({"expect": ["a"], "exit_codes": {"b": 0}}, "'b' is not among the services that expect names"),
        ({"expect": ["a"], "logs": [{"service": "b", "must": "x"}]}, "'b' is not among the services"),
        ({"healthy": ["a"], "exit_codes": {"a": 0}}, "nobody asks for its health"),
        ({"exit_codes": {"a": 256}}, "less than or equal to 255"),
        ({"exit_codes": {"a": []}}, "at least 1 item"),
        ({"logs": [{"service": "a"}]}, "exactly one of must, must_not and count"),
        ({"logs": [{"must": "a", "must_not": "b"}]}, "exactly one of must, must_not and count"),
        ({"logs": [{"must": "("}]}, "is not a regular expression"),
        ({"logs": [{"must": ".*"}]}, "matches an empty line, so it says nothing"),
        ({"logs": [{"must": "a", "at_most": 1}]}, "at_most goes with must_not"),
        ({"logs": [{"must_not": "a", "at_least": 1}]}, "at_least goes with must"),
        ({"logs": [{"count": "a"}]}, "a count needs a name"),
        ({"logs": [{"count": "a", "name": "restarts"}]}, "'restarts' is measured already"),
        ({"logs": [{"count": "a", "name": "p95"}]}, "is not a name for a measure"),
        ({"logs": [{"must": "a"}, {"must_not": "a"}]}, "another rule is called 'a' already"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ContainersParams.model_validate(params)


def test_services_that_any_parameter_names_are_known_before_anything_runs() -> None:
    logs = [{"service": ["d", "a"], "must": "x"}]
    params = {"healthy": ["a"], "exit_codes": {"b": 0}, "logs": logs}
    named = ContainersKind().services(ContainersParams.model_validate(params))
    assert named == ("b", "a", "d")
    listed = ContainersKind().services(ContainersParams.model_validate({"expect": {"c": 2}}))
    assert listed == ("c",)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.engine
@pytest.mark.skipif(*ENGINE[1].args, reason=ENGINE[1].kwargs["reason"])
async def test_an_engine_that_dies_half_way_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    class Dying(TargetContainers):
        async def all(self) -> tuple[Any, ...]:
            found = await super().all()
            proxy.die()
            return found

    made = client().containers.run(
        busybox('CMD ["sleep", "60"]'), detach=True, labels={"phasegate.t": own("dying")}
    )
    with proxied(tmp_path / "docker.sock") as proxy:
        reach = Dying(proxy.environment)
        reach.are(f"phasegate.t={own('dying')}")
        asked = check("stack", kind=None)
        asked = replace(asked, kind=ContainersKind(), parts=(Part(name="", params=ContainersParams()),))
        stage = Stage(tmp_path)
        parts = replace(stage.parts(), containers=reach)
        try:
            seen = in_english(await observe(AttemptRequest(check=asked, number=1, stop=Stop()), parts))
        finally:
            reach.close()
            made.remove(force=True)
    assert seen.error is not None
    assert seen.error.startswith("the container engine stopped answering: ")
    assert "start it (dockerd" in seen.error
    assert not seen.measures


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.engine
@pytest.mark.skipif(*ENGINE[1].args, reason=ENGINE[1].kwargs["reason"])
async def test_a_real_stack_is_seen_as_it_is(tmp_path: Path) -> None:
    image = busybox('CMD ["sh", "-c", "echo listening; exec sleep 600"]', "STOPSIGNAL SIGKILL")
    second = 1_000_000_000

    def run(service: str, *command: str, test: list[str] | None = None) -> Any:
        check = {"healthcheck": {"test": test, "interval": second, "retries": 1}} if test else {}
        labels = {"phasegate.t": own("kinds"), "com.docker.compose.service": service}
        more = {"command": list(command)} if command else {}
        return client().containers.run(image, detach=True, labels=labels, **check, **more)

    made = [
        run("good", test=["CMD", "test", "-f", "/bin/busybox"]),
        run("fake", test=["CMD-SHELL", "exit 0"]),
        run("none"),
        run("once", "sh", "-c", "exit 4"),
    ]
    reach = TargetContainers(os.environ)
    reach.are(f"phasegate.t={own('kinds')}")
    try:
        made[3].wait()
        while {one.health for one in await reach.all()} & {Health.STARTING}:
            pass
        params = {
            "expect": ["good", "fake", "none", "once", "gone"],
            "exit_codes": {"once": 4},
            "logs": [{"service": ["good", "fake"], "must": "^listening$"}],
        }
        settings = replace(world(tmp_path, reach), clock=RunClock())
        seen = in_english(await ContainersKind().observe(ContainersParams.model_validate(params), settings))
    finally:
        reach.close()
        for one in made:
            one.remove(force=True)
    assert {id: status for id, status in statuses(seen).items() if status is not PASSED} == {
        "gone/present": FAILED,
        "fake/health": SKIPPED,
        "none/health": SKIPPED,
    }
    assert statuses(seen)["good/health"] is PASSED
    assert number(seen, "fake_healthchecks") == 1
    assert number(seen, "unproven_health") == 2


ROTATED = {"log_driver": "json-file", "log_options": {"max-size": "10k"}}


@pytest.mark.parametrize(
    ("rule", "seen", "status"),
    [
        ({"must_not": "panic"}, (), LOST),
        ({"must_not": "panic"}, ("panic: data lost", "ok"), FAILED),
        ({"must_not": "ok"}, (), FAILED),
        ({"must": "ok"}, (), PASSED),
        ({"must": "ready"}, (), LOST),
        ({"must": "ready"}, ("ready",), PASSED),
    ],
)
async def test_of_a_log_that_may_have_lost_lines_only_what_was_found_is_certain(
    look: Any, rule: Any, seen: tuple[str, ...], status: CaseStatus
) -> None:
    found = await look(
        container("web", **ROTATED), params={"logs": [rule]}, logs={"web": ["ok"]}, seen={"web": seen}
    )
    case = next(case for case in found.cases if "/logs/" in case.id)
    assert case.status is status
    if status is LOST:
        assert "the engine keeps no more of it than one file of 10k" in case.message


async def test_count_in_a_log_that_may_have_lost_lines_is_the_least(look: Any) -> None:
    params = {"logs": [{"count": "slow", "name": "slow"}]}
    logs = {"web": ["slow 1", "slow 2"]}
    whole = await look(container("web"), params=params, logs=logs)
    assert whole.measures["slow"] == Number(value=2)
    lost = await look(container("web", **ROTATED), params=params, logs=logs, seen={"web": ["slow"] * 5})
    assert lost.measures["slow"] == Number(value=5, partial=True)


async def test_line_in_pieces_is_searched_across_their_borders_and_proves_no_absence(look: Any) -> None:
    pieces = [LogPiece("xx PAN", ends=False), LogPiece("IC xx", begins=False), LogPiece("ok")]
    params = {"logs": [{"must_not": "PANIC"}, {"must_not": "fatal"}, {"count": "x", "name": "lines"}]}
    found = await look(container("web"), params=params, logs={"web": pieces})
    by_id = {case.id: case.status for case in found.cases}
    assert (by_id["web/logs/PANIC"], by_id["web/logs/fatal"]) == (FAILED, LOST)
    assert found.measures["lines"] == Number(value=1, partial=True)


async def test_log_that_does_not_end_in_time_proves_what_was_seen_of_it(look: Any) -> None:
    params = {"timeout": "200ms", "logs": [{"must_not": "panic"}, {"must": "ok"}]}
    # Enough lines that some are searched before the rest is waited for.
    found = await look(container("web"), params=params, logs={"web": ["ok"] * 5_000}, stalled=("web",))
    by_id = {case.id: case for case in found.cases}
    assert by_id["web/logs/ok"].status is PASSED
    assert by_id["web/logs/panic"].status is LOST
    assert "could not be read completely within 200 ms (timeout)" in by_id["web/logs/panic"].message


async def test_worker_that_the_kernel_killed_counts_though_its_container_goes_on(look: Any) -> None:
    found = await look(container("web"), container("db"), kills={"web": 3})
    assert found.measures["oom_killed"] == Number(value=1, counted=("shop_web_1",))


async def test_where_nobody_knows_of_kills_their_number_is_unproven_by_name(look: Any) -> None:
    found = await look(container("web"), container("db"), kills={"web": None})
    assert found.measures["oom_killed"] == Number(value=0, partial=True)
    assert any("killed a process for lack of memory in shop_web_1" in note for note in found.notes)
    ended_badly = await look(ended("job", 137, oom_killed=True), params={"exit_codes": {"job": 137}})
    assert ended_badly.measures["oom_killed"] == Number(value=1, counted=("shop_job_1",))


async def test_a_count_that_is_judged_names_what_it_counts(look: Any) -> None:
    seen = await look(container("web", restarts=3), container("db"), container("api"))

    def why(text: str) -> str:
        return sentence(
            judge(parse_criterion(f"x.{text}"), seen.measures[text.split()[0]], confidence=0.95).reason
        )

    assert why("services == 4") == "observed 3 (api, db, web), needs == 4"
    assert why("running == 3") == "observed 3 (shop_api_1, shop_db_1, shop_web_1), needs == 3"
    assert why("restarts == 0") == "observed 3 (shop_web_1), needs == 0"
    assert why("fake_healthchecks == 0") == "observed 0, needs == 0"
