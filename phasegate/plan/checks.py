"""One check of the plan: common part, parameters of its kind, files it names, parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from phasegate.errors import PlanError
from phasegate.fields import Located, NamedDocument, NamedPath
from phasegate.kinds.base import NAMING_SERVICES, CheckParams, Kind, Requirement
from phasegate.model.result import EvidenceFile
from phasegate.plan.annotations import keys_of, naming_fields
from phasegate.plan.context import Context, budget_of, confidence_of, picked, retry_of
from phasegate.plan.findings import did_you_mean
from phasegate.plan.models import CheckCommon
from phasegate.plan.named import NamedPlace, named_in
from phasegate.plan.part import Deferred, Part
from phasegate.plan.plan import Check, Retry
from phasegate.plan.requirements import united
from phasegate.plan.tree import TreePath, dotted, is_plain, spliced
from phasegate.plan.validation import Place, validate
from phasegate.plan.values import captured, put_in_known
from phasegate.plan.yaml import Document
from phasegate.substitution import finish, names_in

COMMON_KEYS = frozenset(keys_of(CheckCommon))
_DONE = frozenset({"each", "during"})
"""Keys that every check has and that change what it does."""
DEFAULT_LIMIT = 600.0
"""Seconds for an attempt that does not say how long it takes."""
START = 15.0
"""Seconds on top for one that does: workers start and hand in what they saw, on a busy machine too.

Without them a target that stalls to the last would make the attempt run into its limit and end as errored,
although the stall was observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A check as far as it could be read."""

    id: str | None
    path: TreePath
    step: str | None
    kind: Kind[Any] | None = None
    common: CheckCommon | None = None
    check: Check | None = None
    """None where something is wrong with it."""
    criteria: tuple[Any, ...] = ()
    """Its own criteria, in template form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShare:
    """What a check takes over from its step."""

    id: str | None = None
    requirements: tuple[Requirement, ...] = ()
    tags: tuple[str, ...] = ()
    missing_secrets: tuple[str, ...] = ()


def read_check(context: Context, path: TreePath, tree: Any, step: StepShare, label: str) -> Draft:
    """Read one check; everything wrong with it is reported, and nothing else is kept from being read."""
    if not isinstance(tree, Mapping):
        context.findings.add(context.document, path, f"{label} must be a mapping with id and kind")
        return Draft(id=None, path=path, step=step.id)
    id = tree.get("id")
    subject = f"check {id!r}" if isinstance(id, str) else label
    kind = _kind(context, path, tree, subject)
    common = _common(context, path, tree, subject)
    own = tree.get("criteria")
    draft = Draft(
        id=id if isinstance(id, str) else None,
        path=path,
        step=step.id,
        kind=kind,
        common=common,
        criteria=tuple(own) if isinstance(own, list) else (),
    )
    if kind is None:
        return draft
    parameters = _Parameters(context, path, tree, kind, _with_variant(subject, kind, tree))
    parts = parameters.parts()
    if common is None or parts is None:
        return draft
    check = _check(context, tree, common, kind, parts, step, path)
    return replace(draft, check=replace(check, sha256=_fingerprint(context, kind, tree, parameters)))


def read_parameters(
    context: Context, path: TreePath, tree: Mapping[str, Any], kind: Kind[Any], subject: str
) -> Part | None:
    """Parameters that stand apart from a check, read as those of a check; None where they are wrong."""
    parts = _Parameters(context, path, tree, kind, subject).parts()
    return None if parts is None else parts[0]


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
    return _variant(context, path, tree, context.kinds[name], subject)


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


def _common(context: Context, path: TreePath, tree: Mapping[str, Any], subject: str) -> CheckCommon | None:
    written = picked(tree, COMMON_KEYS - {"each", "criteria"})
    settled, wrong = context.settled(path, written)
    for key in ("each", "criteria"):
        if key in tree:
            settled[key] = tree[key]
    return validate(CheckCommon, settled, context.place(path, subject), context.findings, silent=wrong)


