"""Dashboards of Grafana: what they ask Prometheus for, and the variables that this needs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from phasegate.inspection.report import get, items_of, text_of
from phasegate.kinds import promql
from phasegate.kinds.monitoring import rules
from phasegate.kinds.monitoring.seen import Seen
from phasegate.kinds.monitoring.sources import Source

_VARIABLE = re.compile(
    r"\$\{(?P<braced>[A-Za-z_]\w*)(?:[.:][^{}]*)?\}|\[\[(?P<old>\w+)(?::[^\[\]]*)?\]\]|\$(?P<plain>[A-Za-z_]\w*)"
)
_RANGE = re.compile(r"\[[^\[\]\"']*\]|(?<=\boffset )\s*\S+")
"""Where a variable stands for a time."""
_VALUES = ("x", "1", "5m", '"x"', "")
"""What a variable may stand for: a name, a number, a time, a text, nothing."""
_TRIES = 200
"""Values that are tried of all variables of a query together."""
_EFFORT = 1_000_000
"""Characters that are parsed for a query, over all tries."""


def judge_dashboards(sources: Sequence[Source], seen: Seen) -> None:
    first: dict[str, str] = {}
    for source in sources:
        title, uid = text_of(source.tree, "title"), text_of(source.tree, "uid")
        place = title or uid or "dashboard"
        seen.look(rules.TITLE, source, source.line_of(uid) if uid else 1, place, wrong=None if title else ())
        seen.look(rules.UID, source, source.line_of(title), place, wrong=None if uid else ())
        if uid:
            other = first.setdefault(uid, source.name or source.file)
            wrong = None if other == (source.name or source.file) else (uid, other)
            seen.look(rules.UID_TWICE, source, source.line_of(uid), place, wrong=wrong)
        panels = list(_panels(source.tree))
        _judge_ids(source, panels, place, seen)
        _judge_variables(source, panels, place, seen)
        _judge_queries(source, panels, place, seen)


def _panels(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All panels, those in rows too."""
    left: list[Any] = [*items_of(tree, "panels"), *items_of(tree, "rows")][::-1]
    while left:
        panel = left.pop()
        if isinstance(panel, Mapping):
            yield panel
            left += reversed(items_of(panel, "panels"))


def _judge_ids(source: Source, panels: Sequence[Mapping[str, Any]], place: str, seen: Seen) -> None:
    ids = Counter(id for panel in panels if isinstance(id := panel.get("id"), int))
    for id, n in ids.items():
        seen.look(rules.PANEL_ID, source, None, f"{place}/{id}", wrong=(id, n) if n > 1 else None)


def _judge_variables(source: Source, panels: Sequence[Mapping[str, Any]], place: str, seen: Seen) -> None:
    written = (*items_of(source.tree.get("templating"), "list"), *items_of(source.tree, "__inputs"))
    defined = {text_of(one, "name") for one in written}
    used: Counter[str] = Counter()
    lines: dict[str, str] = {}
    for text in _texts(source.tree, panels):
        for found in _VARIABLE.finditer(text):
            name = found["braced"] or found["old"] or found["plain"]
            if not name.startswith("__"):
                used[name] += 1
                lines.setdefault(name, text)
    for name, n in used.items():
        known = name in defined
        line = None if known else source.line_of(lines[name])
        wrong = None if known else (name, n)
        seen.look(rules.VARIABLE, source, line, f"{place}/{name}", wrong=wrong)


def _texts(tree: Mapping[str, Any], panels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What Grafana fills variables into."""
    for panel in panels:
        yield text_of(panel, "title")
        if repeated := text_of(panel, "repeat"):
            yield f"${repeated}"
        yield _name_of_datasource(panel.get("datasource"))
        for target in items_of(panel, "targets"):
            yield text_of(target, "expr")
            yield _name_of_datasource(get(target, "datasource"))
    for one in items_of(tree.get("templating"), "list"):
        yield text_of(one, "query") if get(one, "type") == "query" else ""
        yield text_of(get(one, "query"), "query") if get(one, "type") == "query" else ""
        yield _name_of_datasource(get(one, "datasource"))
    for one in items_of(tree.get("annotations"), "list"):
        yield text_of(one, "expr")


def _name_of_datasource(written: Any) -> str:
    return written if isinstance(written, str) else text_of(written, "uid")


def _judge_queries(source: Source, panels: Sequence[Mapping[str, Any]], place: str, seen: Seen) -> None:
    of_variables = {
        text_of(one, "name"): text_of(one, "query")
        for one in items_of(source.tree.get("templating"), "list")
        if get(one, "type") == "datasource"
    }
    inputs = {text_of(one, "name"): text_of(one, "pluginId") for one in items_of(source.tree, "__inputs")}
    for panel in panels:
        for target in items_of(panel, "targets"):
            query = text_of(target, "expr")
            written = get(target, "datasource") or panel.get("datasource")
            if query.strip() and _kind_of_datasource(written, {**inputs, **of_variables}) == "prometheus":
                why = wrong_in_query(query)
                line = source.line_of(query) if why else None
                title = text_of(panel, "title") or str(panel.get("id"))
                at = f"{place}/{title}/{text_of(target, 'refId')}"
                seen.look(rules.PANEL_PROMQL, source, line, at, wrong=(title, why) if why else None)


def _kind_of_datasource(written: Any, variables: Mapping[str, str]) -> str:
    """`prometheus`, `loki` ...; empty where the dashboard does not say."""
    kind = text_of(written, "type")
    if kind and kind != "datasource":
        return kind
    name = _name_of_datasource(written)
    found = _VARIABLE.fullmatch(name)
    if found:
        return variables.get(found["braced"] or found["old"] or found["plain"], "")
    return "prometheus" if "prometheus" in name.lower() else ""


def wrong_in_query(query: str) -> str:
    """Why a query with variables is not PromQL, whatever they stand for; else empty."""
    query = _RANGE.sub(lambda found: _fill_times(found[0]), query)
    names = list(dict.fromkeys(found[0] for found in _VARIABLE.finditer(query)))
    why = ""
    tries = min(_TRIES, 1 + _EFFORT // (len(query) + 1))
    for values in islice(product(_VALUES, repeat=len(names)), tries):
        filled = dict(zip(names, values, strict=True))
        try:
            promql.parse(_VARIABLE.sub(lambda found: filled[found[0]], query))  # noqa: B023
        except ValueError as error:
            why = why or " ".join(str(error).split())
        else:
            return ""
    return why


def _fill_times(text: str) -> str:
    """A range in brackets, or what is behind `offset`: a number before a unit, else a time."""
    text = re.sub(rf"(?:{_VARIABLE.pattern})(?=[smhdwy]\b)".replace("?P<", "?P<_"), "5", text)
    return _VARIABLE.sub("5m", text)
