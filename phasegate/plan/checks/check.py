"""One check of the plan: common part, parameters of its kind, files it names, parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PhasegateError, Position
from phasegate.base.facts import Code, Message, fact, joined
from phasegate.base.joined import united
from phasegate.base.scalars import WrittenFloat, WrittenInt
from phasegate.base.tree import TreePath, is_plain
from phasegate.kinds.base import CheckParams, Kind, Requirement, TimedParams, timeout_of
from phasegate.kinds.foreign import blame
from phasegate.kinds.offers import KindError
from phasegate.model.criterion import Level
from phasegate.model.measures import charts_of
from phasegate.model.result import PlanCheck
from phasegate.plan.asked.part import Part
from phasegate.plan.asked.plan import Check
from phasegate.plan.checks.objectives import read_objectives
from phasegate.plan.checks.parameters import COMMON_KEYS, Parameters
from phasegate.plan.reading.context import Context, budget_of, confidence_of, pick_keys
from phasegate.plan.text.findings import did_you_mean
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import CheckCommon, RetryWritten

_OF_PEOPLE = COMMON_KEYS - {"each", "during"}
"""Keys that every check has and that change nothing of what it does."""
_APART = frozenset({"each", "criteria"})
_SETTLED = COMMON_KEYS - _APART
"""Keys of the common part whose values are known at load."""
_LEAVES = frozenset({str, int, type(None)})
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str).encode
DEFAULT_LIMIT = 600.0
"""Seconds for an attempt that does not say how long it takes."""
START = 15.0
"""Seconds on top for one that does: workers start and hand in what they saw, on a busy machine too.

Without them a target that stalls to the last would make the attempt run into its limit and end as errored,
although the stall was observed."""


class Draft(NamedTuple):
    """A check as far as it could be read."""

    id: str | None
    path: TreePath
    step: str | None
    at: Position | None = None
    """Where its id is written."""
    kind: Kind[Any] | None = None
    common: CheckCommon | None = None
    check: Check | None = None
    """None where something is wrong with it."""
    criteria: tuple[Any, ...] = ()
    """Its own criteria, in template form."""
    objectives: tuple[Any, ...] = ()
    """Criteria of the SLOs that it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShare:
    """What a check takes over from its step, each thing once."""

    id: str | None = None
    requirements: tuple[Requirement, ...] = ()
    tags: tuple[str, ...] = ()
    missing_secrets: tuple[str, ...] = ()
    """Those without which the target cannot be brought up too."""


def read_check(context: Context, path: TreePath, tree: Any, step: StepShare, label: str) -> Draft:
    """Read one check; everything wrong with it is reported, and nothing else is kept from being read."""
    if not isinstance(tree, Mapping):
        context.findings.add(context.document, path, f"{label} must be a mapping with id and kind")
        return Draft(id=None, path=path, step=step.id)
    id = tree.get("id")
    subject = f"check {id!r}" if isinstance(id, str) else label
    at = context.document.value_at((*path, "id"))
    kind = _kind(context, path, tree, subject)
    plain = is_plain(tree)
    common = _common(context, path, tree, subject, plain=plain)
    own = tree.get("criteria")
    check = None
    if kind is None:
        context.leave_unread(path, subject, tree)
    else:
        try:
            with blame(kind, what="params", but=PhasegateError):
                check = _read(context, path, tree, step, kind, common, subject, at, plain=plain)
        except KindError as error:
            _report(context, path, subject, error)
            context.leave_unread(path, subject, tree)
            kind = None
    return Draft(
        id=id if isinstance(id, str) else None,
        path=path,
        step=step.id,
        at=at,
        kind=kind,
        common=common,
        check=check,
        criteria=tuple(own) if isinstance(own, list) else (),
        objectives=() if common is None else read_objectives(context, (*path, "slo"), common.slo),
    )


def _read(
    context: Context,
    path: TreePath,
    tree: Mapping[str, Any],
    step: StepShare,
    kind: Kind[Any],
    common: CheckCommon | None,
    subject: str,
    at: Position,
    *,
    plain: bool,
) -> Check | None:
    """The rest of a check, once its kind is known; None where something is wrong with it."""
    parameters = Parameters(context, path, tree, kind, _with_variant(subject, kind, tree), plain=plain)
    parts = parameters.parts()
    if common is None or parts is None:
        taken_over = (context.timeout, context.retry, context.confidence)
        context.leave_unread(path, subject, tree, taken_over, *parameters.read)
        return None
    own = parameters.missing_secrets(tree)
    return _check(
        context,
        common,
        kind,
        parts,
        step,
        path,
        at,
        missing_secrets=united(own, step.missing_secrets),
        sha256=_fingerprint(context, kind, tree, parameters),
    )


def _kind(context: Context, path: TreePath, tree: Mapping[str, Any], subject: str) -> Kind[Any] | None:
    name = tree.get("kind")
    if not isinstance(name, str):
        return None  # the common part says so
    if name not in context.kinds:
        help = did_you_mean(name, context.kinds, "kinds")
        context.findings.add(
            context.document, (*path, "kind"), f"{subject}: unknown kind {name!r}", help=help
        )
        return None
    try:
        kind = context.kinds[name]
    except KindError as error:
        _report(context, path, subject, error)
        return None
    return _variant(context, path, tree, kind, subject)


def _report(context: Context, path: TreePath, subject: str, error: KindError) -> None:
    message = fact(Code.OF_PART, part=subject, why=error.message)
    context.findings.add(context.document, (*path, "kind"), message, help=error.help)