def _check(
    context: Context,
    tree: Mapping[str, Any],
    common: CheckCommon,
    kind: Kind[Any],
    parts: tuple[Part, ...],
    step: StepShare,
    path: TreePath,
) -> Check:
    params = [part.params for part in parts]
    own = context.requirements(path, common.requires)
    if common.during is not None:
        retry = Retry()
    else:
        retry = context.retry if common.retry is None else retry_of(common.retry)
    return Check(
        id=common.id,
        kind=kind,
        step=step.id,
        title=common.title,
        parts=parts,
        each=common.each is not None,
        during=common.during,
        retry=retry,
        limit=_limit(common, kind, params),
        exclusive=kind.exclusive if common.exclusive is None else common.exclusive,
        allow_skipped=common.allow_skipped,
        until_decided=any(kind.until_decided(one) for one in params),
        requirements=united(*(kind.requirements(one) for one in params), own, step.requirements),
        missing_secrets=_missing_secrets(context, tree, step),
        confidence=confidence_of(common.confidence, otherwise=context.confidence),
        tags=tuple(dict.fromkeys((*common.tags, *step.tags))),
        summary=_summary(kind, parts),
        at=context.document.value_at((*path, "id")),
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
    meant = duration + params.timeout + START
    return meant if kind.exclusive else max(DEFAULT_LIMIT, meant)


def _summary(kind: Kind[Any], parts: tuple[Part, ...]) -> str:
    first = kind.summary(parts[0].params)
    return first if len(parts) == 1 else f"{first}; {len(parts)} parts"


def _missing_secrets(context: Context, tree: Mapping[str, Any], step: StepShare) -> tuple[str, ...]:
    missing = [*context.missing_in(tree), *step.missing_secrets, *context.missing_everywhere]
    for entry, names in context.missing_by_entry.items():
        if any(name.startswith(f"target.{entry}.") for name in names_in(tree)):
            missing += names
    return tuple(dict.fromkeys(missing))


def _fingerprint(context: Context, kind: Kind[Any], tree: Mapping[str, Any], parameters: _Parameters) -> str:
    """Over what the check does, so that two runs with the same one can be held against each other.

    Names stand for secrets and for the target's addresses. What is for people, for the gate or for the
    schedule is left out, but for `during`: beside another check the target answers differently.
    """
    asked = {
        key: value
        for key, value in tree.items()
        if key in _DONE or not (key in COMMON_KEYS or key.startswith("x-"))
    }
    if context.timeout is not None:
        asked.setdefault("timeout", context.timeout)
    hashes = sorted(file.sha256 for file in parameters.files.values())
    everything = [kind.name, asked, hashes, parameters.filled]
    text = json.dumps(everything, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Parameters:
    """The parameters of one check, by part."""

    def __init__(
        self, context: Context, path: TreePath, tree: Mapping[str, Any], kind: Kind[Any], subject: str
    ) -> None:
        self._context = context
        self._path = path
        self._kind = kind
        self._subject = subject
        self.files: dict[str, EvidenceFile] = {}
        """Files that it names, by name, as they were hashed."""
        self.filled: dict[str, Any] = {}
        """What was put into those files, by name."""
        each = tree.get("each")
        self._each = each if isinstance(each, Mapping) else None
        rest = Located(
            ((k, v) for k, v in tree.items() if k not in COMMON_KEYS and not k.startswith("x-")),
            at=getattr(tree, "at", None),
        )
        self._plain = self._each is None and is_plain(rest)
        self._own = kind.own_names(rest, context.root)
        self._wrong = [
            *context.unknown(
                path, rest, "target", "out", *self._own, *(() if self._each is None else ("each",))
            )
        ]
        for name, value in (self._each or {}).items():
            if context.unknown((*path, "each", name), value, "target", "out"):
                self._wrong += [where for where, _ in _using_each(rest)]
        if context.timeout is not None and "timeout" not in rest:
            rest["timeout"] = context.timeout
        self._tree = context.with_secrets(rest)

    def parts(self) -> tuple[Part, ...] | None:
        """None when one of them is wrong; then every problem has been reported."""
        if self._each is None:
            part = self._part("", None)
            return None if part is None else (part,)
        found = [self._part(name, value) for name, value in self._each.items()]
        whole = tuple(part for part in found if part is not None)
        return whole if whole and len(whole) == len(found) else None

    def _part(self, name: str, each: Any) -> Part | None:
        context = self._context
        template = Deferred(tree=self._tree, each=context.with_secrets(each), own=self._own)
        tree = self._tree if self._plain else template.resolve(context.addresses, keep=_keep_all)
        replaced, documents, broken = self._files(tree)
        template = replace(template, replaced=replaced)
        tree = template.resolve(context.addresses, keep=_keep_all) if replaced else tree
        place = Place(
            document=context.document,
            path=self._path,
            subject=self._subject,
            documents=documents,
            known=tuple(COMMON_KEYS),
        )
        silent = (*self._wrong, *broken)
        params = validate(self._kind.Params, tree, place, context.findings, silent=silent)
        if params is None:
            return None
        self._check_addresses(params)
        self._check_services(params)
        later = any(_is_later(used) for used in _names(template))
        return Part(name=name, params=params, deferred=template if later else None)

    def _files(
        self, tree: Any
    ) -> tuple[tuple[tuple[TreePath, Any], ...], tuple[tuple[TreePath, Document], ...], tuple[TreePath, ...]]:
        """What stands for the names of files; the documents among it; and names that lead nowhere."""
        if not naming_fields(self._kind.Params):
            return (), (), ()
        replaced: list[tuple[TreePath, Any]] = []
        documents: list[tuple[TreePath, Document]] = []
        broken: list[TreePath] = []
        for named in named_in(self._kind.Params, tree):
            if not isinstance(named.value, str):
                message = f"{self._subject}: {dotted(named.path)!r} must be the path of a YAML file"
                self._context.findings.add(self._context.document, (*self._path, *named.path), message)
                broken.append(named.path)
                continue
            if "${" in named.value:
                continue
            if isinstance(named.mark, NamedPath):
                found = self._named_path(
                    self._context.document, (*self._path, *named.path), named, subject=f"{self._subject}: "
                )
                replaced += [] if found is None else [(named.path, found)]
                broken += [named.path] if found is None else []
                continue
            named, fragment = _without_fragment(named)
            document = self._document(named)
            if document is None:
                broken.append(named.path)
                continue
            documents.append((named.path, document))
            content, inner_broken = self._content(document, named)
            if fragment and isinstance(content, Mapping):
                content = Located({**content, **fragment}, at=getattr(content, "at", None))
            replaced.append((named.path, content))
            broken += inner_broken
        return tuple(replaced), tuple(documents), tuple(broken)

    def _named_path(
        self, document: Document, path: TreePath, named: NamedPlace, *, subject: str
    ) -> str | None:
        files = self._context.files
        assert isinstance(named.mark, NamedPath)
        wrong = files.wrong_with(named.value, folder_allowed=named.mark.folder_allowed)
        if wrong is not None:
            self._context.findings.add(document, path, f"{subject}{wrong}")
            return None
        self.files[named.value] = files.hash(named.value)
        return str(files.locate(named.value))

    def _document(self, named: NamedPlace) -> Document | None:
        context = self._context
        try:
            document = context.files.document(named.value)
        except PlanError as error:
            for problem in error.problems:
                if problem.at is None:
                    where = (*self._path, *named.path)
                    context.findings.add(context.document, where, f"{self._subject}: {problem.message}")
                else:
                    context.findings.extend([problem])
            return None
        context.findings.document(document)
        self.files[named.value] = context.files.hash(named.value)
        return document

    def _content(self, document: Document, named: NamedPlace) -> tuple[Any, list[TreePath]]:
        """A document with values put in, as far as they are known, and its own named files looked for."""
        context = self._context
        own = captured(document.tree) | self._own
        given = context.values.known
        used = (name for name in names_in(document.tree) if name in given and name not in own)
        self.filled |= {name: given[name] for name in used}
        tree = put_in_known(document.tree, context.values, but=own)
        wrong = context.unknown((), tree, "target", "out", document=document, capturing=True)
        tree = context.with_secrets(tree)
        broken = [(*named.path, *where) for where in wrong]
        for inner in list(named_in(named.kind, tree)):
            if not isinstance(inner.mark, NamedPath) or "${" in inner.value:
                continue
            known = replace(inner, value=finish(inner.value))
            found = self._named_path(document, inner.path, known, subject="")
            if found is None:
                broken.append((*named.path, *inner.path))
            else:
                tree = spliced(tree, inner.path, found.replace("$", "$$"))
        return tree, broken

    def _check_addresses(self, params: CheckParams) -> None:
        """Paths need a default entry; load is sent nowhere but to the target."""
        context = self._context
        key = next((key for key in ("url", "flow", "mix") if key in self._tree), "url")
        path = (*self._path, key)
        url = getattr(params, "url", None)
        addresses = (*((url,) if isinstance(url, str) else ()), *self._kind.targets(params))
        on_default = next((address for address in addresses if address.startswith("/")), None)
        if on_default is not None and context.default_entry is None:
            message = f"{self._subject}: {on_default!r} is on the target's default entry, and there is none"
            several = "say which entry is meant with target: {default: <id>}"
            none = "declare a target, or write a whole URL"
            context.findings.add(context.document, path, message, help=several if context.entries else none)
            return
        for address in self._kind.targets(params):
            if not address.startswith("/") and not self._declared(address):
                message = f"{self._subject}: {address!r} is not on the target, and load is sent nowhere else"
                help = "declare it under target: {external: {<id>: {url: ...}}}"
                context.findings.add(context.document, path, message, help=help)

    def _check_services(self, params: CheckParams) -> None:
        """What runs in the container of a service, or looks at it, needs one that is there."""
        named = self._kind.services(params)
        if self._kind.of_containers and not named and self._context.entries.without_containers:
            message = f"{self._subject}: nothing of the target runs in containers"
            help = "bring a stack up with target.compose, or name one that is up with target.containers"
            self._context.findings.add(self._context.document, (*self._path, "kind"), message, help=help)
        for name in named:
            where = next(_naming(self._tree, name), ("kind",))
            self._context.check_service((*self._path, *where), name, subject=f"{self._subject}: ")

    def _declared(self, address: str) -> bool:
        addresses, services = self._context.addresses, self._context.entries.services
        hosts = {_host(url) for name, url in addresses.items() if name.endswith(".url")}
        host = _host(address)
        # A service is called by its id, whichever of its ports is meant.
        return "${" in address or (host is not None and (host in hosts or host[1] in services))


def _naming(tree: Mapping[str, Any], service: str) -> Iterator[TreePath]:
    """Where parameters name a service."""
    for key in NAMING_SERVICES:
        value = tree.get(key)
        if value == service:
            yield (key,)
        elif isinstance(value, list) and service in value:
            yield key, value.index(service)


def _host(url: str) -> tuple[str, str | None, int] | None:
    """Scheme, host and port; None for what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None


def _without_fragment(named: NamedPlace) -> tuple[NamedPlace, dict[str, str]]:
    """The place with the path alone, and what stands behind `#`, by its key in the document."""
    key = named.mark.fragment if isinstance(named.mark, NamedDocument) else ""
    path, sign, fragment = named.value.partition("#") if key else (named.value, "", "")
    return replace(named, value=path), {key: fragment} if sign else {}


def _using_each(tree: Any, path: TreePath = ()) -> Iterator[tuple[TreePath, Any]]:
    match tree:
        case str() if "${each}" in tree:
            yield path, tree
        case Mapping():
            for key, item in tree.items():
                yield from _using_each(item, (*path, key))
        case list():
            for index, item in enumerate(tree):
                yield from _using_each(item, (*path, index))
        case _:
            return


def _names(template: Deferred) -> Iterator[str]:
    yield from names_in(template.tree)
    yield from names_in(template.each)
    for _, value in template.replaced:
        yield from names_in(value)


def _is_later(name: str) -> bool:
    return name.startswith("target.") or name == "out"


def _keep_all(_: str) -> bool:
    return True
