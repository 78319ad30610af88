"""Alertmanager: which receiver gets an alert, and whether it can send."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import regex

from phasegate.base.dataclass import dataclass
from phasegate.base.tree import TreePath
from phasegate.inspection.report import get, items_of
from phasegate.kinds.monitoring import rules
from phasegate.kinds.monitoring.rule_files import RuleOf
from phasegate.kinds.monitoring.seen import Details, Seen
from phasegate.kinds.monitoring.sources import Source

_MATCHER = re.compile(r"\s*(?P<label>[^\s=!~{},]+)\s*(?P<op>=~|!=|!~|=)(?P<value>.*)", re.DOTALL)
_PIECE = re.compile(r"(?:[^,\"]|\"(?:[^\"\\]|\\.)*\")+")
_NOWHERE = {"null", "none", "blackhole", "devnull", "noop", "drop", "discard", "void"}
"""Words in the names of receivers that are meant to send nothing."""
_NEEDS: Mapping[str, Sequence[str]] = {
    "slack": ("api_url", "app_token"),
    "opsgenie": ("api_key",),
    "victorops": ("api_key",),
    "telegram": ("bot_token",),
    "wechat": ("api_secret",),
    "mattermost": ("webhook_url",),
    "rocketchat": ("token",),
    "pagerduty": ("routing_key", "service_key"),
    "webhook": ("url",),
    "discord": ("webhook_url",),
    "msteams": ("webhook_url",),
}
"""Integrations, and the keys of which they need one, here or as `INTEGRATION_KEY` under `global`; each may
end with `_file`, but not both may be there."""
_TIMEOUT = 0.2
"""Seconds for one match with an expression of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    label: str
    negative: bool
    value: str
    expression: bool

    def matches(self, labels: Mapping[str, str]) -> bool | None:
        """None for a label that the rule of an alert does not write, as its series may bring it."""
        if self.label not in labels or "{{" in labels[self.label]:
            return None
        value = labels[self.label]
        try:
            found = (
                regex.fullmatch(self.value, value, timeout=_TIMEOUT) is not None
                if self.expression
                else value == self.value
            )
        except (regex.error, TimeoutError):
            return None
        return found is not self.negative


def matchers_of(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[Matcher | str, TreePath]]:
    """The matchers of a route, or with a prefix of an inhibit rule, and where; for what is none, why."""
    for key, form in (("match", Mapping), ("match_re", Mapping), ("matchers", list)):
        written, key = tree.get(prefix + key), prefix + key
        if written is not None and not isinstance(written, form):
            yield f"{key} is no {'list' if form is list else 'mapping'}", (key,)
        elif isinstance(written, Mapping):
            for label, value in written.items():
                yield _matcher(label, "=~" if key.endswith("_re") else "=", value), (key, label)
        else:
            for number, text in enumerate(written or ()):
                for one in _PIECE.findall(str(text).strip().removeprefix("{").removesuffix("}")):
                    yield _parse_matcher(one), (key, number)


def _parse_matcher(text: str) -> Matcher | str:
    found = _MATCHER.fullmatch(text)
    if found is None:
        return f"{text.strip()!r} is no matcher"
    value = found["value"].strip()
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if '"' in bare.replace('\\"', ""):
        return f"{text.strip()!r} has a quote too many"
    return _matcher(found["label"].strip('"'), found["op"], bare)


def _matcher(label: str, operator: str, value: Any) -> Matcher | str:
    if "~" in operator:
        try:
            regex.compile(value)
        except (regex.error, RecursionError, TypeError) as error:
            return f"{value!r} is no regular expression: {error}"
    return Matcher(label=label, negative="!" in operator, value=str(value), expression="~" in operator)


def judge_alertmanager(source: Source, seen: Seen) -> None:
    """Receivers, routes and inhibit rules, each for itself."""
    names: Counter[str] = Counter()
    for number, receiver in enumerate(items_of(source.tree, "receivers")):
        name = get(receiver, "name")
        names[str(name)] += 1
        known = isinstance(name, str) and name
        why = "it has no name" if not known else "it is there twice" if names[name] > 1 else ""
        wrong: Details | None = (str(name), why) if why else None
        seen.look(rules.RECEIVER, source, ("receivers", number), f"receiver/{name}", wrong=wrong)
        _judge_integrations(source, number, receiver, seen)
    if not isinstance(source.tree.get("route"), Mapping):
        seen.look(rules.RECEIVER, source, (), "route", wrong=("", "there is no route"))
    for path, route in routes_of(source):
        name, place = route.get("receiver"), "/".join(map(str, path))
        if name is not None or len(path) == 1:
            why = "" if str(name) in names else "a route names it, and there is none"
            why = "the first route names no receiver" if name is None else why
            seen.look(rules.RECEIVER, source, path, place, wrong=(str(name or ""), why) if why else None)
        for matcher, below in matchers_of(route):
            why = matcher if isinstance(matcher, str) else ""
            if len(path) == 1:
                why = "the first route takes every alert, so it has no matchers"
            wrong = (why,) if why else None
            seen.look(rules.ROUTE, source, (*path, *below), f"{place}/{below[0]}", wrong=wrong)
    for number, rule in enumerate(items_of(source.tree, "inhibit_rules")):
        path, place = ("inhibit_rules", number), f"inhibit_rules/{number}"
        seen.look(rules.INHIBIT, source, path, place, wrong=_wrong_in_inhibition(rule))


