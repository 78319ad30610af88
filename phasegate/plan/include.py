"""Included files: steps, and checks and criteria of the gate, that a plan takes from other files.

What is included stands behind what the plan has itself, in the order of the list, as if it had been written
there: names of files start at the plan's root, and the variables are those of the plan.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from phasegate.base.errors import PlanError
from phasegate.base.fields import Closed, Located
from phasegate.base.tree import TreePath
from phasegate.base.yaml import Document
from phasegate.plan.reading.values import Values, insert_known
from phasegate.plan.text.annotations import keys_of
from phasegate.plan.text.findings import Findings
from phasegate.plan.text.named import Files
from phasegate.plan.text.validation import Place, validate
from phasegate.plan.written.plan import PlanWritten

KEY = "include"
_PLACES: tuple[TreePath, ...] = (("steps",), ("gate", "checks"), ("gate", "criteria"))


class IncludedGateWritten(Closed):
    """What an included file adds to the gate."""

    checks: tuple[Any, ...] = ()
    """Checks that are added to those of the plan's gate."""
    criteria: tuple[Any, ...] = ()
    """Criteria that are added to those of the plan's gate."""


class IncludedWritten(Closed):
    """What a plan takes from another file.

    Steps, checks and criteria are validated where they are put in.
    """

    steps: tuple[Any, ...] = ()
    """Steps that are added behind those of the plan."""
    gate: IncludedGateWritten = IncludedGateWritten()
    """What is added to the plan's gate."""


def with_included(
    document: Document, tree: Located, files: Files, values: Values, findings: Findings
) -> tuple[Document, Located]:
    """The plan with everything that it includes, and the tree of it in which values were put in."""
    grafts = dict(document.grafts)
    tree = Located(((k, v) for k, v in tree.items() if k != KEY), at=tree.at)
    for included in _documents(document, files, findings):
        content = insert_known(included.tree, values)
        for place in _PLACES:
            added = _at(content, place)
            before = _at(tree, place)
            if not isinstance(added, list) or not isinstance(before, list | None):
                continue  # said by who reads the one or the other
            if place[0] == "gate" and not isinstance(tree.get("gate"), Mapping | None):
                continue
            tree = _with(tree, place, [*(before or ()), *added])
            for index in range(len(added)):
                grafts[(*place, len(before or ()) + index)] = (included, (*place, index))
    return replace(document, grafts=grafts), tree


def _documents(document: Document, files: Files, findings: Findings) -> Iterator[Document]:
    """The included files in order; what is wrong with one of them as a whole is reported."""
    written = document.tree.get(KEY)
    if written is not None and not isinstance(written, list):
        findings.add(document, (KEY,), "include must be a list of files")
        return
    seen = {Path(document.file).resolve(): "a plan cannot include itself"}
    for index, name in enumerate(written or ()):
        at: TreePath = (KEY, index)
        if not isinstance(name, str):
            findings.add(document, at, "include names files, relative to the plan's root")
            continue
        if "${" in name:
            help = "what must be true is the same whatever the variables say"
            findings.add(document, at, f"an included file is named without variables: {name!r}", help=help)
            continue
        # A loop of links leads nowhere, which is said when it is read.
        place = files.locate(name) if "\0" in name else Path(os.path.realpath(files.locate(name)))
        if place in seen:
            findings.add(document, at, seen[place])
            continue
        seen[place] = f"{name!r} is included twice"
        included = _read(document, at, name, files, findings)
        if included is not None:
            yield included


def _read(document: Document, at: TreePath, name: str, files: Files, findings: Findings) -> Document | None:
    try:
        included = files.document(name)
    except PlanError as error:
        for problem in error.problems:
            if problem.at is None:
                findings.add(document, at, problem.message)
            else:
                findings.extend([problem])
        return None
    findings.document(included)
    if not isinstance(included.tree, Mapping):
        findings.add(included, (), "an included file is a mapping with steps or gate")
        return None
    foreign = [key for key in keys_of(PlanWritten) if key not in ("steps", "gate") and key in included.tree]
    for key in foreign:
        help = (
            "name that file in the plan: an included file includes nothing"
            if key == KEY
            else "it adds steps, and checks and criteria of the gate; everything else is the plan's"
        )
        findings.add(included, (key,), f"an included file cannot have {key!r}", help=help, key=True)
    silent: list[TreePath] = [(key,) for key in foreign]
    validate(IncludedWritten, included.tree, Place(document=included), findings, silent=silent)
    return included


def _at(tree: Any, place: TreePath) -> Any:
    for key in place:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _with(tree: Any, place: TreePath, value: Any) -> Located:
    """A copy of a mapping with a value put in at a place, mappings on the way there made."""
    key, rest = place[0], place[1:]
    inner = value if not rest else _with(tree.get(key) or {}, rest, value)
    return Located({**tree, key: inner}, at=getattr(tree, "at", None))
