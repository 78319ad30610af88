"""A plan file into a `Plan`: every problem of it and of every file it names at once, before anything runs."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phasegate.errors import PlanError, Problem
from phasegate.fields import Located
from phasegate.kinds.base import Kind
from phasegate.model.aggregates import BESIDE
from phasegate.model.result import Level, People, PlanRecord
from phasegate.plan.assembly import Assembly
from phasegate.plan.context import Context, budget_of, confidence_of, retry_of
from phasegate.plan.findings import Findings
from phasegate.plan.ids import Ids
from phasegate.plan.models import PlanWritten
from phasegate.plan.named import Files
from phasegate.plan.plan import Plan, Retry
from phasegate.plan.target import entries_of, read_target
from phasegate.plan.validation import validate
from phasegate.plan.values import Values, gather, put_in_known
from phasegate.plan.yaml import Document, read
from phasegate.substitution import finish

_APART = frozenset({"variables", "target", "steps", "gate"})
"""What is read on its own, so that a mistake in it hides nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlan:
    """A plan without a problem, and what should be said about it all the same."""

    plan: Plan
    warnings: tuple[Problem, ...] = ()


def load(
    path: Path,
    *,
    kinds: Mapping[str, Kind[Any]],
    overrides: Mapping[str, str] | None = None,
    variable_files: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
) -> LoadedPlan:
    """Read a plan. `overrides` (name to text) win over `variable_files`, and those over the plan's variables.

    Errors: PlanError with everything that is wrong, in file order.
    """
    with _without_collection():
        return _load(path, kinds, overrides or {}, variable_files, os.environ if env is None else env)


def _load(
    path: Path,
    kinds: Mapping[str, Kind[Any]],
    overrides: Mapping[str, str],
    variable_files: Sequence[Path],
    env: Mapping[str, str],
) -> LoadedPlan:
    findings = Findings()
    document = read(path)
    findings.document(document)
    if not isinstance(document.tree, Mapping):
        findings.add(document, (), "a plan is a mapping that begins with phasegate: 1")
        raise PlanError(findings.problems)
    values = gather(document, _secrets(document.tree), env, overrides, variable_files, findings)
    findings.hide(values.secret_values)
    plan = _Reader(document, kinds, values, findings).plan()
    if plan is None or findings.problems:
        raise PlanError(findings.problems)
    return LoadedPlan(plan=plan, warnings=findings.warnings)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Loading makes many objects that all stay: looking for garbage among them takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _secrets(tree: Mapping[str, Any]) -> tuple[str, ...]:
    written = tree.get("secrets")
    return tuple(name for name in written if isinstance(name, str)) if isinstance(written, list) else ()


class _Reader:
    """Reads one document, section by section."""

    def __init__(
        self, document: Document, kinds: Mapping[str, Kind[Any]], values: Values, findings: Findings
    ) -> None:
        self._document = document
        self._kinds = kinds
        self._values = values
        self._findings = findings
        self._tree: Located = put_in_known(
            Located(((k, v) for k, v in document.tree.items() if k != "variables"), at=document.tree.at),
            values,
        )

    def plan(self) -> Plan | None:
        """None when what holds the plan together is wrong; then every problem has been reported."""
        files = self._files()
        context = Context(
            document=self._document,
            kinds=self._kinds,
            values=self._values,
            files=files,
            findings=self._findings,
            entries=entries_of(self._tree),
        )
        head = self._head(context)
        ids = Ids()
        target, context = read_target(context, self._tree.get("target"), ids)
        context = self._with_defaults(context, head)
        steps, gate_checks, limit, criteria = Assembly(context, ids).read(
            self._tree.get("steps"), self._tree.get("gate")
        )
        if head is None or self._findings.problems:
            return None
        if not any(one.level is Level.BLOCK and one.criterion.measure not in BESIDE for one in criteria):
            message = "the plan has no blocking criterion, so nothing could keep the gate shut"
            help = "add a criterion to a step, or to the gate, without level: warn"
            self._findings.add(self._document, ("steps",), message, help=help, key=True)
            return None
        return Plan(
            record=self._record(files),
            phase=head.phase,
            title=head.title,
            people=_people(head),
            root=context.root,
            variables=self._values.variables,
            secrets=self._values.secrets,
            confidence=confidence_of(head.confidence, otherwise=0.95),
            target=target,
            steps=steps,
            gate_checks=gate_checks,
            limit=limit,
            criteria=criteria,
        )

    def _head(self, context: Context) -> PlanWritten | None:
        """Everything but target, steps and gate; `steps` must be there."""
        written = Located(
            ((k, v) for k, v in self._tree.items() if k not in _APART), at=self._document.tree.at
        )
        settled, wrong = context.settled((), written)
        if "steps" in self._tree:
            settled["steps"] = self._tree["steps"]
        return validate(PlanWritten, settled, context.place((), ""), self._findings, silent=wrong)

    def _files(self) -> Files:
        root = self._tree.get("root")
        name = finish(root) if isinstance(root, str) and "${" not in root else ""
        shown = Path(os.path.normpath(Path(self._document.file).parent / name))
        folder = shown.absolute()
        if not folder.is_dir():
            self._findings.add(self._document, ("root",), f"there is no folder {name!r} to be the root")
        return Files(folder, str(shown))

    def _with_defaults(self, context: Context, head: PlanWritten | None) -> Context:
        """The context with what checks take over from the plan; nothing where that is wrong."""
        if head is None:
            return context
        written = head.defaults
        raw = self._tree.get("defaults")
        return replace(
            context,
            timeout=None if written.timeout is None or raw is None else finish(raw["timeout"]),
            retry=Retry() if written.retry is None else retry_of(written.retry),
            confidence=confidence_of(head.confidence, otherwise=0.95),
            flaky=budget_of(context, (), head.flaky),
        )

    def _record(self, files: Files) -> PlanRecord:
        content = self._document.content
        return PlanRecord(
            path=self._document.file, sha256=hashlib.sha256(content).hexdigest(), files=files.hashed
        )


def _people(head: PlanWritten) -> People:
    return People(
        goal=head.goal,
        owner=head.owner,
        approver=head.approver,
        due=head.due,
        risks=tuple(risk.model_dump(mode="json") for risk in head.risks),
        schedule=head.schedule,
        next=head.next,
        known=head.known,
    )
