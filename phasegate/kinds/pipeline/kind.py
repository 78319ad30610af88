"""`pipeline`: workflows of GitHub Actions and GitLab CI; whether what deploys is held by a gate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from phasegate.base.facts import Code, Message, fact
from phasegate.inspection.finding import Finding, Inspection, merge, some_files
from phasegate.inspection.rules import COMMON
from phasegate.inspection.tree import Tree
from phasegate.kinds.inspection import InspectionKind
from phasegate.kinds.pipeline import github, gitlab, rules
from phasegate.kinds.pipeline.deploys import inspect_deploys
from phasegate.kinds.pipeline.model import Pipeline, System, as_mapping
from phasegate.kinds.pipeline.params import PipelineParams, Rollback
from phasegate.kinds.pipeline.runs import look_at_runs
from phasegate.kinds.pipeline.sources import Sources
from phasegate.kinds.pipeline.toolchains import inspect_toolchains
from phasegate.kinds.pipeline.tools import TOOLS, ToolFiles, ask_tools
from phasegate.world import World

_BOTH = (System.GITHUB, System.GITLAB)
_OWN = {
    **dict.fromkeys(
        (
            rules.UNKNOWN_KEY,
            rules.SHAPE,
            rules.EMPTY,
            rules.MISSING_KEY,
            rules.INCLUDE,
            rules.NEEDS,
            rules.CYCLE,
        ),
        _BOTH,
    ),
    rules.JOB_NAME: (System.GITHUB,),
    rules.REFERENCE: (System.GITLAB,),
    rules.STAGE: (System.GITLAB,),
}
"""Rules that look at every pipeline by itself, and at whose."""


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
        runs = Inspection(files=None) if params.runs is None else await look_at_runs(params.runs, world)
        return merge((seen, more, runs), files=seen.files, objects=seen.objects)


def inspect_pipelines(params: PipelineParams, tree: Tree) -> tuple[Inspection, ToolFiles]:
    """What phasegate itself sees, and the files that tools may look at."""
    sources = Sources(tree)
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
    return seen, ToolFiles(
        github=good[System.GITHUB],
        gitlab=good[System.GITLAB],
        use_repository_config=params.use_repository_config,
    )


def _system_of(name: str, sources: Sources) -> System:
    """By its name, and where that does not tell by what it holds."""
    folder, _, base = name.rpartition("/")
    if folder.endswith(".github/workflows"):
        return System.GITHUB
    if "gitlab-ci" in base:
        return System.GITLAB
    if base in ("action.yml", "action.yaml"):
        return System.ACTION
    document = sources.read(name, gitlab.DIALECT)
    keys = as_mapping(document.tree if document else None)
    return System.GITHUB if "jobs" in keys or "on" in keys else System.GITLAB


def _read(systems: Mapping[str, System], sources: Sources) -> tuple[list[Pipeline], list[Finding]]:
    """The pipelines in files, and findings for those that hold nothing, or too much."""
    pipelines, wrong = [], []
    for name, system in systems.items():
        document = sources.read(name, gitlab.DIALECT if system is System.GITLAB else github.DIALECT)
        if document is None:
            if not sources.unreadable(name):
                wrong.append(rules.EMPTY.finding(name, file=name))
        elif system is System.GITHUB:
            pipelines.append(github.read_workflow(document, sources))
            if len(sources.documents(name, github.DIALECT)) > 1:
                wrong.append(rules.SHAPE.finding("the file", "one document", file=name))
        elif system is System.GITLAB:
            pipelines.append(gitlab.read_pipeline(document, sources))
    return pipelines, wrong


def _is_part(pipeline: Pipeline, pipelines: Sequence[Pipeline]) -> bool:
    """Whether it runs only as a part of others; of parts of each other, the first is whole."""
    return (pipeline.called or pipeline.system is System.GITLAB) and any(
        pipeline.file in other.uses and not (other.file in pipeline.uses and pipeline.file < other.file)
        for other in pipelines
        if other is not pipeline
    )


def _by_themselves(pipelines: Sequence[Pipeline], whole: Sequence[Pipeline]) -> Inspection:
    """What is wrong with each; files that GitLab includes mean something only where they are included."""
    shown = [one for one in pipelines if one in whole or one.system is System.GITHUB]
    jobs = {system: sum(len(one.jobs) for one in whole if one.system is system) for system in System}
    elsewhere = {
        one.file: some_files(Code.PIPELINE_ELSEWHERE, one.elsewhere, file=one.file)
        for one in shown
        if one.elsewhere
    }
    return Inspection(
        files=None,
        findings=tuple(dict.fromkeys(finding for one in shown for finding in one.findings)),
        looked={
            rule.id: rule.looked(sum(jobs[system] for system in systems), "job")
            for rule, systems in _OWN.items()
        },
        unproven={f"{one.file}#{place}": elsewhere[one.file] for one in shown for place in one.unproven},
        notes=tuple(elsewhere.values()),
    )


def _files(tree: Tree, findings: Iterable[Finding]) -> Inspection:
    looked = {rule.id: rule.looked(len(tree.names), "file") for rule in COMMON}
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
        findings=() if found else (rule.finding(rollback.file, command or "text", place=rollback.file),),
        looked={rule.id: rule.looked(1, "document")},
        notes=(fact(Code.WAY_BACK, file=rollback.file),) if found else (),
    )


def _tools_not_asked(params: PipelineParams) -> tuple[Message, ...]:
    left = tuple(name for name in TOOLS if name not in params.tools)
    return (fact(Code.TOOLS_NOT_ASKED, names=left),) if left else ()
