"""Jobs that deploy: which ones they are, what stands before them, and whether it can stop them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.inspection.finding import Finding, Inspection, Rule, some_files
from phasegate.kinds.pipeline import rules
from phasegate.kinds.pipeline.deploy_commands import action_deploys, only_publishes
from phasegate.kinds.pipeline.model import Job, Pipeline, Step
from phasegate.kinds.pipeline.script import Command, Role, can_fail, excuse_of, find_commands

NEVER = ("if: false", "when: never")
"""Excuses of a job that never runs."""
_NAMES = {
    Role.ROLLS_BACK: re.compile(r"rollback|roll back|revert|undo"),
    Role.DEPLOYS: re.compile(r"deploy|deploys|deployment|rollout|promote|ship"),
    Role.TESTS: re.compile(r"tests?|testing|e2e|specs?|unit|integration|smoke|qa|pytest|phasegate"),
}
_NOT_DEPLOY = re.compile(
    r"check|checks|lint|validate|verify|plan|dry|cleanup|clean|destroy|teardown|stop|undeploy|notify|preview"
)
"""Words in a name after which `deploy` in it does not say that the job deploys."""
_TEST_ACTIONS = re.compile(
    r"cypress-io/github-action|\S*[-/](?:e2e|tests?|pytest)(?:[-/@]\S*)?", re.IGNORECASE
)
_PLUMBING = re.compile(
    r"actions/\S+|\S*(?:setup|login|cache|upload|download|checkout|install|artifact)\S*", re.IGNORECASE
)
_COPIES = re.compile(r"(?:sudo |sshpass \S+ )?(?:ssh|scp|rsync|sftp|rclone|gsutil|aws|curl)\b")
"""What also takes tests to another machine."""
_LOCAL_CLUSTER = re.compile(
    r"\bkind create cluster|\bk3d cluster|get\.k3s\.io|helm/kind-action|minikube|k3d-action|microk8s"
    r"|\baz vm create|\baws ec2 run-instances|\bvagrant up|\bmultipass launch"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A test in a job."""

    job: Job
    excuse: str
    """Why its failure stops nothing, as written; empty where it does."""
    step: str = ""
    """The id of its step."""
    doubt: str = ""
    """Why it may be tolerated, or may not run, as written."""
    conditions: frozenset[str] = frozenset()
    """The conditions of which one must be true for it to run; none where it always does."""

    def stops(self, job: Job) -> bool:
        """Whether it is certain to stop a job, so far as it fails."""
        return not (self.excuse or self.doubt or self.is_left_out_for(job))

    def is_left_out_for(self, job: Job) -> bool:
        """Whether a job may run where the test does not: it has no condition, or another one."""
        if self.job.name in job.needed:
            return False
        own = (job.conditions, *(step.conditions for step in job.steps))
        return bool(self.conditions) and not any(one and one <= self.conditions for one in own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Why a job is taken for one that deploys, tests or rolls back."""

    role: Role
    by: str
    """`plan`, `name`, `stage`, `command`, `uses`, or `environment`."""
    text: str = ""


class Roles:
    """What jobs are for: what the plan says, otherwise what names and commands tell."""

    def __init__(self, plan: Mapping[Role, Sequence[str]]) -> None:
        self._plan = plan
        self._gates: dict[int, list[Gate]] = {}

    def sign(self, job: Job, role: Role) -> Sign | None:
        patterns = self._plan.get(role, ())
        if patterns:
            return Sign(role=role, by="plan") if any(matches(job, one) for one in patterns) else None
        if job.only_starts or (role is Role.DEPLOYS and self.sign(job, Role.ROLLS_BACK)):
            return None
        words = _words(job.name.rpartition(" / ")[2])
        other = role is Role.DEPLOYS and (_word(_NOT_DEPLOY, words) or _word(_NAMES[Role.TESTS], words))
        if _word(_NAMES[role], words) and not other:
            return Sign(role=role, by="name")
        if _word(_NAMES[role], _words(job.stage)) and not other:
            return Sign(role=role, by="stage", text=job.stage)
        found = next(doing(job, job.steps, role), None)
        if found and not (
            role is Role.DEPLOYS and (_is_local(job) or (other and _COPIES.match(found[1].text)))
        ):
            return Sign(role=role, by="command", text=found[1].text)
        if job.unresolved and _word(_NAMES[role], _words(job.unresolved)) and not other:
            return Sign(role=role, by="uses", text=job.unresolved)
        if role is Role.DEPLOYS and job.environment and not other:
            return Sign(role=role, by="environment", text=job.environment)
        return None

    def gates(self, job: Job) -> list[Gate]:
        """The tests in a job: its commands that test, and where none does, what it does at all."""
        if id(job) not in self._gates:
            self._gates[id(job)] = self._find_gates(job) if self.sign(job, Role.TESTS) else []
        return self._gates[id(job)]

    def _find_gates(self, job: Job) -> list[Gate]:
        found = tests_in(job, job.steps)
        for step in () if found else job.steps:
            if step.script.strip():
                fails = can_fail(step.script, step.shell)
                found.append(_gate(job, step, "" if fails else " ".join(step.script.split())[:120]))
            elif step.uses and not _PLUMBING.match(step.uses):
                found.append(_gate(job, step, ""))
        return found


def _words(name: str) -> str:
    """A name in small letters, its words with one blank between them."""
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))


def _word(pattern: re.Pattern[str], words: str) -> bool:
    return re.search(rf"\b(?:{pattern.pattern})\b", words) is not None


def _is_local(job: Job) -> bool:
    """Whether it makes a cluster or a machine of its own, which what it deploys goes to."""
    return any(
        _LOCAL_CLUSTER.search(f"{step.uses} {step.script} {step.options.get('inlineScript')}")
        for step in job.steps
    )


def matches(job: Job, pattern: str) -> bool:
    """`pattern` is a glob of a name, or of `FILE#NAME`."""
    return any(fnmatch.fnmatchcase(name, pattern) for name in (job.name, place_of(job)))


def place_of(job: Job) -> str:
    return f"{job.file}#{job.name}"


def doing(job: Job, steps: Sequence[Step], role: Role) -> Iterator[tuple[int, Command]]:
    """What steps of a job do to deploy, test or roll back, with the number of the step."""
    names = f"{job.name} {job.stage} {job.environment}"
    for number, step in enumerate(steps):
        for command in find_commands(step.script, role):
            if role is not Role.DEPLOYS or not only_publishes(command.text, names, {}):
                yield number, command
        if step.uses and (
            (
                role is Role.DEPLOYS
                and action_deploys(step.uses, step.options)
                and not only_publishes(step.uses, names, step.options)
            )
            or (role is Role.TESTS and _TEST_ACTIONS.match(step.uses))
        ):
            yield number, Command(text=step.uses)


def steps_before_deploys(job: Job) -> Iterator[tuple[Step, tuple[Step, ...]]]:
    """Each step of a job that deploys, and what the job does before; where its commands do not tell, the last
    step, and all before it."""
    found = dict(reversed(list(doing(job, job.steps, Role.DEPLOYS))))  # the first command of each step
    for number in sorted(found) or range(len(job.steps))[-1:]:
        step, command = job.steps[number], found.get(number)
        before = job.steps[:number] if number >= 0 else ()
        if command is not None and step.script:
            before = (*before, replace(step, script=step.script[: command.start] + "\n:"))
        yield step, before


def tests_in(job: Job, steps: Sequence[Step]) -> list[Gate]:
    """The commands and actions that test in some steps of a job."""
    numbers = sorted({number for number, _ in doing(job, steps, Role.TESTS)})
    return [_gate(job, steps[n], excuse_of(steps[n].script, steps[n].shell)) for n in numbers]


def _gate(job: Job, step: Step, excuse: str) -> Gate:
    return Gate(
        job=job,
        excuse=job.excuse or step.excuse or excuse,
        step=step.id,
        doubt=job.doubt or step.doubt,
        conditions=step.conditions or (job.conditions if job.may_be_absent else frozenset()),
    )


def inspect_deploys(
    pipelines: Sequence[Pipeline], plan: Mapping[Role, Sequence[str]], *, documented: bool
) -> Inspection:
    """`documented`: whether the plan names a document as the way back."""
    roles = Roles(plan)
    jobs = [(pipeline, job) for pipeline in pipelines for job in pipeline.jobs.values()]
    known = {role: [(job, one) for _, job in jobs if (one := roles.sign(job, role))] for role in Role}
    deploying = {place_of(job) for job, _ in known[Role.DEPLOYS]}
    findings = list(_missing_jobs(plan, [job for _, job in jobs]))
    unproven: dict[str, Message] = {}
    for pipeline, job in jobs:
        if place_of(job) not in deploying or job.excuse in NEVER:
            continue
        found, why = _judge(job, pipeline, pipelines, roles)
        findings += found
        if job.unresolved and not job.environment:
            why = why or some_files(Code.GATE_ELSEWHERE, [job.unresolved], name=job.name)
        elif not job.environment:
            findings.append(_of(rules.ENVIRONMENT, job))
        if why is not None:
            unproven[f"pipeline-gate/{place_of(job)}"] = why
    if not documented:
        # A job of one system brings back nothing that another deployed.
        system = {job.file: pipeline.system for pipeline, job in jobs}
        covered = {system[job.file] for job, _ in known[Role.ROLLS_BACK]}
        findings += _without_way_back(
            [job for job, _ in known[Role.DEPLOYS] if system[job.file] not in covered]
        )
    notes = [_role_note(role, known[role]) for role in Role if known[role]]
    if not deploying:
        notes.append(fact(Code.NO_JOB_DEPLOYS))
    looked = {
        rule.id: rule.looked(len(deploying), "job that deploys")
        for rule in (rules.GATE, rules.GATE_TOLERATED, rules.GATE_BYPASSED, rules.ENVIRONMENT, rules.ROLLBACK)
        if not (unproven and rule.id.startswith(rules.GATE.id))
    }
    named = rules.NAMED_JOB.looked(sum(map(len, plan.values())), "name in the plan")
    return Inspection(
        files=None,
        findings=tuple(findings),
        looked=looked | {rules.NAMED_JOB.id: named},
        unproven=unproven,
        notes=tuple(notes),
    )


def _missing_jobs(plan: Mapping[Role, Sequence[str]], jobs: Iterable[Job]) -> Iterator[Finding]:
    everything = list(jobs)
    for role, patterns in plan.items():
        for pattern in patterns:
            if not any(matches(job, pattern) for job in everything):
                yield rules.NAMED_JOB.finding(pattern, role.value, place=pattern)


def _judge(
    job: Job, pipeline: Pipeline, pipelines: Sequence[Pipeline], roles: Roles
) -> tuple[list[Finding], Message | None]:
    """What is wrong with what stands before a job that deploys, or why that is not known."""
    binding = [gate for name in sorted(job.held_by) for gate in roles.gates(pipeline.jobs[name])]
    binding += _gates_within(job)
    loose = [gate for name in sorted(job.before - job.held_by) for gate in roles.gates(pipeline.jobs[name])]
    why_loose, missing = job.regardless, list[str]()
    if pipeline.follows:
        missing, gates = _earlier_gates(pipeline, pipelines, roles)
        if job.after_success or any(pipeline.jobs[name].after_success for name in job.held_by):
            binding += gates
        else:
            loose, why_loose = loose + gates, why_loose or "workflow_run without conclusion == 'success'"
    if any(gate.stops(job) for gate in binding):
        return [], None
    doubtful = next((gate for gate in binding if not gate.excuse), None)
    if doubtful is not None:
        why = doubtful.doubt or " or ".join(sorted(doubtful.conditions))
        return [], fact(Code.GATE_IN_DOUBT, name=job.name, of=doubtful.job.name, why=why[:200])
    before = (job, *(pipeline.jobs[name] for name in sorted(job.held_by)))
    away = [one.unresolved for one in before if one.unresolved]
    away += [step.uses for one in before for step in one.steps if step.uses.startswith("./")]
    callers = [pipeline.file] if pipeline.called else []
    elsewhere = [*missing, *pipeline.unresolved, *away, *callers]
    if elsewhere:
        return [], some_files(Code.GATE_ELSEWHERE, elsewhere, name=job.name)
    effective = [gate for gate in loose if not gate.excuse]
    if effective:
        return [_of(rules.GATE_BYPASSED, job, effective[0].job.name, why_loose or "needs")], None
    tolerated = [*binding, *loose]
    if tolerated:
        return [_of(rules.GATE_TOLERATED, job, tolerated[0].job.name, tolerated[0].excuse)], None
    return [_of(rules.GATE, job)], None


def _gates_within(job: Job) -> list[Gate]:
    """The tests in a job before it deploys: those of a step that deploys without one that can stop it, where
    there is such a step. A test stops a step that asks for its success, whatever excuses it."""
    found: list[Gate] = []
    for step, before in steps_before_deploys(job):
        gates = tests_in(job, before)
        asked = [replace(one, excuse="") for one in gates if one.step and one.step in step.asks]
        found = asked + ([] if step.regardless else gates)
        if all(gate.excuse for gate in found):
            return found
    return found


def _earlier_gates(
    pipeline: Pipeline, pipelines: Sequence[Pipeline], roles: Roles, seen: tuple[Pipeline, ...] = ()
) -> tuple[list[str], list[Gate]]:
    """Pipelines that start this one by their end and are not there; the tests of the others, those that can
    fail only if each pipeline has one."""
    missing, gates, effective = list[str](), list[Gate](), True
    for name in pipeline.follows:
        others = [one for one in pipelines if name in (one.name, one.file) and one not in seen]
        missing += [] if others else [name]
        found = [gate for one in others for job in one.jobs.values() for gate in roles.gates(job)]
        for one in others:
            if one.follows and one.jobs and all(job.after_success for job in one.jobs.values()):
                more, earlier = _earlier_gates(one, pipelines, roles, (*seen, pipeline))
                missing, found = missing + more, found + earlier
        effective = effective and any(not gate.excuse for gate in found)
        gates += found
    return missing, [gate for gate in gates if effective or gate.excuse]


def _of(rule: Rule, job: Job, *details: str) -> Finding:
    return rule.finding(job.name, *details, file=job.file, line=job.line, place=job.name)


def _without_way_back(jobs: Sequence[Job]) -> Iterator[Finding]:
    """One finding for each file with a job that deploys."""
    for first in {job.file: job for job in reversed(jobs)}.values():
        yield _of(rules.ROLLBACK, first)


def _role_note(role: Role, known: Sequence[tuple[Job, Sign]]) -> Fact:
    names = [f"{place_of(job)} ({one.by}{f': {one.text}' if one.text else ''})" for job, one in known]
    return some_files(Code.JOBS_KNOWN, names, of=role.value, n=len(names))
