"""Rules of Prometheus: groups, what they record, and what they alert on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, fact
from phasegate.base.tree import TreePath
from phasegate.inspection.report import items_of
from phasegate.kinds import promql
from phasegate.kinds.monitoring import rules
from phasegate.kinds.monitoring.runbooks import Runbooks
from phasegate.kinds.monitoring.seen import Details, Seen
from phasegate.kinds.monitoring.sources import Source

_GROUP = {
    *("name", "rules", "interval", "limit", "query_offset", "labels"),
    # Of Thanos, and of Mimir.
    *("partial_response_strategy", "source_tenants", "evaluation_delay", "align_evaluation_time_on_interval"),
}
_RULE = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
_DURATION = re.compile(r"0|(?=\d)(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?")
_LOGQL = re.compile(r"\}\s*(?:\|[=~>]?|!=|!~)\s*[`\"\w]")
"""A pipeline behind a selector."""
_OF_TIME = {
    *("time", "hour", "minute", "month", "year"),
    *("day_of_week", "day_of_month", "day_of_year", "days_in_month"),
}
_LEVELS = re.compile(r"[^:]+:[^:]+:[^:]+")
_BRACES = re.compile(r"\{\{|\}\}")
_CODE = re.compile(r"\{\{|\}\}|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
"""Braces, and texts in which they are none."""
_VARIABLES = {"labels", "value", "externalLabels", "externalURL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOf:
    """A rule of a group."""

    source: Source
    path: TreePath
    group: str
    tree: Mapping[str, Any]
    shared: Any = None
    """Labels of its group."""
    expression: Any = None
    """None where it is not PromQL."""

    @property
    def alerts(self) -> bool:
        return "alert" in self.tree

    @property
    def name(self) -> str:
        return str(self.tree.get("alert" if self.alerts else "record"))

    @property
    def place(self) -> str:
        return f"{self.group}/{self.name}"

    def texts(self, key: str) -> dict[str, str]:
        """Labels or annotations."""
        parts = [self.shared if key == "labels" else None, self.tree.get(key)]
        pairs = (pair for one in parts if isinstance(one, Mapping) for pair in one.items())
        return {name: _text(value) for name, value in pairs if value is not None}


def rules_of(source: Source, seen: Seen) -> Iterator[RuleOf]:
    """The rules of a file whose shape is right; the others are found."""
    groups = source.tree.get("groups")
    if not isinstance(groups, list | None):
        seen.look(rules.RULE_SHAPE, source, ("groups",), wrong=("groups", "it is no list"))
    if unknown := set(source.tree) - {"groups", "namespace"}:
        seen.look(rules.RULE_SHAPE, source, (), wrong=("the file", f"it has {min(unknown)!r} beside groups"))
    names: Counter[str] = Counter()
    for number, group in enumerate(items_of(source.tree, "groups")):
        path: TreePath = ("groups", number)
        problem = _wrong_in_group(group)
        name = str(group.get("name")) if isinstance(group, Mapping) else str(number)
        names[name] += 1
        if not problem and names[name] > 1:
            problem = (name, "another group of the file has this name")
        if problem:
            seen.look(rules.RULE_SHAPE, source, path, name, wrong=problem)
        for at, tree in enumerate(items_of(group, "rules")):
            where = (*path, "rules", at)
            known = tree if isinstance(tree, Mapping) else {}
            one = RuleOf(source=source, path=where, group=name, tree=known, shared=group.get("labels"))
            yield from _parse_rule(one, _wrong_in_rule(tree), seen)


def _wrong_in_group(group: Any) -> tuple[str, str] | None:
    if not isinstance(group, Mapping):
        return "group", "it is no mapping"
    name = group.get("name")
    if not isinstance(name, str) or not name:
        return "group", "it has no name"
    if not isinstance(group.get("rules"), list | None):
        return name, "its rules are no list"
    if unknown := set(group) - _GROUP:
        return name, f"it has {min(unknown)!r}, which no group has"
    return (name, "its interval is no time") if _is_no_duration(group.get("interval")) else None


def _parse_rule(one: RuleOf, problem: str, seen: Seen) -> Iterator[RuleOf]:
    """A rule without a problem of shape, with its expression where that is PromQL."""
    name = one.name if one.tree else str(one.path[-1])
    wrong = (name, problem) if problem else None
    seen.look(rules.RULE_SHAPE, one.source, one.path, f"{one.group}/{name}", wrong=wrong)
    if problem:
        return
    query, why, parsed = _text(one.tree["expr"]), "", None
    try:
        parsed = promql.parse(query)
        why = _wrong_type(parsed)
    except ValueError as error:
        if _LOGQL.search(query):
            seen.unproven[f"{one.source.file}#{one.place}"] = fact(Code.LOGQL_RULE, name=name)
            return
        why = " ".join(str(error).split())
    wrong = (name, why) if why else None
    seen.look(rules.PROMQL, one.source, (*one.path, "expr"), one.place, wrong=wrong)
    yield replace(one, expression=None if why else parsed)


def _wrong_in_rule(tree: Any) -> str:
    if not isinstance(tree, Mapping):
        return "it is no mapping"
    if len({"record", "alert"} & set(tree)) != 1:
        return "it has not one of 'record' and 'alert'"
    if not _text(tree.get("alert", tree.get("record"))):
        return "it has no name"
    if not _text(tree.get("expr")):
        return "it has no expression"
    if unknown := set(tree) - _RULE:
        return f"it has {min(unknown)!r}, which no rule has"
    if "record" in tree and (extra := {"for", "keep_firing_for", "annotations"} & set(tree)):
        return f"it records, so it has no {min(extra)!r}"
    for key in ("for", "keep_firing_for"):
        if _is_no_duration(tree.get(key)):
            return f"{key!r} is no time, such as 5m"
    for key in ("labels", "annotations"):
        if not isinstance(tree.get(key), Mapping | None):
            return f"{key!r} is no mapping"
    if "__name__" in (tree.get("labels") or {}):
        return "it sets the label __name__"
    return "it records what is no name" if {"{", "}"} & set(_text(tree.get("record"))) else ""


def _is_no_duration(value: Any) -> bool:
    return value is not None and (isinstance(value, bool) or not _DURATION.fullmatch(str(value)))


def _wrong_type(expression: Any) -> str:
    import promql_parser

    while isinstance(expression, promql_parser.ParenExpr):
        expression = expression.expr
    match expression:
        case promql_parser.MatrixSelector() | promql_parser.SubqueryExpr():
            return "it gives a range of values, not one; put a function around it"
        case promql_parser.StringLiteral():
            return "it is a text"
    return ""


def judge_rules(found: Iterable[RuleOf], constant: Collection[str], runbooks: Runbooks, seen: Seen) -> None:
    """What is wrong with rules that have their shape."""
    found = tuple(found)
    recorded = {one.name for one in found if not one.alerts}
    twice: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        same = (one.source.file + one.source.name, one.name, _same(one))
        twice[same] += 1
        wrong: Details | None = (one.name,) if twice[same] > 1 else None
        seen.look(rules.RULE_DUPLICATE, one.source, one.path, one.place, wrong=wrong)
        if one.expression is not None:
            used = series_of(one.expression)
            dead = sorted(name for name in used if _LEVELS.fullmatch(name) and name not in recorded)
            wrong = (one.name, ", ".join(dead)) if dead else None
            seen.look(rules.RULE_DEAD, one.source, (*one.path, "expr"), one.place, wrong=wrong)
        _judge_templates(one, seen)
        if one.alerts:
            _judge_alert(one, constant, runbooks, seen)
        else:
            wrong = None if ":" in one.name.strip(":") else (one.name,)
            seen.look(rules.RECORD_NAME, one.source, (*one.path, "record"), one.place, wrong=wrong)


def _same(one: RuleOf) -> str:
    return f"{sorted(one.texts('labels').items())} {' '.join(_text(one.tree['expr']).split())}"


def _judge_alert(one: RuleOf, constant: Collection[str], runbooks: Runbooks, seen: Seen) -> None:
    labels, notes = one.texts("labels"), one.texts("annotations")
    steady = one.name in constant
    runbook = notes.get("runbook_url")
    lacks = {
        rules.ALERT_SEVERITY: not labels.get("severity"),
        rules.ALERT_FOR: not steady
        and re.fullmatch(r"(?:None|0+[a-z]*)?", str(one.tree.get("for"))) is not None,
        rules.ALERT_SUMMARY: not any(notes.get(key) for key in ("summary", "description", "message")),
        rules.ALERT_RUNBOOK: runbook is None,
    }
    if one.expression is not None and not steady:
        lacks[rules.ALERT_CONSTANT] = is_constant(one.expression)
    for rule, lacking in lacks.items():
        seen.look(rule, one.source, one.path, one.place, wrong=(one.name,) if lacking else None)
    if runbook is not None and "{{" not in runbook:
        why = runbooks.problem_of(runbook, one.source.file)
        path = (*one.path, "annotations", "runbook_url")
        wrong = (one.name, runbook, why) if why else None
        seen.look(rules.RUNBOOK_TARGET, one.source, path, one.place, wrong=wrong)


def _judge_templates(one: RuleOf, seen: Seen) -> None:
    for part in ("labels", "annotations"):
        for key, text in one.texts(part).items():
            if "{{" in text or "}}" in text:
                why = wrong_in_template(text)
                wrong = (key, one.name, why) if why else None
                place = f"{one.place}/{key}"
                seen.look(rules.ALERT_TEMPLATE, one.source, (*one.path, part, key), place, wrong=wrong)


def wrong_in_template(text: str) -> str:
    """Why a template of Go cannot be filled in, as far as its braces and variables tell; else empty."""
    inside, place, code = False, 0, ""
    while found := (_CODE if inside else _BRACES).search(text, place):
        code += text[place : found.start()] + " " if inside else ""
        place = found.end()
        if found[0] in ("{{", "}}"):
            if (found[0] == "{{") is inside:
                return "'{{' in '{{'" if inside else "'}}' without '{{'"
            inside = not inside
    if inside:
        return "'{{' is never closed"
    made = re.findall(r"\$(\w+)(?=\s*(?:,\s*\$\w+\s*)?:=)|,\s*\$(\w+)\s*:=", code)
    known = _VARIABLES.union(name for names in made for name in names)
    unknown = [name for name in re.findall(r"\$(\w+)", code) if name not in known]
    return f"there is no variable ${unknown[0]}" if unknown else ""


def is_constant(expression: Any) -> bool:
    """Whether an expression is the same whatever happens: it asks for no series and not for the time."""
    import promql_parser as promql_

    while isinstance(expression, promql_.ParenExpr):
        expression = expression.expr
    if isinstance(expression, promql_.BinaryExpr) and str(expression.op) == "or":
        return is_constant(expression.lhs) or is_constant(expression.rhs)
    return not any(
        isinstance(one, promql_.VectorSelector)
        or (isinstance(one, promql_.Call) and one.func.name in _OF_TIME)
        for one in promql.walk(expression)
    )


def series_of(expression: Any) -> frozenset[str]:
    """The series that an expression names."""
    import promql_parser

    selectors = (one for one in promql.walk(expression) if isinstance(one, promql_parser.VectorSelector))
    return frozenset(filter(None, map(promql.name_of, selectors)))


def _text(value: Any) -> str:
    """A scalar as text; empty for what is none."""
    return "" if value is None or isinstance(value, Mapping | list | bool) else str(value).strip()
