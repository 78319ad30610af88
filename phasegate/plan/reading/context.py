"""What the parts of one load share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError
from phasegate.base.fields import Located
from phasegate.base.files import is_folder
from phasegate.base.substitution import finish, insert_values, texts_in
from phasegate.base.tree import TreePath, is_plain, path_text, replace_at, value_at
from phasegate.base.yaml import Document
from phasegate.http.addresses import TargetAddresses
from phasegate.kinds.base import Kind, Requirement
from phasegate.model.criterion import Level
from phasegate.plan.asked.entries import PlanCommand, Tls
from phasegate.plan.asked.plan import FlakyBudget
from phasegate.plan.reading.addressable import Addressable
from phasegate.plan.reading.lacking import LackingEntries, Uses, missing_in
from phasegate.plan.reading.requirements import requirement
from phasegate.plan.reading.values import Values, report_unknown
from phasegate.plan.text.findings import Findings, Unread
from phasegate.plan.text.named import Files, find_named
from phasegate.plan.text.validation import Place
from phasegate.plan.written.plan import (
    CommandWritten,
    FlakyWritten,
    Requirements,
    RetryWritten,
    TlsWritten,
    is_id,
)

MOST_READ = 24_000_000
"""What the parameters of all checks may come to, and the plan with all of its environments: see `Effort`."""
Confidence = float | Literal["none"] | None
"""As written; None where nothing is."""


class Effort:
    """What has been read of a plan's checks, in characters by `size_of`."""

    size = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The plan's document with everything that its parts are read against."""

    document: Document
    kinds: Mapping[str, Kind[Any]]
    values: Values
    files: Files
    findings: Findings
    entries: Addressable
    """The ids of the target's entries: what `${target.<id>.url}` may name."""
    located: frozenset[str] = frozenset()
    """Those of them whose addresses are known before the run."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Stand-ins for the target's addresses, until the real ones are known."""
    places: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """The hosts of those addresses, with their ports."""
    target: TargetAddresses = field(default_factory=lambda: TargetAddresses(()))
    """The entries with their credentials, at those addresses."""
    default_entry: str | None = None
    timeout: Any = None
    """The default timeout, as written."""
    retry: RetryWritten = field(default_factory=RetryWritten)
    confidence: float | None = 0.95
    missing_everywhere: tuple[str, ...] = ()
    """Secrets without which the target cannot be brought up."""
    lacking: LackingEntries = field(default_factory=lambda: LackingEntries({}, {}))
    """The entries that lack secrets."""
    flaky: FlakyBudget | None = None
    """The plan's budget."""
    effort: Effort = field(default_factory=Effort)
    contents: dict[Hashable, Any] = field(default_factory=dict)
    """What the files that checks name say, as they were read: many checks may name one."""

    @property
    def root(self) -> Path:
        return self.files.root

    def place(self, path: TreePath, subject: str) -> Place:
        return Place(document=self.document, path=path, subject=subject)

    def spend(self, path: TreePath, size: int) -> None:
        """Count what is about to be read. Errors: PlanError where that is too much."""
        self.effort.size += size
        if self.effort.size > MOST_READ:
            message = (
                f"what checks say, with each entry of 'each', comes to more than {MOST_READ:,} characters"
            )
            self.findings.add(self.document, path, message, help="use fewer checks, or fewer entries")
            raise PlanError(self.findings.problems)

    def unknown(
        self,
        path: TreePath,
        tree: Any,
        *allowed: str,
        document: Document | None = None,
        capturing: bool = False,
    ) -> tuple[TreePath, ...]:
        """Report the names of a tree that get no value. Shape: where they stand, below `path`."""
        return report_unknown(
            document or self.document,
            path,
            tree,
            self.values,
            self.findings,
            allowed=frozenset(allowed),
            entries=self.entries,
            capturing=capturing,
        )

    def settled(self, path: TreePath, tree: Any) -> tuple[Any, tuple[TreePath, ...]]:
        """A tree in which everything must be known by now, and the places where it is not."""
        if is_plain(tree):
            return tree, ()
        wrong = self.unknown(path, tree)
        return finish(self.with_secrets(tree)), wrong

    def with_secrets(self, tree: Any) -> Any:
        """Put in the secrets that are set; the names of the others stay."""
        secrets = self.values.secret_values
        return insert_values(tree, secrets, keep=lambda _: True) if secrets else tree

    def leave_unread(self, path: TreePath, name: str, *parts: Any) -> None:
        """Take note of what is left out because of values that are not read; `parts`: all that it says."""
        if not self.values.withheld or self.values.elsewhere:
            return
        text = json.dumps(parts, sort_keys=True, default=str).replace(f"{self.root}{os.sep}", "")
        self.findings.unread.append(Unread(name, text))
        message = f"{name} is left out: it uses values of the environment that this command does not read"
        self.findings.add(self.document, path, message, warning=True)

    def refuse_unread(self, path: TreePath, tree: Any, places: Iterable[TreePath]) -> None:
        """Report values that are not read where nothing can be left out."""
        for place in places:
            if self.values.withholds(value_at(tree, place)):
                message = (
                    f"{path_text(place)!r} needs a value of the environment, which this command does not read"
                )
                help = "write the value here, or a variable that --set gives another"
                self.findings.add(self.document, (*path, *place), message, help=help)

    def missing_in(self, tree: Any) -> tuple[str, ...]:
        """Names of the secrets that a tree uses and that are not set."""
        missing = self.values.missing_secrets
        return (
            missing_in(tree, missing, self.files.texts(text for _, text in texts_in(tree))) if missing else ()
        )

    def missing_by_use(self, tree: Any, *more: Uses, by_address: bool, acted_on: str = "") -> tuple[str, ...]:
        """Names of the secrets that the entries lack which a tree uses, or what it names does: `more`.

        `by_address` as a kind has it; `acted_on` is an entry that something is done to.
        """
        if not self.lacking:
            return ()
        everything = (self.lacking.uses(tree), *more)
        ids = {acted_on}.union(*(one.entries for one in everything))
        if self.default_entry is not None and (not by_address or any(one.paths for one in everything)):
            ids.add(self.default_entry)
        return self.lacking.missing_to(ids)

    def commands(self, path: TreePath, written: tuple[Any, ...]) -> tuple[PlanCommand, ...]:
        """Commands of `setup` and `teardown`; their texts stay in template form."""
        return tuple(self._command((*path, index), one) for index, one in enumerate(written))

    def _command(self, path: TreePath, one: CommandWritten | tuple[str, ...]) -> PlanCommand:
        at = self.document.value_at(path)
        if isinstance(one, CommandWritten):
            argv, env, limit, inside = one.command, one.env, one.limit, one.in_
            cwd = self.folder((*path, "cwd"), one.cwd)
            self.check_service((*path, "in"), inside)
        else:
            argv, env, limit, cwd, inside = one, {}, 600.0, self.root, ""
        return PlanCommand(argv=argv, env=env, cwd=cwd, limit=limit, inside=inside, at=at)

    def requirements(self, path: TreePath, written: Requirements) -> tuple[Requirement, ...]:
        """Of the `requires` of something at a path; services that are named and not there are reported."""
        found = tuple(requirement(one) for one in written)
        for index, one in enumerate(found):
            self.check_service((*path, "requires", index, "in"), one.inside)
        return found

    def check_service(self, path: TreePath, name: str, *, subject: str = "") -> None:
        """Report a service in whose container something is to run, and that is not there; none: no name."""
        wrong = self.entries.wrong_with_service(name) if name and "${" not in name else None
        if wrong is not None:
            message, help = wrong
            self.findings.add(self.document, path, f"{subject}{message}", help=help)

    def folder(self, path: TreePath, name: str) -> Path:
        """A working folder, relative to the root; reported when it is not there."""
        where = self.files.locate(finish(name)) if name else self.root
        if name and not self.values.withholds(name) and not is_folder(where):
            self.findings.add(self.document, path, f"there is no folder {name!r}")
        return where


