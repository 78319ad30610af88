"""Parameters of a check, by part: values put in, named files read, all of it held against the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from phasegate.base.errors import PlanError
from phasegate.base.fields import Located, NamedAddress, NamedDocument, NamedPath
from phasegate.base.files import about
from phasegate.base.substitution import escape, finish, names_in, size_of, texts_in
from phasegate.base.tree import TreePath, is_plain, model_of, path_text, with_values
from phasegate.base.yaml import Document
from phasegate.kinds.base import CheckParams, Kind, TimedParams
from phasegate.model.result import EvidenceFile
from phasegate.plan.asked.part import Deferred, Part
from phasegate.plan.checks.content import Content
from phasegate.plan.reading.context import Context
from phasegate.plan.reading.reachable import (
    Where,
    check_addresses,
    check_entries,
    check_entry,
    check_services,
)
from phasegate.plan.reading.values import capture_names, insert_known
from phasegate.plan.text.annotations import keys_of
from phasegate.plan.text.named import NamedPlace, find_named, places_in
from phasegate.plan.text.validation import Place, validate
from phasegate.plan.written.plan import CheckCommon

COMMON_KEYS = frozenset(keys_of(CheckCommon))
"""What every check has, whatever its kind."""
_KNOWN = tuple(COMMON_KEYS)
_PART = 200
"""Characters that a part comes to, beside its parameters."""


class Parameters:
    """The parameters of one check, by part."""

    def __init__(
        self,
        context: Context,
        path: TreePath,
        tree: Mapping[str, Any],
        kind: Kind[Any],
        subject: str,
        *,
        plain: bool = False,
    ) -> None:
        """`plain`: as `is_plain` says of the tree, where it was asked."""
        self._context = context
        self._path = path
        self._kind = kind
        self._subject = subject
        self.files: dict[str, EvidenceFile] = {}
        """Files that it names, by name, as they were hashed."""
        self.filled: dict[str, Any] = {}
        """What was put into those files, by name."""
        self._contents: list[Content] = []
        """The files of its parameters that were read."""
        self._entries: set[str] = set()
        """Ids of the entries that the addresses of the part that is read are of."""
        each = tree.get("each")
        self._each = each if isinstance(each, Mapping) else None
        own = {k: v for k, v in tree.items() if k not in COMMON_KEYS and not k.startswith("x-")}
        rest = Located(own, at=getattr(tree, "at", None))
        self._plain = self._each is None and (plain or is_plain(rest))
        self._own = kind.own_names(rest, context.root)
        for name in sorted(self._own & context.values.variables.keys()) if self._own else ():
            message = f"{subject}: ${{{name}}} is a variable of the plan and a column of the data"
            context.findings.add(context.document, path, message, help="give one of them another name")
        allowed = ("target", "out", *self._own, *(() if self._each is None else ("each",)))
        self._wrong = [] if self._plain else [*context.unknown(path, rest, *allowed)]
        for name, value in (self._each or {}).items():
            if context.unknown((*path, "each", name), value, "target", "out"):
                self._wrong += [where for where, text in texts_in(rest) if "${each}" in text]
        if context.timeout is not None and "timeout" not in rest and issubclass(kind.Params, TimedParams):
            rest["timeout"] = context.timeout
        self._tree = rest if self._plain else context.with_secrets(rest)
        self._data = self._tree.get(kind.rows) if self._own else None

    def parts(self) -> tuple[Part, ...] | None:
        """None when one of them is wrong; then every problem has been reported.

        Errors: see `Context.spend`.
        """
        entries = 1 if self._each is None else len(self._each)
        self._context.spend(self._path, entries * (_PART + size_of(self._tree)))
        if self._each is None:
            part = self._part("", None)
            return None if part is None else (part,)
        found = [self._part(name, value) for name, value in self._each.items()]
        whole = tuple(part for part in found if part is not None)
        return whole if whole and len(whole) == len(found) else None

    @property
    def read(self) -> tuple[Any, ...]:
        """What the files say that the check names: those that were read, and the hashes of all."""
        return *(one.written for one in self._contents), sorted(
            (name, file.sha256) for name, file in self.files.items()
        )

    def missing_secrets(self, tree: Any, *, acted_on: str = "") -> tuple[str, ...]:
        """Names of secrets that are not set and that are used: by a check, which is `tree` as written, by the
        files of its parameters, or by the entries of the target that it needs."""
        context = self._context
        if not (context.values.missing_secrets or context.lacking):
            return ()
        missing = (*context.missing_in(tree), *(name for one in self._contents for name in one.missing))
        uses = (one.uses for one in self._contents)
        by_use = context.missing_by_use(tree, *uses, by_address=self._kind.by_address, acted_on=acted_on)
        return tuple(dict.fromkeys((*missing, *by_use)))

    def _part(self, name: str, each: Any) -> Part | None:
        context = self._context
        places = tuple(places_in(self._kind.Params, self._tree))
        template = None if self._plain else self._template(places, each)
        self._entries = set()
        for one in places:
            if not isinstance(one.mark, NamedAddress):
                continue
            there = (*self._path, *(("each", name) if "${each}" in one.value else one.path))
            written = one.value if template is None else template.address(one.path)
            self._entries |= check_entry(context, context.document, there, written, self._data)
        tree = self._tree
        if template is not None:
            tree = template.resolve(context.addresses, keep=_keep_all)
            places = tuple(places_in(self._kind.Params, tree))
        replaced, broken = self._files(places)
        if replaced:
            template = template or self._template(places, each)
            tree = template.resolve(context.addresses, keep=_keep_all)
            tree = with_values(tree, {one.path: one.seen for one in replaced})
            template = replace(template, replaced=tuple((one.path, one.tree) for one in replaced))
        place = Place(
            document=context.document,
            path=self._path,
            subject=self._subject,
            documents=tuple((one.path, one.document) for one in replaced if one.document is not None),
            known=_KNOWN,
        )
        silent = (*self._wrong, *broken)
        params = validate(self._kind.Params, tree, place, context.findings, silent=silent)
        if params is None:
            return None
        names: frozenset[str] = frozenset()
        if template is not None:
            own = (*names_in(template.tree), *names_in(template.each))
            names = frozenset(own).union(*(one.names for one in replaced))
        where = Where(context=context, path=self._path, tree=self._tree, subject=self._subject)
        targets = self._targets(template, names, params)
        check_addresses(where, self._kind, self._kind.asked(params), targets)
        check_services(where, self._kind, params)
        return Part(
            name=name,
            params=params,
            targets=targets,
            deferred=template if any(map(_is_later, names)) else None,
            entries=frozenset(self._entries),
        )

    def _template(self, places: Iterable[NamedPlace], each: Any) -> Deferred:
        return Deferred(
            tree=self._tree,
            each=self._context.with_secrets(each),
            addresses=tuple(one.path for one in places if isinstance(one.mark, NamedAddress)),
            own=self._own,
        )

    def _targets(
        self, template: Deferred | None, names: frozenset[str], params: CheckParams
    ) -> tuple[str, ...]:
        """Where load is sent, without stand-ins for hosts and ports that nobody wrote."""
        targets: tuple[str, ...] = self._kind.targets(params)
        context = self._context
        if template is None or not targets:
            return targets
        later = {name for name in names if self._is_stand_in(name)}
        if not later:
            return targets
        known = {name: context.addresses[name] for name in names - later if name in context.addresses}
        try:
            return self._kind.targets(model_of(self._kind.Params, template.resolve(known, keep=_keep_all)))
        except ValidationError:  # a number may be asked for where a port stands
            return targets

    def _is_stand_in(self, name: str) -> bool:
        """Whether a name is of a host or port that is not known before the target is up."""
        first, _, rest = name.partition(".")
        id, _, what = rest.partition(".")
        context = self._context
        return (
            first == "target"
            and id in context.entries
            and id not in context.located
            and what.startswith(("host", "port"))
        )

    def _files(self, places: tuple[NamedPlace, ...]) -> tuple[list[_Replaced], list[TreePath]]:
        """What stands for the names of files, and names that lead nowhere."""
        replaced: list[_Replaced] = []
        broken: list[TreePath] = []
        for named in places:
            if isinstance(named.mark, NamedAddress):
                continue
            if not isinstance(named.value, str):
                message = f"{self._subject}: {path_text(named.path)!r} must be the path of a YAML file"
                self._context.findings.add(self._context.document, (*self._path, *named.path), message)
                broken.append(named.path)
                continue
            if "${" in named.value:
                continue
            if isinstance(named.mark, NamedPath):
                where = (*self._path, *named.path)
                subject = f"{self._subject}: "
                found = self._path_of(self._context.document, where, named, self.files, subject=subject)
                replaced += [] if found is None else [_Replaced(named.path, found, found)]
                broken += [named.path] if found is None else []
                continue
            named, fragment = _without_fragment(named)
            content = self._content(named)
            if content is None:
                broken.append(named.path)
                continue
            tree, seen = content.tree, content.seen(fragment)
            if fragment and isinstance(tree, Mapping):
                tree = Located({**tree, **fragment}, at=getattr(tree, "at", None))
            replaced.append(_Replaced(named.path, tree, seen, content.names, content.document))
            broken += [(*named.path, *where) for where in content.broken]
        return replaced, broken

    def _path_of(
        self,
        document: Document,
        path: TreePath,
        named: NamedPlace,
        hashed: dict[str, EvidenceFile],
        *,
        subject: str,
    ) -> str | None:
        """The absolute path of a file, which goes to those that were `hashed`."""
        files = self._context.files
        assert isinstance(named.mark, NamedPath)
        wrong = files.wrong_with(named.value, folder_allowed=named.mark.folder_allowed)
        if wrong is not None:
            self._context.findings.add(document, path, f"{subject}{wrong}")
            return None
        try:
            hashed[named.value] = files.hash(named.value)
        except (OSError, ValueError) as error:
            self._context.findings.add(document, path, f"{subject}{about(repr(named.value), error)}")
            return None
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

    def _content(self, named: NamedPlace) -> Content | None:
        """What a file says, read once for all checks that name it alike; None where it is wrong and that was
        reported."""
        document = self._document(named)
        if document is None:
            return None
        path = self._context.files.locate(named.value)
        key = path, named.kind, self._own, repr(self._data)
        contents = self._context.contents
        first = key not in contents
        if first:
            contents[key] = self._read(document, named.kind)
        content: Content = contents[key]
        self.files |= content.files
        self.filled |= content.filled
        self._entries |= content.entries
        self._contents.append(content)
        return content if first or not content.wrong else None

    def _read(self, document: Document, kind: Any) -> Content:
        """A document with values put in, as far as they are known, and its own named files looked for."""
        context = self._context
        context.spend(self._path, size_of(document.tree))
        own = capture_names(document.tree) | self._own
        given = context.values.known
        used = (name for name in names_in(document.tree) if name in given and name not in own)
        filled = {name: given[name] for name in used}
        written = insert_known(document.tree, context.values, but=own)
        wrong = context.unknown((), written, "target", "out", document=document, capturing=True)
        tree = context.with_secrets(written)
        entries = frozenset(check_entries(context, document, kind, tree, self._data))
        broken = list(wrong)
        absolute: dict[TreePath, str] = {}
        files: dict[str, EvidenceFile] = {}
        for inner in find_named(kind, tree):
            if not isinstance(inner.mark, NamedPath) or "${" in inner.value:
                continue
            known = inner._replace(value=finish(inner.value))
            found = self._path_of(document, inner.path, known, files, subject="")
            if found is None:
                broken.append(inner.path)
            else:
                absolute[inner.path] = escape(found)
        return Content(
            context=context,
            kind=kind,
            document=document,
            written=written,
            tree=with_values(tree, absolute) if absolute else tree,
            broken=tuple(broken),
            files=files,
            filled=filled,
            entries=entries,
        )


class _Replaced(NamedTuple):
    """What stands for the name of a file."""

    path: TreePath
    tree: Any
    """The content of a document, in template form, or an absolute path."""
    seen: Any
    """The same as it is held against the model of the check."""
    names: frozenset[str] = frozenset()
    """Names in it that get their values later."""
    document: Document | None = None


def _without_fragment(named: NamedPlace) -> tuple[NamedPlace, dict[str, str]]:
    """The place with the path alone, and what stands behind `#`, by its key in the document."""
    key = named.mark.fragment if isinstance(named.mark, NamedDocument) else ""
    path, sign, fragment = named.value.partition("#") if key else (named.value, "", "")
    return named._replace(value=path), {key: fragment} if sign else {}


def _is_later(name: str) -> bool:
    return name.startswith("target.") or name == "out"


def _keep_all(_: str) -> bool:
    return True
