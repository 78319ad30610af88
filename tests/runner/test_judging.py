from __future__ import annotations

from dataclasses import replace

from phasegate.runner.judging import closing, judge_all, judge_criterion, unjudged

from phasegate.gate.criterion import parse_criterion
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Gauge, Share
from phasegate.model.observation import Observation
from phasegate.model.result import TargetRecord
from phasegate.plan.plan import Retry
from tests.runner.scripted import BAD, GOOD, check, plan, step
from tests.samples import passing_run

RUN = passing_run()


def criterion(text: str, level: Level = Level.BLOCK) -> PlanCriterion:
    parsed = parse_criterion(text)
    return PlanCriterion(id=parsed.id, criterion=parsed, expression=text, check=parsed.subject, level=level)


def judged(text: str, seen: Observation | None, absent: str = "") -> tuple[CriterionVerdict, str]:
    result = judge_criterion(criterion(text), check("a"), seen, absent=absent)
    return result.verdict, result.message


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
    assert judge_criterion(wanted, check("a"), seen, absent="").verdict is CriterionVerdict.MET
    again = check("a", retry=Retry(attempts=3, on_fail=True))
    assert judge_criterion(wanted, again, seen, absent="").verdict is CriterionVerdict.UNPROVEN


def test_all_criteria_are_judged_on_their_checks_in_the_order_of_the_plan() -> None:
    whole = plan(step("first", check("a"), check("b"), check("c")))
    results = judge_all(whole, {"a": GOOD, "b": BAD}, {"c": "the check was errored: it broke"}, RUN)
    assert [(item.subject, item.verdict.value) for item in results] == [
        ("a", "met"),
        ("b", "not_met"),
        ("c", "unproven"),
    ]


def test_criteria_on_the_target_are_judged_on_what_it_used() -> None:
    texts = ("target/web.threads.max < 5", "target/web.threads.mean > 3", "target/db.threads.max < 5")
    asked = tuple(replace(criterion(text), check=None) for text in texts)
    whole = replace(plan(step("first", check("a"))), criteria=asked)
    used = {"threads": Gauge().and_then(2.0, span=0.0).and_then(4.0, span=0.5)}
    run = replace(RUN, target=(TargetRecord(id="web", kind="process", measures=used),))
    results = judge_all(whole, {}, {}, run)
    assert [(item.id, item.subject, item.verdict.value) for item in results] == [
        ("target/web.threads.max", "target/web", "met"),
        ("target/web.threads.mean", "target/web", "not_met"),
        ("target/db.threads.max", "target/db", "unproven"),
    ]
    assert results[2].message == "no data: threads of db was not sampled"


def test_what_is_not_met_closes_before_what_is_unproven_and_warnings_never_do() -> None:
    met, not_met, unproven = (
        replace(unjudged(criterion(f"{id}.pass_rate == 100%")), verdict=verdict)
        for id, verdict in zip(
            "abc", (CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN), strict=True
        )
    )
    assert closing([met, unproven, not_met]) is not_met
    assert closing([met, unproven]) is unproven
    assert closing([met]) is None
    assert closing([replace(not_met, level=Level.WARN)]) is None
