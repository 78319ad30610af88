"""What files of monitoring are, told by what is in them: alone, in lists of objects, in ConfigMaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import Position, Problem
from phasegate.base.tree import TreePath
from phasegate.base.yaml import Dialect, Document, parse_stream
from phasegate.inspection.finding import Finding, Rule
from phasegate.inspection.report import get, items_of
from phasegate.inspection.rules import YAML
from phasegate.inspection.tree import Text, problem_finding
from phasegate.kinds.monitoring.rules import JSON

DIALECT = Dialect(foreign_tags=True, plain=True)
_YAML = (".yaml", ".yml", ".rules")
_BLOCK = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?$")
_SEARCHED = 1 << 20
"""Characters of JSON in which lines are looked for."""
_DEEPEST = 5
"""Lists and files in objects in lists."""


class Sort(StrEnum):
    RULES = "rules"
    TESTS = "tests"
    """Unit tests of rules."""
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    LOKI = "loki"
    DASHBOARD = "dashboard"
    SLO = "slo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One configuration."""

    file: str
    name: str = ""
    """Of the object of a cluster that holds it, and its key there; empty for a file of its own."""
    tree: Mapping[str, Any] = field(default_factory=dict)
    document: Document | None = None
    """None for JSON, of which lines are found by text."""
    base: TreePath = ()
    """Where `tree` is in the document."""
    above: int | None = 0
    """Lines of the file above the text that it was read from; None where its lines are none of the file."""
    text: str = ""

    def below(self, tree: Any, *steps: str | int, name: str = "") -> Source:
        """What stands below keys, as a configuration of its own."""
        tree = tree if isinstance(tree, Mapping) else {}
        return replace(self, tree=tree, base=(*self.base, *steps), name=name or self.name)

    def line(self, path: TreePath) -> int | None:
        """Where a value was written."""
        if self.document is None or self.above is None:
            return None
        return self.document.value_at((*self.base, *path)).line + self.above

    def line_of(self, value: Any) -> int | None:
        """Where a text of JSON was written first."""
        if self.above is None or len(self.text) > _SEARCHED:
            return None
        found = (self.text.find(json.dumps(value, ensure_ascii=ascii)) for ascii in (False, True))
        place = next((place for place in found if place >= 0), None)
        return None if place is None else self.text.count("\n", 0, place) + 1 + self.above


@dataclass(slots=True)
class Sources:
    """What was recognized, what cannot be read, and files that are something else."""

    found: dict[Sort, list[Source]] = field(default_factory=lambda: {sort: [] for sort in Sort})
    findings: list[Finding] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    json_files: int = 0
    yaml_files: int = 0

    def __getitem__(self, sort: Sort) -> list[Source]:
        return self.found[sort]

    @property
    def n(self) -> int:
        return sum(map(len, self.found.values()))


def read_sources(texts: Iterable[Text | Finding]) -> Sources:
    """Everything of monitoring in files."""
    sources = Sources()
    for text in texts:
        if isinstance(text, Finding):
            sources.findings.append(text)
            continue
        before = sources.n + len(sources.findings)
        _read(Source(file=text.name, text=text.content), text.name, sources)
        if sources.n + len(sources.findings) == before:
            sources.others.append(text.name)
    return sources


def _read(source: Source, named: str, sources: Sources, depth: int = 0) -> None:
    """The text of a file, or of a value that is named as a file is."""
    if named.endswith(".json"):
        sources.json_files += 1
        try:
            tree = json.loads(source.text)
        except json.JSONDecodeError as error:
            at = Position(file=source.file, line=error.lineno)
            _refuse(JSON, Problem(message=error.msg, at=at), source, sources)
        except (RecursionError, ValueError):
            problem = Problem(message="it is nested too deep, or a number is too long")
            _refuse(JSON, problem, source, sources)
        else:
            _sort_out(source.below(tree), sources, depth)
    elif named.endswith(_YAML):
        sources.yaml_files += 1
        documents, problems = parse_stream(source.text, source.file, DIALECT)
        for problem in problems:
            _refuse(YAML, problem, source, sources)
        for document in documents:
            _sort_out(replace(source, document=document).below(document.tree), sources, depth)


