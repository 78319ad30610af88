"""A plan file into a `Plan`: every problem of it and of every file it names at once, before anything runs."""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from phasegate import __version__
from phasegate.base.collection import without_collection
from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PhasegateError, PlanError, Position, Problem, UsageError
from phasegate.base.facts import Code, fact, joined
from phasegate.base.fields import Located
from phasegate.base.files import Bounds, is_folder, is_quotable, within
from phasegate.base.joined import holders
from phasegate.base.remember import remembered_of, remembering
from phasegate.base.substitution import finish, size_of
from phasegate.base.yaml import Document, read
from phasegate.kinds.base import Kind
from phasegate.model.aggregates import BESIDE
from phasegate.model.approval import same_person
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.result import People, PlanRecord
from phasegate.plan import environments, include
from phasegate.plan.asked.entries import Target
from phasegate.plan.asked.plan import Check, Plan
from phasegate.plan.assembly import Assembly
from phasegate.plan.people.accepted import read_accepted
from phasegate.plan.people.approvals import read_approvals
from phasegate.plan.people.policy import Policy, PolicyDemands, hold, protect, read_policy
from phasegate.plan.people.waivers import Ceiling, Coverable, read_waivers
from phasegate.plan.reading.context import MOST_READ, Context, Effort, budget_of, confidence_of
from phasegate.plan.reading.ids import Ids
from phasegate.plan.reading.values import Values, gather, insert_known
from phasegate.plan.targets.target import addressable_in, read_target
from phasegate.plan.text.findings import Findings, Unread, did_you_mean
from phasegate.plan.text.named import Files
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import DEFAULT_CONFIDENCE, PlanWritten, RetryWritten

_PLAN = 1_000
"""Characters that a reading comes to, whatever is read."""
_PLACES = 4
"""Lines of code that the message of a defect names, the innermost first."""
_APART = frozenset({"variables", "target", "steps", "gate", "waivers", include.KEY, environments.KEY})
"""What is read on its own, so that a mistake in it hides nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlan:
    """A plan without a problem, and what should be said about it all the same."""

    plan: Plan
    warnings: tuple[Problem, ...] = ()
    environment: str = ""
    """The environment that was chosen; empty for the plan as it is."""
    policy: Policy | None = None
    """What the plan was held against."""
    environments: tuple[str, ...] = ()
    """The names of all that the plan has."""
    unread: tuple[Unread, ...] = ()
    """What is not in the plan, as it uses values of the environment that were not read."""


def folder_of(path: Path) -> Path:
    """The folder that the files of a plan are expected in: the repository, or the plan's own folder.

    By names, not by where links lead: a link in a repository leads nobody into another one.
    """
    folder = _by_name(path).parent
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one / ".git")), folder)


def _by_name(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def load(
    path: Path,
    *,
    kinds: Mapping[str, Kind[Any]],
    overrides: Mapping[str, str] | None = None,
    variable_files: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    today: date | None = None,
    environment: str = "",
    policy: Path | None = None,
    stranger: bool = False,
    root: Path | None = None,
) -> LoadedPlan:
    """Read a plan. `overrides` (name to text) win over `variable_files`, those over the variables of the
    `environment` that is chosen, and those over the plan's.

    `today` is the day, UTC, by which waivers are in force or not; None for the real one.

    `stranger`: the plan may be anybody's. No value of `env` is read, and no file outside of `root`, which is
    `folder_of` the plan where it is None. Otherwise such files are read, and nothing of them is shown.

    Every environment is read, the plan without one too, so that none is broken without anybody knowing.
    Errors: PlanError with everything that is wrong, in file order; UsageError for an unknown environment;
    PhasegateError for a defect of phasegate.
    """
    settings = _Settings(
        kinds,
        overrides or {},
        variable_files,
        os.environ if env is None else env,
        today or datetime.now(UTC).date(),
        stranger,
    )
    named = (*variable_files, *(() if policy is None else (policy,)))
    with _loading(path, root, named, closed=stranger):
        loaded, _ = _load(path, settings, environment, policy)
        return replace(loaded, warnings=tuple(_quotable(loaded.warnings)))


def load_each(
    path: Path, *, kinds: Mapping[str, Kind[Any]], env: Mapping[str, str], root: Path | None = None
) -> dict[str, LoadedPlan]:
    """A stranger's plan with each of its environments, by name; the empty name is the plan as it is.

    Parameters and errors are those of `load`. The file is read once for all.
    """
    settings = _Settings(kinds, {}, (), env, datetime.now(UTC).date(), stranger=True)
    with _loading(path, root, (), closed=True):
        loaded, reading = _load(path, settings, "", None)
        return {"": loaded, **{name: _load_other(loaded, reading, name) for name in loaded.environments}}


def _load_other(loaded: LoadedPlan, reading: _Reading, name: str) -> LoadedPlan:
    """A plan with an environment, which is right as far as it was read as one that is not chosen."""
    findings = Findings()
    plan = reading.plan(name, findings)
    if plan is None or findings.problems:
        raise PlanError(findings.problems)
    return replace(
        loaded,
        plan=plan,
        warnings=tuple(_quotable(findings.warnings)),
        environment=name,
        unread=tuple(findings.unread),
    )


@contextmanager
def _loading(path: Path, root: Path | None, named: Iterable[Path], *, closed: bool) -> Iterator[None]:
    """While it lasts, a plan is read; `named`: files that the command line names. Errors: see `load`."""
    folder = folder_of(path) if root is None else root
    if not folder.is_dir() and root is not None:
        raise UsageError(f"--root {root}: there is no such folder")
    # A file that the command line names lies where it likes, unless the folder of the plan has it.
    granted = tuple(file for file in named if not _by_name(file).is_relative_to(folder.absolute()))
    bounds = Bounds(folder=folder, granted=granted, closed=closed)
    with without_collection(), remembering(), within(bounds):
        try:
            yield
        except PlanError as error:
            raise PlanError(_quotable(error.problems)) from None
        except PhasegateError:
            raise
        except (OSError, MemoryError, RecursionError) as error:
            raise PlanError(_quotable([_unreadable(path, error)])) from error
        except Exception as error:
            raise _defect(path, error) from error


def _quotable(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems, without what stands in files of which nothing may be shown."""
    known: dict[str, bool] = {}
    for problem in problems:
        file = "" if problem.at is None else problem.at.file
        if file not in known:
            known[file] = not file or is_quotable(Path(file))
        yield problem if known[file] else _hide_content(problem)


