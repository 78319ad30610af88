"""The criterion language: one line of text becomes subject, measure, operator and threshold.

    criterion = subject "." measure [ "." statistic ] op ( quantity | "baseline" [ "*" number ] )
    subject   = check [ "/" part ] | "step/" id | "target/" id | "run"      (inside a check: left out)
    statistic = "p" number | name                      (p95, p99.9; max: see `phasegate.model.statistic`)
    op        = "<" | "<=" | ">" | ">=" | "==" | "!="

A part is any text: `test_x.py`, `flow/request`, `TestA::test_b[x==1]`. So everything is taken from the
right: the last operator splits off the threshold, then a statistic, then the measure after the last dot
that is left; the remainder is the subject, and its first slash begins the part. A word such as `max` is
the measure itself where no other measure is left (`bench.max < 5s`). Only a check can be held against a
baseline, and only with `<`, `<=`, `>` and `>=`.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from phasegate.base.units import Quantity, parse_quantity
from phasegate.model.criterion import Criterion, Operator, Relative, Span, Spans, SubjectKind, subject_text
from phasegate.model.measures import MeasureType
from phasegate.model.statistic import find_statistic, is_statistic_name, name_meant, percent, statistic_names

ID = re.compile(r"[a-z][a-z0-9_-]*")
_SPLIT = re.compile(r"(.*?)(<=|>=|==|!=|<|>)([^<>=!]*)", re.DOTALL)
_LAST_WORD = re.compile(r"\.(p\d+\.\d+|[a-z]\w*)$")
_MEASURE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LOOSE_OPERATOR = re.compile(r"[<>=!≤≥≠]+|\b(?:eq|ne|lt|lte|gt|gte|is)\b")
_RELATIVE = re.compile(r"baseline(?:\s*\*\s*(\d+(?:\.\d*)?|\.\d+))?")
_TURNED = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*\*\s*baseline")
_QUANTITIES = "write a quantity such as 100ms, 95%, 200/s or 12"
_RELATIVES = "write baseline, or baseline * 1.10 for 10% more"
_MEANT = {
    "=": "==",
    "===": "==",
    "=>": ">=",
    "=<": "<=",
    "<>": "!=",
    "!": "!=",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "eq": "==",
    "is": "==",
    "ne": "!=",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
}


class CriterionError(ValueError):
    """One thing that is wrong with a criterion; `offset` and `width` say where in its text."""

    def __init__(self, span: Span, message: str, help: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.offset = span.offset
        self.width = max(1, span.width)


def parse_criterion(text: str, *, inside: str | None = None) -> Criterion:
    """Parse one criterion; `inside` is the id of the check whose own it is, where the subject is left out.

    Errors: CriterionError with the place of the wrong word. Whether the subject exists and has the measure
    is not looked at here (see `check_against`).
    """
    if inside is None:
        return _parse(text, None)
    try:
        return _parse(text, "check").for_check(inside)
    except CriterionError:
        return _parse(text, inside)  # which says what is wrong with the id of this check


@lru_cache(maxsize=4_096)
def _parse(text: str, inside: str | None) -> Criterion:
    """Nothing but the id depends on whose own a criterion is: many checks have the same."""
    head, op, threshold, op_span, threshold_span = _split(text)
    value = _threshold(threshold, threshold_span)
    statistic, statistic_span, rest = _take_statistic(head, inside)
    before, dot, measure = rest.rpartition(".")
    measure = measure if dot else measure.lstrip()
    measure_span = Span(len(rest) - len(measure), len(measure))
    if _MEASURE.fullmatch(measure) is None:
        message = f"{measure!r} is not the name of a measure" if measure else "the measure is missing"
        example = "steady.latency.p95" if inside is None else "latency.p95"
        raise CriterionError(measure_span, message, f"write it like {example} < 100ms")
    kind, subject, part, subject_span = _subject(before, dot, measure, measure_span, inside)
    if isinstance(value, Relative):
        _require_comparable(kind, subject, op, op_span, threshold_span)
    words = [subject_text(kind, subject, part), measure, *([statistic] if statistic else [])]
    return Criterion(
        subject_kind=kind,
        subject=subject,
        part=part,
        measure=measure,
        statistic=statistic,
        op=op,
        threshold=value,
        text=text,
        id=".".join(words),
        spans=Spans(
            subject=subject_span,
            measure=measure_span,
            statistic=statistic_span,
            op=op_span,
            threshold=threshold_span,
        ),
    )


def _split(text: str) -> tuple[str, Operator, str, Span, Span]:
    """Head, operator and threshold; the head keeps its leading blanks, so its offsets are the text's."""
    match = _SPLIT.fullmatch(text)
    if match is None or match[1].rstrip().endswith(("<", ">", "=", "!")):
        raise _no_operator(text)
    head, op, threshold = match.groups()
    op_span = Span(match.start(2), len(op))
    start = match.start(3) + len(threshold) - len(threshold.lstrip())
    if not threshold.strip():
        raise CriterionError(op_span, f"the threshold after {op!r} is missing", _QUANTITIES)
    if not head.strip():
        raise CriterionError(op_span, f"nothing stands before {op!r}", "name a measure")
    return head.rstrip(), Operator(op), threshold.strip(), op_span, Span(start, len(threshold.strip()))


