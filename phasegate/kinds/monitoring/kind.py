"""Files of monitoring: rules, routes, configurations and dashboards, and what SLOs need of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.inspection.finding import Inspection, merge, some_files
from phasegate.inspection.rules import YAML
from phasegate.inspection.tree import Tree, read_texts
from phasegate.kinds.base import CheckParams, Requirement
from phasegate.kinds.inspection import InspectionKind
from phasegate.kinds.monitoring.configurations import judge_loki, judge_prometheus
from phasegate.kinds.monitoring.dashboards import judge_dashboards
from phasegate.kinds.monitoring.params import MonitoringParams
from phasegate.kinds.monitoring.promtool import run_promtool
from phasegate.kinds.monitoring.routing import judge_alertmanager, judge_severities
from phasegate.kinds.monitoring.rule_files import judge_rules, rules_of
from phasegate.kinds.monitoring.rule_tests import judge_rule_tests
from phasegate.kinds.monitoring.rules import JSON
from phasegate.kinds.monitoring.runbooks import Runbooks
from phasegate.kinds.monitoring.seen import Seen
from phasegate.kinds.monitoring.slos import Slo, judge_slos, read_slo
from phasegate.kinds.monitoring.sources import Sort, Sources, read_sources
from phasegate.kinds.promql import PARSER
from phasegate.world import World


class MonitoringKind(InspectionKind[MonitoringParams]):
    name: ClassVar[str] = "monitoring"
    Params: ClassVar[type[CheckParams]] = MonitoringParams
    example: ClassVar[Mapping[str, Any]] = {
        "files": ["monitoring/**/*.yaml", "monitoring/dashboards/*.json"],
        "slos": [{"name": "checkout-availability", "kind": "availability", "service": "checkout"}],
        "tools": ["promtool"],
    }
    objects: ClassVar[str] = "rules, dashboards, configurations and SLOs"

    def requirements(self, params: MonitoringParams) -> tuple[Requirement, ...]:
        return (PARSER,)

    async def inspect(self, params: MonitoringParams, tree: Tree, world: World) -> Inspection:
        sources = await asyncio.to_thread(lambda: read_sources(read_texts(tree)))
        seen = await asyncio.to_thread(look_at, params, tree, sources)
        if not (seen.objects or seen.findings or seen.unproven):
            raise ObservationError(fact(Code.NO_MONITORING, names=params.files))
        if "promtool" in params.tools:
            more = await run_promtool(sources, world)
            seen = merge((seen, more), files=seen.files, objects=seen.objects)
        return seen


def look_at(params: MonitoringParams, tree: Tree, sources: Sources) -> Inspection:
    """What is wrong with what was recognized."""
    seen = Seen()
    seen.looked.update({JSON: sources.json_files, YAML: sources.yaml_files})
    found = [rule for source in sources[Sort.RULES] for rule in rules_of(source, seen)]
    judge_rules(found, params.constant, Runbooks(tree.root), seen)
    for source in sources[Sort.TESTS]:
        judge_rule_tests(source, found, seen)
    for source in sources[Sort.PROMETHEUS]:
        judge_prometheus(source, tree.root, seen)
    for source in sources[Sort.ALERTMANAGER]:
        judge_alertmanager(source, seen)
    if sources[Sort.ALERTMANAGER]:
        judge_severities([one for one in found if one.alerts], sources[Sort.ALERTMANAGER], seen)
    for source in sources[Sort.LOKI]:
        judge_loki(source, seen)
    judge_dashboards(sources[Sort.DASHBOARD], seen)
    written = [Slo(name=one.name, kind=one.kind, service=one.service) for one in params.slos]
    judge_slos([*written, *(read_slo(source, seen) for source in sources[Sort.SLO])], found, seen)
    others = sources.others
    left_out = (some_files(Code.NOT_MONITORING, others, n=len(others)),) if others else ()
    return Inspection(
        files=len(tree.names) - len(others),
        objects=len(found) + sources.n - len(sources[Sort.RULES]),
        findings=(*tree.findings, *sources.findings, *seen.findings),
        looked=seen.everything(),
        unproven=seen.unproven,
        notes=(*tree.notes, *left_out),
    )