def _hide_content(problem: Problem) -> Problem:
    assert problem.at is not None
    message = fact(Code.CONTENT_HIDDEN, line=problem.at.line)
    help = "nothing of a file outside of the repository is shown; `phasegate validate --root DIR` does"
    return Problem(
        message=message, help=help, at=replace(problem.at, column=1, width=1), warning=problem.warning
    )


def _unreadable(path: Path, error: Exception) -> Problem:
    """What the machine cannot read, or not as a whole, and no message was foreseen for."""
    at = Position(file=str(path), line=1)
    text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if isinstance(error, OSError):
        return Problem(message=f"the plan names what cannot be read: {text}", at=at)
    return Problem(message=f"the plan is too large, or nested too deeply, to be read: {text}", at=at)


def _defect(path: Path, error: Exception) -> PhasegateError:
    """What is not the plan's fault. The text of the error is left out: it may quote what nobody may see."""
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return PhasegateError(
        f"a defect in phasegate {__version__}, not in your plan, when {path} is read:"
        f" {type(error).__name__} at {places}",
        help="please report this line, with the plan if others may see it",
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    """What does not depend on the plan."""

    kinds: Mapping[str, Kind[Any]]
    overrides: Mapping[str, str]
    variable_files: Sequence[Path]
    env: Mapping[str, str]
    today: date
    stranger: bool


def _load(
    path: Path, settings: _Settings, chosen: str, policy_file: Path | None
) -> tuple[LoadedPlan, _Reading]:
    findings = Findings()
    document = read(path)
    findings.document(document)
    if not isinstance(document.tree, Mapping):
        findings.add(document, (), "a plan is a mapping that begins with phasegate: 1")
        raise PlanError(findings.problems)
    _check_chosen(document, chosen)
    readable = ("", *environments.well_written(document, findings))
    policy = None if policy_file is None else read_policy(policy_file, settings.kinds, findings)
    reading = _Reading(document, settings, policy)
    name = chosen if chosen in readable else ""
    plan = reading.plan(name, findings)
    base = reading.plan_elsewhere("", findings) if name else plan
    others = [other for other in readable if other not in ("", name)]
    if len(others) * (reading.size + _PLAN) > MOST_READ:
        message = f"the plan, read with each of its environments, comes to more than {MOST_READ:,} characters"
        findings.add(document, (environments.KEY,), message, help="use fewer environments", key=True)
        others = []
    for other in (*others, *([name] if name else ())):
        changed = plan if other == name else reading.plan_elsewhere(other, findings)
        if changed is not None and base is not None:
            environments.report_changed(document, other, changed, base, findings)
    if plan is None or findings.problems:
        raise PlanError(findings.problems)
    loaded = LoadedPlan(
        plan=plan,
        warnings=findings.warnings,
        environment=chosen,
        policy=policy,
        environments=environments.names_of(document),
        unread=tuple(findings.unread),
    )
    return loaded, reading


def _check_chosen(document: Document, chosen: str) -> None:
    known = environments.names_of(document)
    malformed = not isinstance(document.tree.get(environments.KEY), Mapping | None)
    if chosen and chosen not in known and not malformed:
        help = did_you_mean(chosen, known, "environments") if known else "the plan has no environments"
        raise UsageError(f"--env {chosen!r}: {document.file} has no such environment", help=help)


class _Reading:
    """One plan, read once for each of its environments."""

    def __init__(self, document: Document, settings: _Settings, policy: Policy | None) -> None:
        self._document = document
        self._settings = settings
        self._policy = policy
        self._files: dict[Path, Files] = {}
        """By root, so that nothing is read twice."""
        self.size = 0
        """What the plan came to, where it came to most."""

    def plan(self, name: str, findings: Findings) -> Plan | None:
        """The plan with an environment; None when something is wrong, and then every problem is reported."""
        own = Findings()
        plan = self._plan(name, own, elsewhere=False)
        findings.absorb(own)
        return plan

    def plan_elsewhere(self, name: str, findings: Findings) -> Plan | None:
        """The plan with an environment that was not chosen: what is wrong only there is reported."""
        own = Findings()
        plan = self._plan(name, own, elsewhere=True)
        findings.absorb(own, other=f"in environment {name!r}: " if name else "without --env: ")
        return plan

    def _plan(self, name: str, findings: Findings, *, elsewhere: bool) -> Plan | None:
        settings = self._settings
        document = environments.with_environment(self._document, name)
        secrets = _secrets(document.tree)
        values = gather(
            document,
            secrets,
            settings.env,
            settings.overrides,
            settings.variable_files,
            findings,
            elsewhere=elsewhere,
            withhold=settings.stranger,
        )
        findings.hide(values.secret_values)
        effort = Effort()
        reader = _Reader(
            document, settings.kinds, values, findings, self._files, self._policy, settings.today, effort
        )
        plan = reader.plan()
        self.size = max(self.size, effort.size + size_of(document.tree))
        return plan


def _secrets(tree: Mapping[str, Any]) -> tuple[str, ...]:
    written = tree.get("secrets")
    return tuple(name for name in written if isinstance(name, str)) if isinstance(written, list) else ()


class _Reader:
    """Reads one document, section by section."""

    def __init__(
        self,
        document: Document,
        kinds: Mapping[str, Kind[Any]],
        values: Values,
        findings: Findings,
        files: dict[Path, Files],
        policy: Policy | None,
        today: date,
        effort: Effort,
    ) -> None:
        self._kinds = kinds
        self._effort = effort
        self._values = values
        self._findings = findings
        self._policy = policy
        self._today = today
        tree = insert_known(
            Located(((k, v) for k, v in document.tree.items() if k != "variables"), at=document.tree.at),
            values,
        )
        self._files = self._locate(document, tree.get("root"), files)
        self._document, self._tree = include.with_included(document, tree, self._files, values, findings)

    def plan(self) -> Plan | None:
        """None when what holds the plan together is wrong; then every problem has been reported."""
        context = Context(
            document=self._document,
            kinds=self._kinds,
            values=self._values,
            files=self._files,
            findings=self._findings,
            entries=addressable_in(self._tree, self._files),
            effort=self._effort,
        )
        head = self._head(context)
        ids = Ids()
        target, context = read_target(context, self._tree.get("target"), ids)
        context = self._with_defaults(context, head)
        steps, gate_checks, limit, criteria, lines = Assembly(context, target, ids).read(
            self._tree.get("steps"), self._tree.get("gate")
        )
        there = Coverable(
            criteria=criteria,
            checks=(*(check for step in steps for check in step.checks), *gate_checks),
            whole=head is not None and not self._findings.problems and not self._findings.unread,
        )
        target = replace(target, exit_codes=_exit_codes(there.checks))
        waivers, waiver_days = read_waivers(
            context, self._waivers(context), there, self._today, _ceiling(self._policy)
        )

        accepted = read_accepted(context, self._tree.get("accepted"))
        if self._policy is not None:
            self._hold(self._policy, head, tuple(there.checks), criteria)
            target = protect(target, self._policy)
        approvals = read_approvals(context, self._tree.get("gate"))
        people = People() if head is None else lines.people(head)
        if head is None or self._findings.problems:
            return None
        proving = (
            one for one in criteria if one.level is Level.BLOCK and one.criterion.measure not in BESIDE
        )
        whole = not self._values.elsewhere and not self._findings.unread
        if whole and next(proving, None) is None:
            message = "the plan has no blocking criterion, so nothing could keep the gate shut"
            help = "add a criterion to a step, or to the gate, without level: warn"
            self._findings.add(self._document, ("steps",), message, help=help, key=True)
            return None
        self._warn_of_missing_secrets(there.checks, target)
        self._warn_of_people(people)
        return Plan(
            record=self._record(),
            phase=head.phase,
            title=head.title,
            people=people,
            root=context.root,
            variables=self._values.variables,
            secrets=self._values.secrets,
            confidence=confidence_of(head.confidence, otherwise=DEFAULT_CONFIDENCE),
            target=target,
            steps=steps,
            gate_checks=gate_checks,
            limit=limit,
            criteria=criteria,
            waivers=waivers,
            waiver_days=waiver_days,
            approvals=approvals,
            accepted=accepted,
        )

    def _warn_of_missing_secrets(self, checks: Iterable[Check], target: Target) -> None:
        if all(secret.value for secret in self._values.secrets):
            return
        started = (group for group in target.groups if not group.located and not group.together)
        entries = (entry for group in started for entry in group.entries)
        using = holders(
            [
                *((check.id, check.missing_secrets) for check in checks),
                *((f"target {entry.id}", entry.missing_secrets) for entry in entries),
            ]
        )
        for index, secret in enumerate(self._values.secrets):
            if secret.value:
                continue
            ids = using.get(secret.name)
            told = fact(Code.NOT_RUN_WITHOUT_IT, names=ids) if ids else fact(Code.NOTHING_NEEDS_IT)
            message = joined(fact(Code.SECRET_NOT_SET, name=secret.name), told)
            help = f"set the environment variable {secret.name}"
            self._findings.add(self._document, ("secrets", index), message, help=help, warning=True)

    def _warn_of_people(self, people: People) -> None:
        if people.owner and same_person(people.owner, people.approver):
            message = fact(Code.OWNER_APPROVES, name=people.owner)
            self._findings.add(self._document, ("approver",), message, warning=True)
        with suppress(ValueError):  # it may be written in any way
            if (due := date.fromisoformat(people.due)) < self._today:
                message = fact(Code.DUE_MISSED, at=people.due, n=(self._today - due).days)
                self._findings.add(self._document, ("due",), message, warning=True)

    def _waivers(self, context: Context) -> Any:
        settled, wrong = context.settled(("waivers",), self._tree.get("waivers"))
        if wrong:
            context.leave_unread(("waivers",), "waivers", settled)
        return None if wrong else settled

    def _head(self, context: Context) -> PlanWritten | None:
        """Everything but target, steps and gate; `steps` must be there."""
        written = Located(
            ((k, v) for k, v in self._tree.items() if k not in _APART), at=self._document.tree.at
        )
        settled, wrong = context.settled((), written)
        if "steps" in self._tree:
            settled["steps"] = self._tree["steps"]
        head = validate(PlanWritten, settled, context.place((), ""), self._findings, silent=wrong)
        if head is None:
            context.refuse_unread((), written, wrong)
        return head

    def _hold(
        self,
        policy: Policy,
        head: PlanWritten | None,
        checks: tuple[Check, ...],
        criteria: tuple[PlanCriterion, ...],
    ) -> None:
        asked = PolicyDemands(
            document=self._document, tree=self._tree, head=head, checks=checks, criteria=criteria
        )
        kinds = not self._values.elsewhere and not self._findings.unread
        hold(policy, asked, self._findings, kinds=kinds)

    def _locate(self, document: Document, root: Any, known: dict[Path, Files]) -> Files:
        name = finish(root) if isinstance(root, str) and "${" not in root else ""
        if self._values.withholds(root):
            message = "'root' needs a value of the environment, which this command does not read"
            self._findings.add(document, ("root",), message, help="write it relative to the plan")
        shown = Path(os.path.normpath(Path(document.file).parent / name))
        folder = shown.absolute()
        if not is_folder(folder):
            self._findings.add(document, ("root",), f"there is no folder {name!r} to be the root")
        return known.setdefault(folder, Files(folder, str(shown)))

    def _with_defaults(self, context: Context, head: PlanWritten | None) -> Context:
        """The context with what checks take over from the plan; nothing where that is wrong."""
        if head is None:
            return context
        written = head.defaults
        raw = self._tree.get("defaults")
        return replace(
            context,
            timeout=None if written.timeout is None or raw is None else finish(raw["timeout"]),
            retry=written.retry or RetryWritten(),
            confidence=confidence_of(head.confidence, otherwise=DEFAULT_CONFIDENCE),
            flaky=budget_of(context, (), head.flaky),
        )

    def _record(self) -> PlanRecord:
        sha256 = _hash(self._document.content)
        return PlanRecord(path=self._document.file, sha256=sha256, files=self._files.hashed)


@remembered_of
def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _ceiling(policy: Policy | None) -> Ceiling | None:
    if policy is None or policy.max_waiver_days is None:
        return None
    return Ceiling(days=policy.max_waiver_days, place=policy.place("waiver_days"))


def _exit_codes(checks: Iterable[Check]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for part, kind in ((part, check.kind) for check in checks for part in check.parts):
        for service, codes in kind.exit_codes(part.params).items():
            found[service] = tuple(dict.fromkeys((*found.get(service, ()), *codes)))
    return found