def _refuse(rule: Rule, problem: Problem, source: Source, sources: Sources) -> None:
    finding = problem_finding(rule, problem, source.file)
    line = None if finding.line is None or source.above is None else finding.line + source.above
    sources.findings.append(replace(finding, line=line, place=source.name))


def _sort_out(source: Source, sources: Sources, depth: int) -> None:
    tree = source.tree
    kind = tree.get("kind")
    if isinstance(kind, str) and "apiVersion" in tree:
        if depth < _DEEPEST:
            _open_object(source, kind, sources, depth + 1)
    elif (sort := sort_of(tree)) is not None:
        if sort is Sort.DASHBOARD and "dashboard" in tree:
            source = source.below(tree["dashboard"], "dashboard")
        sources[sort].append(source)


def _open_object(source: Source, kind: str, sources: Sources, depth: int) -> None:
    """What an object of a cluster holds."""
    tree = source.tree
    named = get(tree, "metadata", "name")
    name = "/".join(part for part in (source.name, kind, named if isinstance(named, str) else "") if part)
    if kind == "PrometheusRule":
        sources[Sort.RULES].append(source.below(tree.get("spec"), "spec", name=name))
    elif kind == "SLO":
        sources[Sort.SLO].append(replace(source, name=name))
    elif kind.endswith("List"):
        for number, item in enumerate(items_of(tree, "items")):
            # Items of a list of one kind may leave out what they are.
            known = {"apiVersion": tree["apiVersion"], "kind": kind[:-4]}
            whole = {**known, **item} if isinstance(item, Mapping) else {}
            _sort_out(source.below(whole, "items", number), sources, depth)
    elif kind in ("ConfigMap", "Secret"):
        # `data` of a Secret is base64.
        for key in ("data", "stringData") if kind == "ConfigMap" else ("stringData",):
            data = tree.get(key)
            for inner, text in data.items() if isinstance(data, Mapping) else ():
                if isinstance(text, str):
                    above = _lines_above(source, key, inner)
                    inside = Source(file=source.file, name=f"{name}/{inner}", text=text, above=above)
                    _read(inside, inner, sources, depth)


def sort_of(tree: Mapping[str, Any]) -> Sort | None:
    """What a configuration is, by its keys; None where it is something else."""
    keys = set(tree)
    if {"rule_files", "tests"} <= keys:
        return Sort.TESTS
    if keys & {"tests", "positions", "clients"}:  # of something else, and Promtail
        return None
    if "groups" in keys and (
        keys <= {"groups", "namespace"} or any(get(one, "rules") for one in items_of(tree, "groups"))
    ):
        return Sort.RULES
    if {"route", "receivers"} <= keys or (keys & {"route", "receivers"} and keys <= _OF_ALERTMANAGER):
        return Sort.ALERTMANAGER
    settings = tree.get("global")
    if keys & _OF_PROMETHEUS or (
        isinstance(settings, Mapping) and set(settings) & {"scrape_interval", "evaluation_interval"}
    ):
        return Sort.PROMETHEUS
    if "schema_config" in keys or ("limits_config" in keys and len(keys & _OF_LOKI) > 1):
        return Sort.LOKI
    inner = tree.get("dashboard")
    if isinstance(inner, Mapping) and "dashboard" not in inner:
        return Sort.DASHBOARD if sort_of(inner) is Sort.DASHBOARD else None
    if keys & {"panels", "rows"} and keys & {"title", "schemaVersion", "templating"}:
        return Sort.DASHBOARD
    return None


_OF_ALERTMANAGER = {
    *("global", "route", "receivers", "inhibit_rules", "templates", "tracing"),
    *("time_intervals", "mute_time_intervals"),
}
_OF_PROMETHEUS = {
    "alerting",
    "scrape_configs",
    "scrape_config_files",
    "rule_files",
    "remote_write",
    "remote_read",
}
_OF_LOKI = {
    *("auth_enabled", "common", "compactor", "distributor", "ingester", "limits_config", "querier"),
    *("query_range", "ruler", "storage_config", "frontend", "memberlist"),
}


def _lines_above(source: Source, *path: str) -> int | None:
    """Lines of a file above a block of text that is a value in it."""
    if source.document is None or source.above is None:
        return None
    line = source.document.value_at((*source.base, *path)).line
    return source.above + line if _BLOCK.search(source.document.line(line)) else None
