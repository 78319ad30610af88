from __future__ import annotations

from dataclasses import replace

from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judging import closing, judge_attempt, judge_run
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Gauge, Share
from phasegate.model.observation import Observation
from phasegate.model.result import TargetRecord
from phasegate.plan.written.plan import RetryWritten
from tests.judged import result, told
from tests.runner.scripted import BAD, GOOD, check, plan, record, step


def criterion(text: str, level: Level = Level.BLOCK) -> PlanCriterion:
    parsed = parse_criterion(text)
    return PlanCriterion(id=parsed.id, criterion=parsed, level=level)


def judged(text: str, seen: Observation | None, absent: str = "") -> tuple[CriterionVerdict, str]:
    found = told(judge_attempt(criterion(text), check("a").asked, seen, absent=absent))
    return found.verdict, found.message


def test_a_census_is_judged_as_counted() -> None:
    assert judged("a.pass_rate == 100%", GOOD)[0] is CriterionVerdict.MET
    assert judged("a.pass_rate == 100%", BAD)[0] is CriterionVerdict.NOT_MET


def test_nothing_seen_is_unproven_and_says_why() -> None:
    verdict, message = judged("a.pass_rate == 100%", None, "the check was not run: no tool")
    assert verdict is CriterionVerdict.UNPROVEN
    assert "the check was not run: no tool" in message


def test_a_part_that_was_not_seen_names_those_that_were() -> None:
    seen = replace(GOOD, parts={"list": GOOD.measures, "use": GOOD.measures})
    assert judged("a/list.pass_rate == 100%", seen)[0] is CriterionVerdict.MET
    verdict, message = judged("a/lost.pass_rate == 100%", seen)
    assert verdict is CriterionVerdict.UNPROVEN
    assert "no part 'lost' was seen; parts seen: list, use" in message


def test_a_measure_that_was_not_observed_is_unproven() -> None:
    verdict, message = judged("a.pass_rate == 100%", Observation())
    assert verdict is CriterionVerdict.UNPROVEN
    assert "pass_rate was not observed" in message


def test_a_sample_that_may_be_tried_again_after_a_failure_is_judged_more_strictly() -> None:
    # 59 of 59 show 95.05% at 95% confidence, and less at the 98.3% that three tries ask for.
    seen = Observation(measures={"pass_rate": Share(passed=59, total=59, sample=True)})
    wanted = replace(criterion("a.pass_rate >= 95%"), confidence=0.95)
    assert judge_attempt(wanted, check("a").asked, seen).verdict is CriterionVerdict.MET
    again = check("a", retry=RetryWritten(attempts=3, on=("error", "fail")))
    assert judge_attempt(wanted, again.asked, seen).verdict is CriterionVerdict.UNPROVEN


def test_all_criteria_are_judged_on_their_checks_in_the_order_of_the_plan() -> None:
    whole = plan(step("first", check("a"), check("b"), check("c")))
    results = judge_run(record(whole, {"a": GOOD, "b": BAD}))
    assert [(item.subject, item.verdict.value) for item in results] == [
        ("a", "met"),
        ("b", "not_met"),
        ("c", "unproven"),
    ]
    assert told(results[2]).message == "no data: the check was not run: no tool"


def test_criteria_on_the_target_are_judged_on_what_it_used() -> None:
    texts = ("target/web.threads.max < 5", "target/web.threads.mean > 3", "target/db.threads.max < 5")
    asked = tuple(criterion(text) for text in texts)
    whole = replace(plan(step("first", check("a"))), criteria=asked)
    used = {"threads": Gauge().and_then(2.0, span=0.0).and_then(4.0, span=0.5)}
    web = TargetRecord(id="web", kind="process", measures=used)
    results = judge_run(record(whole, {}, target=(web, TargetRecord(id="db", kind="process"))))
    assert [(item.id, item.subject, item.verdict.value) for item in results] == [
        ("target/web.threads.max", "target/web", "met"),
        ("target/web.threads.mean", "target/web", "not_met"),
        ("target/db.threads.max", "target/db", "unproven"),
    ]
    assert told(results[2]).message == "no data: threads of db was not sampled"


def test_what_is_not_met_closes_before_what_is_unproven_and_warnings_never_do() -> None:
    met, not_met, unproven = (
        result(f"{id}.pass_rate == 100%", verdict)
        for id, verdict in zip(
            "abc", (CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN), strict=True
        )
    )
    assert closing([met, unproven, not_met]) is not_met
    assert closing([met, unproven]) is unproven
    assert closing([met]) is None
    assert closing([result("b.pass_rate == 100%", CriterionVerdict.NOT_MET, level=Level.WARN)]) is None
