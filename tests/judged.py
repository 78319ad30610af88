"""Judgements in the words of a report, for tests that claim what a reader is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from phasegate.base.dataclass_json import reader
from phasegate.base.facts import Code, Fact, Figure, Message, decode, fact
from phasegate.base.units import Dimension
from phasegate.gate import baseline
from phasegate.gate import judge as gate
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.settling import settle
from phasegate.model.criterion import PlanCriterion
from phasegate.model.events import Event
from phasegate.model.fold import fold
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.result import CriterionResult, RunResult
from phasegate.render import sentences


@dataclass(frozen=True, kw_only=True)
class Told:
    """A judgement as people read it."""

    verdict: CriterionVerdict
    required: str
    observed: str
    bound: str
    confidence: float | None
    n: int | None
    margin: str
    message: str
    baseline: str
    effective_n: int | None


def settled(events: Iterable[Event]) -> RunResult:
    """What events add up to, as everybody reads it."""
    return settle(fold(events))


def asked(text: str, **fields: Any) -> PlanCriterion:
    """A criterion as a plan would have it; `inside`, `subject_kind` and `part` go into what was parsed."""
    parsed = parse_criterion(text, inside=fields.pop("inside", None))
    parsed = replace(
        parsed, **{name: fields.pop(name) for name in ("subject_kind", "part") if name in fields}
    )
    id = fields.pop("id", parsed.id)
    return PlanCriterion(id=id, criterion=parsed, **fields)


def result(
    text: str,
    verdict: CriterionVerdict = CriterionVerdict.UNPROVEN,
    *,
    observed: Fact | None = None,
    reason: Fact | None = None,
    **fields: Any,
) -> CriterionResult:
    """A criterion with a verdict that nothing was measured for."""
    made = asked(text, **fields)
    required = fact(Code.REQUIRED, op=made.criterion.op.value, threshold=str(made.criterion.threshold))
    judged = Judgement(verdict=verdict, required=required, observed=observed)
    if reason is not None:
        judged = Judgement(verdict=verdict, required=required, observed=observed, reason=reason)
    return CriterionResult(asked=made, judged=judged)


def share(passed: int, total: int) -> Fact:
    """An observed share."""
    return fact(Code.SHARE, value=Figure(passed / total, Dimension.SHARE), passed=passed, total=total)


def no_data(why: Message) -> Fact:
    return fact(Code.NO_DATA, why=why)


def told(found: Judgement | CriterionResult) -> Told:
    if isinstance(found, Judgement):
        found = CriterionResult(asked=asked("it.rate >= 1"), judged=found)
    judged = found.judged
    return Told(
        verdict=found.verdict,
        required=sentences.required(found),
        observed=sentences.observed(found),
        bound=sentences.bound(found),
        confidence=judged.confidence,
        n=judged.n,
        margin=sentences.margin(found),
        message=sentences.message(found),
        baseline=judged.baseline,
        effective_n=judged.effective_n,
    )


def in_words(data: Any) -> Any:
    """The JSON of a record with a sentence in place of each fact, and criteria as people read them; what was
    asked of a step, check, fault or waiver, and what an attempt saw, beside what came of it."""
    match data:
        case {"code": str(code)} if code in {one.value for one in Code}:
            return sentences.sentence(decode(data))
        case {"asked": asked, "judged": judged, "waived": waived}:
            item = reader(CriterionResult)(data)
            own = {name: judged[name] for name in ("n", "confidence", "baseline", "effective_n", "decided")}
            words = {
                "verdict": item.verdict.value,
                "unwaived": None if waived is None else judged["verdict"],
                "waivers": [] if waived is None else waived["by"],
                "subject": item.subject,
                "part": item.part,
                "measure": item.measure,
                "expression": item.asked.expression,
                "source": item.asked.source,
                "required": sentences.required(item),
                "observed": sentences.observed(item),
                "bound": sentences.bound(item),
                "margin": sentences.margin(item),
                "message": sentences.message(item),
            }
            return asked | own | words
        case {"asked": part, **rest} | {"observation": part, **rest}:
            return in_words(part | rest)
        case dict():
            return {name: in_words(value) for name, value in data.items()}
        case list():
            return [in_words(value) for value in data]
        case _:
            return data


def judge(*args: Any, **more: Any) -> Told:
    """`phasegate.gate.judge.judge`, in words."""
    return told(gate.judge(*args, **more))


def judge_against(*args: Any, **more: Any) -> Told:
    """`phasegate.gate.baseline.judge_against`, in words."""
    return told(baseline.judge_against(*args, **more))


def with_judged(item: CriterionResult, **judged: Any) -> CriterionResult:
    """The same criterion with another judgement."""
    return replace(item, judged=replace(item.judged, **judged))


def with_asked(item: CriterionResult, **asked: Any) -> CriterionResult:
    """The same judgement of something else that was asked."""
    return replace(item, asked=replace(item.asked, **asked))
