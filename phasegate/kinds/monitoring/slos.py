"""Service level objectives: each has a rule that records its indicator, and alerts on a fast and a slow burn.

Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts": an alert compares the
share of errors in a long window, and in a short one, so that it stops soon after the errors do. Its table has
1h with 5m and 6h with 30m to page, and 3d with 6h for a ticket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from phasegate.base.dataclass import dataclass
from phasegate.inspection.report import get, items_of, number_of, text_of
from phasegate.kinds import promql
from phasegate.kinds.monitoring import rules
from phasegate.kinds.monitoring.rule_files import RuleOf, series_of
from phasegate.kinds.monitoring.seen import Seen
from phasegate.kinds.monitoring.sources import Source

FAST, SLOW = timedelta(hours=2), timedelta(hours=6)
"""The long window of an alert on a fast burn at most, and on a slow one at least."""
_SUFFIX = re.compile(r"(?<!\d)(\d+)([mhdw])$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LATENCY = {"bucket", "latency", "slow", "histogram_quantile", "histogram_fraction"}
_ERRORS = {*("error", "errors", "failed", "failures", "success", "availability"), *("code", "status", "5xx")}
_FOLLOWED = 20
"""Series that are followed to the rules that record them, from one rule."""
_COMPARISONS = (">", ">=", "<", "<=")

Kind = Literal["availability", "latency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    name: str
    kind: Kind
    service: str
    source: Source = Source(file="")
    """Empty for one of the plan."""


def read_slo(source: Source, seen: Seen) -> Slo:
    """An SLO of OpenSLO. With a threshold, or the word latency in it, it is one of latency."""
    name = text_of(get(source.tree, "metadata"), "name")
    spec = source.tree.get("spec")
    objectives = items_of(spec, "objectives")
    why = "" if name else "it has no name"
    if not text_of(spec, "service"):
        why = why or "it has no service"
    if not objectives:
        why = why or "it has no objectives"
    for one in objectives:
        share, percent = number_of(get(one, "target")), number_of(get(one, "targetPercent"))
        if not (0 < (share or 0) < 1 or 0 < (percent or 0) < 100):
            why = why or "an objective has no target between 0 and 1, or targetPercent"
    seen.look(rules.SLO_SHAPE, source, ("spec",), "", wrong=(name, why) if why else None)
    of_time = any(get(one, "op") and get(one, "value") is not None for one in objectives)
    latency = of_time or "latency" in name.lower()
    kind: Kind = "latency" if latency else "availability"
    return Slo(name=name, kind=kind, service=text_of(spec, "service"), source=source)


def judge_slos(slos: Iterable[Slo], found: Sequence[RuleOf], seen: Seen) -> None:
    """Each SLO has its rules among those that were found."""
    slos, parsed = tuple(slos), [one for one in found if one.expression is not None]
    records = {one.name: one for one in parsed if not one.alerts}
    words = [_words_of(one) for one in parsed] if slos else []
    named = {one.name: its for one, its in zip(parsed, words, strict=False) if not one.alerts}
    known = [(one, _with_records(its, named)) for one, its in zip(parsed, words, strict=False)]
    for slo in slos:
        of_it = [one for one, its in known if _is_of(slo, its)]
        pairs = [pair for one in of_it if one.alerts for pair in _window_pairs(one.expression, records)]
        has = {
            rules.SLO_RECORD: any(not one.alerts and _windows(one.expression, records) for one in of_it),
            rules.SLO_FAST: any(long <= FAST for long, _ in pairs),
            rules.SLO_SLOW: any(long >= SLOW for long, _ in pairs),
        }
        for rule, there in has.items():
            wrong = None if there else (slo.name, slo.kind, slo.service)
            place = "" if slo.source.name else slo.name
            seen.look(rule, slo.source, slo.source.line(("metadata", "name")), place, wrong=wrong)


def _is_of(slo: Slo, words: _Words) -> bool:
    """Whether a rule is of an SLO: a label has the SLO's name as value; or a name or label, its own or of a
    series that it uses, has the service in it, and the words fit what is measured."""
    if slo.name and slo.name in words.values:
        return True
    service = _normal(slo.service)
    if not service or f"_{service}_" not in f"_{words.text}_":
        return False
    split = set(words.text.split("_"))
    latency = bool(split & _LATENCY) or "histogram_" in words.text
    return latency if slo.kind == "latency" else bool(split & _ERRORS) or not latency


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What tells of which SLO a rule is."""

    text: str
    """Names and labels, in lower case, with `_` between words."""
    values: frozenset[str]
    """Of labels, its own and those that it asks for."""
    series: frozenset[str]


def _words_of(rule: RuleOf) -> _Words:
    import promql_parser

    own = rule.texts("labels").values()
    texts, values = [rule.name, *own], set(own)
    for part in promql.walk(rule.expression):
        if isinstance(part, promql_parser.Call):
            texts.append(part.func.name)
        elif isinstance(part, promql_parser.VectorSelector):
            texts += (promql.name_of(part), *(one.name for one in part.matchers.matchers))
            values |= {one.value for one in part.matchers.matchers}
    text = _normal(" ".join((*texts, *values)))
    return _Words(text=text, values=frozenset(values), series=series_of(rule.expression))


def _with_records(rule: _Words, records: Mapping[str, _Words]) -> _Words:
    """With the words of the records that a rule uses."""
    found, left, names = [rule], [rule], set[str]()
    while left and len(names) < _FOLLOWED:
        for name in left.pop().series - names:
            names.add(name)
            if name in records:
                found.append(records[name])
                left.append(records[name])
    text = "_".join(one.text for one in found)
    return replace(rule, text=text, values=frozenset().union(*(one.values for one in found)))


def _normal(text: str) -> str:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def _window_pairs(expression: Any, records: Mapping[str, RuleOf]) -> list[tuple[timedelta, timedelta]]:
    """The long and the short window of what is compared on both sides of an `and`."""
    import promql_parser

    pairs = []
    for one in promql.walk(expression):
        if isinstance(one, promql_parser.BinaryExpr) and str(one.op) == "and":
            left, right = (_side_windows(side, records) for side in (one.lhs, one.rhs))
            pairs += [(max(a, b), min(a, b)) for a in left for b in right if a != b]
    return pairs


def _side_windows(side: Any, records: Mapping[str, RuleOf]) -> frozenset[timedelta]:
    import promql_parser

    for one in promql.walk(side):
        if isinstance(one, promql_parser.BinaryExpr) and str(one.op) in _COMPARISONS:
            return _windows(side, records)
    return frozenset()


def _windows(expression: Any, records: Mapping[str, RuleOf]) -> frozenset[timedelta]:
    """Times that an expression looks back: ranges, and those of recorded series, by the end of their names
    (`...rate5m`), else by what they record."""
    import promql_parser

    found: set[timedelta] = set()
    left, followed = [expression], set[str]()
    while left and len(followed) < _FOLLOWED:
        one = left.pop()
        found |= {part.range for part in promql.walk(one) if isinstance(part, promql_parser.MatrixSelector)}
        for name in series_of(one) - followed:
            followed.add(name)
            if suffix := _SUFFIX.search(name):
                found.add(timedelta(**{_UNITS[suffix[2]]: int(suffix[1][:4])}))
            elif name in records:
                left.append(records[name].expression)
    return frozenset(found)
