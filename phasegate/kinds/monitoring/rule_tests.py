"""Unit tests of rules as they are written; promtool runs them. What expects nothing succeeds there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from phasegate.inspection.report import get, items_of
from phasegate.kinds.monitoring.rule_files import RuleOf
from phasegate.kinds.monitoring.rules import RULE_TESTS
from phasegate.kinds.monitoring.seen import Seen
from phasegate.kinds.monitoring.sources import Source

_EXPECTATIONS = ("alert_rule_test", "promql_expr_test")


def judge_rule_tests(source: Source, rules: Sequence[RuleOf], seen: Seen) -> None:
    """Whether each test of a file expects something, of an alert that its rule files have."""
    groups = items_of(source.tree, "tests")
    if not groups:
        seen.look(RULE_TESTS, source, ("tests",), wrong=("the file", "it has no tests"))
    alerts = _alerts_of(source, rules)
    for number, group in enumerate(groups):
        name = get(group, "name") if isinstance(get(group, "name"), str) else f"{number + 1}"
        problem = next(_problems(group, alerts), None)
        wrong = (f"test {name}", problem) if problem else None
        seen.look(RULE_TESTS, source, ("tests", number), name, wrong=wrong)


def _problems(group: Any, alerts: frozenset[str] | None) -> Iterator[str]:
    if not any(items_of(group, key) for key in _EXPECTATIONS):
        yield "it expects nothing: neither alert_rule_test nor promql_expr_test"
    for expected in items_of(group, "alert_rule_test"):
        name = get(expected, "alertname")
        if alerts is not None and name not in alerts:
            yield f"no rule has an alert {name!r}, so it never fires"


def _alerts_of(source: Source, rules: Sequence[RuleOf]) -> frozenset[str] | None:
    """The alerts of the rule files of a test; None where they are not all among the files of the check."""
    folder = posixpath.dirname(source.file)
    found: set[str] = set()
    for pattern in items_of(source.tree, "rule_files"):
        path = posixpath.normpath(posixpath.join(folder, f"{pattern}"))
        mine = [rule for rule in rules if fnmatchcase(rule.source.file, path)]
        if not mine:
            return None
        found.update(rule.name for rule in mine if rule.alerts)
    return frozenset(found)