def _variant(
    context: Context, path: TreePath, tree: Mapping[str, Any], kind: Kind[Any], subject: str
) -> Kind[Any] | None:
    """What a kind with several sets of parameters comes to in this check."""
    if kind.chooser not in tree:
        return kind
    where = (*path, kind.chooser)
    chosen, wrong = context.settled(where, tree[kind.chooser])
    if wrong:
        return None
    if chosen == kind.variant:
        return kind
    if not isinstance(chosen, str) or chosen not in kind.variants:
        known = [kind.variant, *kind.variants]
        message = f"{subject}: unknown {kind.chooser} {chosen!r}"
        context.findings.add(
            context.document, where, message, help=did_you_mean(str(chosen), known, f"{kind.chooser}s")
        )
        return None
    return kind.variants[chosen]


def _with_variant(subject: str, kind: Kind[Any], tree: Mapping[str, Any]) -> str:
    """Which parameters a check takes depends on the variant, so messages about them name it."""
    return f"{subject} ({kind.chooser}: {kind.variant})" if kind.chooser in tree else subject


def _common(
    context: Context, path: TreePath, tree: Mapping[str, Any], subject: str, *, plain: bool
) -> CheckCommon | None:
    settled: Any = pick_keys(tree, COMMON_KEYS if plain else _SETTLED)
    wrong: tuple[TreePath, ...] = ()
    if not plain:
        settled, wrong = context.settled(path, settled)
        settled |= pick_keys(tree, _APART)
    return validate(CheckCommon, settled, context.place(path, subject), context.findings, silent=wrong)


def _check(
    context: Context,
    common: CheckCommon,
    kind: Kind[Any],
    parts: tuple[Part, ...],
    step: StepShare,
    path: TreePath,
    at: Position,
    *,
    missing_secrets: Sequence[str],
    sha256: str,
) -> Check:
    params = [part.params for part in parts]
    needed = chain.from_iterable(map(kind.requirements, params))
    own = context.requirements(path, common.requires)
    retry = RetryWritten() if common.during is not None else common.retry or context.retry
    at = context.document.value_at((*path, "id"))
    charts = charts_of({name: spec for one in params for name, spec in kind.measures(one).items()})
    return Check(
        asked=PlanCheck(
            id=common.id,
            kind=kind.name,
            step=step.id,
            title=common.title,
            summary=_summary(kind, parts),
            source=f"{at.file}:{at.line}",
            sha256=sha256,
            during=common.during or "",
            allow_skipped=common.allow_skipped,
            until_decided=any(map(kind.until_decided, params)),
            chances=retry.chances,
            charts=charts,
            package=kind.package,
            is_load=kind.is_load,
        ),
        kind=kind,
        parts=parts,
        each=common.each is not None,
        retry=retry,
        limit=_limit(common, kind, params),
        exclusive=kind.exclusive if common.exclusive is None else common.exclusive,
        missing_secrets=missing_secrets,
        requirements=united((*needed, *own), step.requirements),
        confidence=confidence_of(common.confidence, otherwise=context.confidence),
        level=Level(common.level),
        tags=united(common.tags, step.tags),
        at=at,
        flaky=budget_of(context, path, common.flaky),
    )


def _limit(common: CheckCommon, kind: Kind[Any], params: list[CheckParams]) -> float | None:
    """Seconds for an attempt, over all parts; load gets what it is meant to take, and one timeout."""
    if common.during is not None:
        return common.limit
    if common.limit is not None:
        return common.limit
    return sum(_limit_of_part(kind, one) for one in params)


def _limit_of_part(kind: Kind[Any], params: CheckParams) -> float:
    duration = kind.duration(params)
    if duration is None:
        return DEFAULT_LIMIT
    meant = duration + timeout_of(params) + START
    return meant if kind.exclusive else max(DEFAULT_LIMIT, meant)


def _summary(kind: Kind[Any], parts: tuple[Part, ...]) -> Message:
    first = kind.summary(parts[0].params)
    return first if len(parts) == 1 else joined(first, fact(Code.PARTS, n=len(parts)))


def _fingerprint(context: Context, kind: Kind[Any], tree: Mapping[str, Any], parameters: Parameters) -> str:
    """Over what the check does, so that two runs with the same one can be held against each other.

    Names stand for secrets and for the target's addresses. What is for people, for the gate or for the
    schedule is left out, but for `during`: beside another check the target answers differently.
    """
    asked = {key: value for key, value in tree.items() if key not in _OF_PEOPLE and not key.startswith("x-")}
    if context.timeout is not None and issubclass(kind.Params, TimedParams):
        asked.setdefault("timeout", context.timeout)
    hashes = sorted(file.sha256 for file in parameters.files.values())
    package = [] if kind.package is None else [[kind.package.name, kind.package.version]]
    everything = _as_written([kind.name, asked, hashes, parameters.filled, *package])
    return hashlib.sha256(_encode(everything).encode("utf-8", "surrogatepass")).hexdigest()


def _as_written(tree: Any) -> Any:
    """A tree in which two spellings of one number differ: as text, what is sent differs too."""
    if isinstance(tree, dict):
        return {key: item if type(item) in _LEAVES else _as_written(item) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return [item if type(item) in _LEAVES else _as_written(item) for item in tree]
    return str(tree) if isinstance(tree, WrittenInt | WrittenFloat) else tree