def _wrong_in_inhibition(rule: Any) -> tuple[str] | None:
    if not isinstance(rule, Mapping):
        return ("it is no mapping",)
    for side in ("source", "target"):
        found = list(matchers_of(rule, f"{side}_"))
        if why := next((one for one, _ in found if isinstance(one, str)), ""):
            return (why,)
        if not found:
            return (f"it matches no {side}, so every alert is one",)
    return None if isinstance(rule.get("equal"), list | None) else ("'equal' is no list",)


def _judge_integrations(source: Source, number: int, receiver: Any, seen: Seen) -> None:
    settings = source.tree.get("global")
    for kind, needed in _NEEDS.items():
        for at, one in enumerate(items_of(receiver, f"{kind}_configs")):
            path = ("receivers", number, f"{kind}_configs", at)
            place = f"receiver/{get(receiver, 'name')}/{kind}/{at}"
            own = [name for key in needed for name in _keys_in(one, key)]
            shared = [_keys_in(settings, f"{kind}_{key}") for key in needed]
            why = "" if own or any(shared) else f"it has no {' or '.join(needed)}"
            for names in (own, *shared):
                if len(names) > 1:
                    why = f"it has both {' and '.join(names)}"
            seen.look(rules.INTEGRATION, source, path, place, wrong=(kind, why) if why else None)


def _keys_in(tree: Any, key: str) -> list[str]:
    return [name for name in (key, f"{key}_file") if get(tree, name) not in (None, "")]


def routes_of(source: Source) -> Iterator[tuple[TreePath, Mapping[str, Any]]]:
    """All routes, the first one first."""
    left: list[tuple[TreePath, Any]] = [(("route",), source.tree.get("route"))]
    while left:
        path, route = left.pop()
        if isinstance(route, Mapping):
            yield path, route
            below = list(enumerate(items_of(route, "routes")))
            left += (((*path, "routes", number), one) for number, one in reversed(below))


def judge_severities(alerts: Iterable[RuleOf], sources: Sequence[Source], seen: Seen) -> None:
    """Every severity of alerts reaches somebody, in one of the configurations."""
    by_severity: dict[str, list[RuleOf]] = {}
    for alert in alerts:
        severity = alert.texts("labels").get("severity", "")
        if severity not in ("", "none") and "{{" not in severity:
            by_severity.setdefault(severity, []).append(alert)
    senders = [_senders(source) for source in sources]
    for severity, of_it in by_severity.items():
        to: set[str] = set()
        for alert in of_it:
            labels = {**alert.texts("labels"), "alertname": alert.name}
            for source, sending in zip(sources, senders, strict=True):
                reached = _receivers(source.tree.get("route"), labels, "", 0)
                to |= {"", *reached} if reached & sending else reached
            if "" in to:
                break
        first, names = of_it[0], ", ".join(sorted(to)) or "no receiver"
        wrong = None if "" in to else (severity, names)
        path = (*first.path, "labels", "severity")
        seen.look(rules.ALERT_ROUTED, first.source, path, f"severity/{severity}", wrong=wrong)


def _senders(source: Source) -> frozenset[str]:
    """Receivers that send something and are not named for sending nothing."""
    return frozenset(
        name
        for receiver in items_of(source.tree, "receivers")
        if isinstance(name := get(receiver, "name"), str)
        and not _NOWHERE & set(re.split(r"[-_ ]", name.lower().replace("-hole", "hole")))
        and any(key.endswith("_configs") and value for key, value in receiver.items())
    )


def _receivers(route: Any, labels: Mapping[str, str], above: str, depth: int) -> set[str]:
    """The receivers that an alert may reach below a route that takes it."""
    if not isinstance(route, Mapping) or depth > 64:
        return set()
    own = str(route.get("receiver") or above)
    found: set[str] = set()
    taken = False
    for below in items_of(route, "routes"):
        if not isinstance(below, Mapping):
            continue
        answers = [isinstance(one, Matcher) and one.matches(labels) for one, _ in matchers_of(below)]
        if False in answers:
            continue
        found |= _receivers(below, labels, own, depth + 1)
        if None not in answers:
            taken = True
            if not below.get("continue"):
                break
    return found if taken else found | {own}