def _no_operator(text: str) -> CriterionError:
    known = "operators are < <= > >= == !="
    loose = list(_LOOSE_OPERATOR.finditer(text))
    if not loose:
        span = Span(len(text) - len(text.lstrip()), len(text.strip()))
        message = f"{text.strip()!r} has no operator" if text.strip() else "the criterion is empty"
        return CriterionError(span, message, f"write it like latency.p95 < 100ms; {known}")
    wrong = loose[-1]
    meant, span = _MEANT.get(wrong[0]), Span(wrong.start(), len(wrong[0]))
    return CriterionError(span, f"{wrong[0]!r} is not an operator", f"write {meant}" if meant else known)


def _threshold(text: str, span: Span) -> Quantity | Relative:
    turned = _TURNED.fullmatch(text)
    if turned is not None:
        raise CriterionError(span, f"{text!r} is not a threshold", f"write baseline * {turned[1]}")
    if text.lower().startswith("baseline"):
        return _relative(text, span)
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise CriterionError(span, str(error), _QUANTITIES) from None


def _relative(text: str, span: Span) -> Relative:
    match = _RELATIVE.fullmatch(text)
    if match is None:
        rest = text[len("baseline") :].strip()
        if text.startswith("baseline") and rest == "*":
            raise CriterionError(span, "the factor after '*' is missing", _RELATIVES)
        if rest.startswith("*") and rest.endswith("%"):
            raise CriterionError(
                span, f"a factor is a number without a unit, not {rest[1:].strip()!r}", _RELATIVES
            )
        raise CriterionError(span, f"{text!r} is not a threshold", _RELATIVES)
    factor = float(match[1] or 1)
    if not 0 < factor < math.inf:
        raise CriterionError(span, f"a factor of {match[1][:20]} leaves nothing to compare", _RELATIVES)
    return Relative(factor, text)


def _require_comparable(kind: SubjectKind, subject: str, op: Operator, op_span: Span, span: Span) -> None:
    """Whether a criterion may be held against a baseline. Errors: CriterionError."""
    if kind is not SubjectKind.CHECK:
        named = subject if kind is SubjectKind.RUN else f"{kind}/{subject}"
        help = f"write it of a check, or {_QUANTITIES.removeprefix('write ')}"
        raise CriterionError(span, f"only a check is held against a baseline, and {named} is none", help)
    if op in (Operator.EQ, Operator.NE):
        message = f"{op} against a baseline says nothing: no two runs measure the same"
        raise CriterionError(op_span, message, "write <= or >=, with a factor for what is allowed")


def _take_statistic(head: str, inside: str | None) -> tuple[str, Span, str]:
    """Split off a statistic, unless the rest would not be a measure (nor, outside a check, a subject)."""
    match = _LAST_WORD.search(head)
    if (
        match is None
        or not is_statistic_name(match[1])
        or (inside is None and "." not in head[: match.start()])
    ):
        return "", Span(), head
    statistic, span = match[1], Span(match.start(1), len(match[1]))
    if find_statistic(statistic).quantile is None and percent(statistic) is not None:
        help = _meant(statistic) or _statistics()
        raise CriterionError(span, f"{statistic} is not a quantile between 0 and 100", help)
    return statistic, span, head[: match.start()]


def _meant(word: str) -> str:
    meant = name_meant(word)
    return "" if meant is None else f"write {meant}"


def _statistics() -> str:
    return f"statistics are {', '.join(statistic_names(MeasureType.DISTRIBUTION, MeasureType.GAUGE))}"


def _subject(
    before: str, dot: str, measure: str, measure_span: Span, inside: str | None
) -> tuple[SubjectKind, str, str, Span]:
    """Kind, id, part and place of what stands before the measure."""
    subject = before.strip()
    span = Span(len(before) - len(before.lstrip()), len(subject))
    if inside is not None:
        if not dot:
            return SubjectKind.CHECK, inside, "", measure_span
        if subject == inside or subject.startswith(f"{inside}/"):
            message = f"the subject is left out in a check's own criteria, but {subject!r} is written"
            raise CriterionError(span, message, f"begin with {measure}, or move the criterion to the step")
        raise _unknown_statistic(measure, measure_span, subject)
    if not subject:
        help = f"say whose it is, as in steady.{measure}"
        raise CriterionError(measure_span, f"{measure!r} has no subject", help)
    name, slash, part = subject.partition("/")
    if name in (SubjectKind.STEP, SubjectKind.TARGET):
        return SubjectKind(name), _id(part.strip(), span, f"write {name}/<id>"), "", span
    if name == SubjectKind.RUN:
        if slash:
            raise CriterionError(span, "the run has no parts", "write run")
        return SubjectKind.RUN, "run", "", span
    if "." in name and not slash and ID.fullmatch(name.partition(".")[0]):
        raise _unknown_statistic(measure, measure_span, subject)
    part = part.strip()
    if slash and not part:
        raise CriterionError(span, f"the part after {subject!r} is missing", f"write {name}/<part>")
    return (
        SubjectKind.CHECK,
        _id(name, span, "a subject is a check, check/part, step/<id>, target/<id> or run"),
        part,
        span,
    )


def _id(name: str, span: Span, help: str) -> str:
    if ID.fullmatch(name) is None:
        raise CriterionError(span, f"{name!r} is not an id" if name else "the id is missing", help)
    return name


def _unknown_statistic(word: str, span: Span, before: str) -> CriterionError:
    help = _meant(word) or f"{_statistics()}; a part is written check/part"
    return CriterionError(span, f"{word!r} after {before!r} is not a statistic", help)