def budget_of(context: Context, path: TreePath, written: FlakyWritten | None) -> FlakyBudget | None:
    """The budget written at `path`, if any."""
    if written is None:
        return None
    level = Level.BLOCK if written.policy == "fail" else Level.WARN
    return FlakyBudget(most=written.max, level=level, at=context.document.value_at((*path, "flaky")))


def pick_keys(tree: Mapping[str, Any], keys: frozenset[str]) -> Located:
    """The part of a mapping with some keys."""
    return Located({k: v for k, v in tree.items() if k in keys}, at=getattr(tree, "at", None))


def confidence_of(*written: Confidence, otherwise: float | None) -> float | None:
    """The first that is written; None for `none`."""
    for one in written:
        if one is not None:
            return None if one == "none" else float(one)
    return otherwise


def with_files(
    context: Context, path: TreePath, model: Any, tree: Any, made: Callable[[str], bool] = lambda _: False
) -> Any:
    """The tree of an entry with the files that it names looked for and made absolute.

    One that is `made` during the run need not be there yet.
    """
    if not isinstance(tree, Located):
        return tree
    for named in list(find_named(model, tree)):
        name = finish(named.value)
        if missing_in(name, context.values.missing_secrets) or context.values.withholds(named.value):
            continue
        wrong = context.files.wrong_with(name, folder_allowed=False)
        later = made(name) and context.files.is_missing(name)
        if wrong is not None and not later and not context.values.elsewhere:
            context.findings.add(context.document, (*path, *named.path), wrong)
        tree = replace_at(tree, named.path, str(context.files.locate(name)))
    return tree


def tls_of(written: TlsWritten) -> Tls:
    return Tls(ca=written.ca, cert=written.cert, key=written.key)


def address(id: str, url: str) -> dict[str, str]:
    """`target.<id>.url|host|port` of an entry; where its id is none, which is told by others, of any."""
    parts = urlsplit(url if is_id(id) else "http://unknown")
    return {
        f"target.{id}.url": url.rstrip("/"),
        f"target.{id}.host": parts.hostname or id,
        f"target.{id}.port": str(parts.port or (443 if parts.scheme == "https" else 80)),
    }
