"""`pipeline`: workflows of GitHub Actions and GitLab CI; whether what deploys is held by a gate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from phasegate.base.facts import Code, Message, fact
from phasegate.inspection.finding import Finding, Inspection, Looked, Rule, merge, some_files
from phasegate.inspection.rules import COMMON
from phasegate.inspection.tree import Tree
from phasegate.kinds.inspection import InspectionKind
from phasegate.kinds.pipeline import github, gitlab, rules
from phasegate.kinds.pipeline.deploys import inspect_deploys
from phasegate.kinds.pipeline.model import Pipeline, as_mapping
from phasegate.kinds.pipeline.params import PipelineParams, Rollback
from phasegate.kinds.pipeline.sources import Sources
from phasegate.kinds.pipeline.toolchains import inspect_toolchains
from phasegate.kinds.pipeline.tools import TOOLS, Asked, ask_tools
from phasegate.world import World

_OWN = (
    rules.UNKNOWN_KEY, rules.SHAPE, rules.EMPTY, rules.MISSING_KEY, rules.JOB_NAME, rules.INCLUDE, rules.REFERENCE,
    rules.STAGE, rules.NEEDS, rules.CYCLE,
)  # fmt: skip
"""Rules that look at every pipeline by itself."""


class PipelineKind(InspectionKind[PipelineParams]):
    """Observes pipelines as they are written; nothing is run but the tools that a plan names."""

    name: ClassVar[str] = "pipeline"
    Params: ClassVar[type[PipelineParams]] = PipelineParams
    example: ClassVar[Mapping[str, Any]] = {
        "files": [".github/workflows/*.yml", ".gitlab-ci.yml"],
        "deploys": ["deploy-*"],
        "rollback": {"file": "docs/rollback.md", "command": "helm rollback web"},
    }
    objects: ClassVar[str] = "jobs"

    async def inspect(self, params: PipelineParams, tree: Tree, world: World) -> Inspection:
        seen, asked = await asyncio.to_thread(inspect_pipelines, params, tree)
        more = await ask_tools(params.tools, asked, world)
        return merge((seen, more), files=seen.files, objects=seen.objects)


def inspect_pipelines(params: PipelineParams, tree: Tree) -> tuple[Inspection, Asked]:
    """What phasegate itself sees, and the files that tools may look at."""
    sources = Sources(tree.root)
    systems = {name: _system_of(name, sources) for name in tree.names}
    pipelines, empty = _read(systems, sources)
    whole = [one for one in pipelines if not _is_part(one, pipelines)]
    broken = {finding.file for finding in sources.findings()} | {finding.file for finding in empty}
    parts = (
        _by_themselves(pipelines, whole),
        inspect_deploys(whole, params.roles, documented=params.rollback is not None),
        inspect_toolchains(whole, sources, params.manifests),
        _document(params.rollback, sources),
        _files(tree, (*sources.findings(), *empty)),
        Inspection(files=None, notes=_tools_not_asked(params)),
    )
    jobs = sum(len(one.jobs) for one in whole)
    seen = merge(parts, files=len(tree.names), objects=jobs)
    good = {
        system: tuple(n for n, one in systems.items() if one is system and n not in broken)
        for system in System
    }
    return seen, Asked(
        github=good[System.GITHUB],
        gitlab=good[System.GITLAB],
        use_repository_config=params.use_repository_config,
    )


class System(StrEnum):
    """What reads a file."""

    GITHUB = "GitHub Actions"
    GITLAB = "GitLab CI"
    ACTION = "an action"
    """It is read where a step uses it."""


def _system_of(name: str, sources: Sources) -> System:
    """By its name, and where that does not tell by what it holds."""
    folder, _, base = name.rpartition("/")
    if "gitlab-ci" in base:
        return System.GITLAB
    if base in ("action.yml", "action.yaml"):
        return System.ACTION
    if folder.endswith(".github/workflows"):
        return System.GITHUB
    document = sources.read(name, gitlab.DIALECT)
    keys = as_mapping(document.tree if document else None)
    return System.GITHUB if "jobs" in keys or "on" in keys else System.GITLAB


def _read(systems: Mapping[str, System], sources: Sources) -> tuple[list[Pipeline], list[Finding]]:
    """The pipelines in files, and findings for those that hold nothing."""
    pipelines, empty = [], []
    for name, system in systems.items():
        document = sources.read(name, gitlab.DIALECT if system is System.GITLAB else github.DIALECT)
        if document is None:
            if not sources.unreadable(name):
                empty.append(_finding(rules.EMPTY, name, name))
        elif system is System.GITHUB:
            pipelines.append(github.read_workflow(document, sources))
        elif system is System.GITLAB:
            pipelines.append(gitlab.read_pipeline(document, sources))
    return pipelines, empty


def _is_part(pipeline: Pipeline, pipelines: Sequence[Pipeline]) -> bool:
    """Whether it runs only as a part of others; of several that are parts of each other, the first is whole."""
    return pipeline.called and any(
        pipeline.file in other.uses and not (other.file in pipeline.uses and pipeline.file < other.file)
        for other in pipelines
        if other is not pipeline
    )


def _by_themselves(pipelines: Sequence[Pipeline], whole: Sequence[Pipeline]) -> Inspection:
    """What is wrong with each; files that GitLab includes mean something only where they are included."""
    shown = [one for one in pipelines if one in whole or not one.included]
    findings = dict.fromkeys(finding for one in shown for finding in one.findings)
    jobs = sum(len(one.jobs) for one in whole)
    unproven: dict[str, Message] = {}
    for one in shown:
        why = some_files(Code.PIPELINE_ELSEWHERE, one.elsewhere, n=len(one.elsewhere), file=one.file)
        unproven |= {f"{one.file}#{place}": why for place in one.unproven}
    return Inspection(
        files=None,
        findings=tuple(findings),
        looked={rule.id: Looked(n=jobs, of="job", family=rule.family) for rule in _OWN},
        unproven=unproven,
        notes=tuple(
            some_files(Code.PIPELINE_ELSEWHERE, one.elsewhere, n=len(one.elsewhere), file=one.file)
            for one in shown
            if one.elsewhere
        ),
    )


def _files(tree: Tree, findings: Iterable[Finding]) -> Inspection:
    looked = {rule.id: Looked(n=len(tree.names), of="file", family=rule.family) for rule in COMMON}
    everything = dict.fromkeys((*tree.findings, *findings))
    return Inspection(files=None, findings=tuple(everything), looked=looked, notes=tree.notes)


def _document(rollback: Rollback | None, sources: Sources) -> Inspection:
    """Whether what the plan names as the way back is there."""
    if rollback is None:
        return Inspection(files=None)
    text, rule = sources.text(rollback.file), rules.ROLLBACK_DOCUMENT
    content = " ".join(text.content.split()) if text else ""
    command = " ".join((rollback.command or "").split())
    found = bool(content) and command in content
    return Inspection(
        files=None,
        findings=() if found else (_finding(rule, "", rollback.file, rollback.command or "text"),),
        looked={rule.id: Looked(n=1, of="document", family=rule.family)},
        notes=(fact(Code.WAY_BACK, file=rollback.file),) if found else (),
    )


def _finding(rule: Rule, file: str, *details: str) -> Finding:
    place = "" if file else details[0]
    return Finding(
        rule=rule.id, severity=rule.severity, family=rule.family, file=file, place=place, details=details
    )


def _tools_not_asked(params: PipelineParams) -> tuple[Message, ...]:
    left = tuple(name for name in TOOLS if name not in params.tools)
    return (fact(Code.TOOLS_NOT_ASKED, names=left),) if left else ()
