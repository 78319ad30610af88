"""Documents: procedures that are there, complete, linked and reviewed."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Duration, Texts
from phasegate.base.files import find_files, is_there
from phasegate.base.marks import Demand
from phasegate.inspection.finding import Finding, Inspection, Rule
from phasegate.inspection.report import moment_of
from phasegate.inspection.rules import READABLE
from phasegate.inspection.tree import Tree, read_texts
from phasegate.kinds.documents import rules
from phasegate.kinds.documents.commands import Repository, missing_commands
from phasegate.kinds.documents.markdown import Document, Piece, front_matter, read_markdown
from phasegate.kinds.documents.rules import RULES
from phasegate.kinds.inspection import InspectionKind, InspectionParams
from phasegate.world import Command, World, sure_wall

MARKERS = ("TODO", "FIXME", "TBD", "XXX", "lorem ipsum")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DAY = 86_400.0
_REQUIRED = 100
"""Files of one pattern of which one must hold something."""


class DocumentsParams(InspectionParams):
    """Parameters of a check of documents."""

    required: Annotated[Texts, Demand.MUST_BE] = ()
    """Documents that must be there, as paths or globs: `[RUNBOOK.md, docs/rollback.md]`."""
    sections: Annotated[Texts, Demand.MUST_BE] = ()
    """Procedures of which each must be the subject of a heading, in any of the files:
    `[deployment, rollback, on-call]`."""
    markers: Annotated[Texts, Demand.MUST_BE] = MARKERS
    """What must not be left over in the text: words, as they are written; in small letters, in any case."""
    reviewed_within: Annotated[Duration, Field(gt=0), Demand.LESS] | None = None
    """How long ago each document may have been reviewed, by `reviewed: 2026-01-31` in its front matter, or
    else its last commit: `180d`."""

    rules: ClassVar[tuple[Rule, ...]] = RULES


class DocumentsKind(InspectionKind[DocumentsParams]):
    name: ClassVar[str] = "documents"
    Params: ClassVar[type[DocumentsParams]] = DocumentsParams
    example: ClassVar[Mapping[str, Any]] = {
        "files": ["README.md", "docs/**/*.md"],
        "required": ["docs/runbook.md"],
        "sections": ["deployment", "rollback", "on-call"],
        "reviewed_within": "180d",
    }
    objects: ClassVar[str] = "headings"

    async def inspect(self, params: DocumentsParams, tree: Tree, world: World) -> Inspection:
        documents, unreadable = await asyncio.to_thread(_read, tree)
        found, looked = await asyncio.to_thread(inspect_documents, params, documents, tree.root)
        reviews, unproven, n = await _reviews(params, documents, world)
        looked[READABLE] = len(tree.names)
        looked[rules.REVIEWED] = n
        return Inspection(
            files=len(tree.names),
            objects=sum(len(document.headings) for document in documents),
            findings=(*tree.findings, *unreadable, *found, *reviews),
            looked={rule.id: rule.looked(n, of) for rule, n in looked.items() for of in (_COUNTED[rule],)},
            unproven=unproven,
            notes=tree.notes,
        )


_COUNTED = {
    READABLE: "file",
    rules.MISSING: "document",
    rules.SECTION: "procedure",
    rules.EMPTY: "procedure",
    rules.LINK: "link",
    rules.ANCHOR: "link",
    rules.MARKER: "document",
    rules.COMMAND: "command",
    rules.REVIEWED: "document",
}


def _read(tree: Tree) -> tuple[list[Document], list[Finding]]:
    documents, unreadable = [], []
    for one in read_texts(tree):
        if isinstance(one, Finding):
            unreadable.append(one)
            continue
        try:
            documents.append(read_markdown(one.name, one.content))
        except ValueError as error:
            unreadable.append(READABLE.finding(f"{one.name} cannot be read: {error}", file=one.name))
    return documents, unreadable


def inspect_documents(
    params: DocumentsParams, documents: Sequence[Document], root: Path
) -> tuple[list[Finding], dict[Rule, int]]:
    """Everything that files alone show, and how much each rule looked at."""
    links = [(one, link) for one in documents for link in one.links if not _SCHEME.match(link.text)]
    found = [
        *_missing(params.required, root),
        *_sections(params.sections, documents),
        *_links(links, documents, root),
        *_markers(params.markers, documents),
        *_commands(documents, root),
    ]
    looked = {
        rules.MISSING: len(params.required),
        rules.SECTION: len(params.sections),
        rules.EMPTY: len(params.sections),
        rules.LINK: len(links),
        rules.ANCHOR: sum("#" in link.text for _, link in links),
        rules.MARKER: len(documents) if params.markers else 0,
        rules.COMMAND: sum(len(block) for one in documents for block in one.blocks),
    }
    return found, looked


def _missing(required: Sequence[str], root: Path) -> Iterator[Finding]:
    for name in required:
        if not any(path.stat().st_size for path in find_files(root, name, _REQUIRED).files):
            yield rules.MISSING.finding(name, place=name)


def _sections(sections: Sequence[str], documents: Sequence[Document]) -> Iterator[Finding]:
    for section in sections:
        wanted = re.compile(rf"(?<!\w){re.escape(section)}(?:e?s)?(?!\w)", re.IGNORECASE)
        named = [(one, head) for one in documents for head in one.headings if wanted.search(head.text)]
        if not named:
            yield rules.SECTION.finding(section, place=section)
        elif all(heading.empty for _, heading in named):
            document, heading = named[0]
            yield rules.EMPTY.finding(heading.text, file=document.name, line=heading.line, place=section)


def _links(
    links: Sequence[tuple[Document, Piece]], documents: Sequence[Document], root: Path
) -> Iterator[Finding]:
    by_name = {document.name: document for document in documents}
    for document, link in links:
        path, _, anchor = link.text.partition("#")
        path = path.partition("?")[0]
        folder = "" if path.startswith("/") else posixpath.dirname(document.name)
        target = posixpath.normpath(posixpath.join(folder, path.lstrip("/"))) if path else document.name
        if target.startswith("../") or not is_there(root / target):
            yield rules.LINK.finding(path, file=document.name, line=link.line, place=link.text)
        elif anchor and target in by_name and anchor.lower() not in by_name[target].anchors | {"top"}:
            yield rules.ANCHOR.finding(anchor, target, file=document.name, line=link.line, place=link.text)


def _markers(markers: Sequence[str], documents: Sequence[Document]) -> Iterator[Finding]:
    if not markers:
        return
    # In small letters it may begin a sentence; TODO in small letters is a word of Spanish.
    words = (f"(?i:{re.escape(one)})" if one.islower() else re.escape(one) for one in markers)
    pattern = re.compile("|".join(rf"\b{word}\b" for word in words))
    for document in documents:
        for piece in document.texts:
            if left := pattern.search(piece.text):
                yield rules.MARKER.finding(left[0], file=document.name, line=piece.line, place=left[0])


def _commands(documents: Sequence[Document], root: Path) -> Iterator[Finding]:
    repository = Repository(root)
    for document in documents:
        for piece, missing in missing_commands(document, repository):
            yield rules.COMMAND.finding(missing, file=document.name, line=piece.line, place=missing)


async def _reviews(
    params: DocumentsParams, documents: Sequence[Document], world: World
) -> tuple[list[Finding], dict[str, Message], int]:
    """Documents that nobody reviewed lately, and those of which nobody can say."""
    if params.reviewed_within is None:
        return [], {}, 0
    now = sure_wall(world.clock)
    found: list[Finding] = []
    unproven: dict[str, Message] = {}
    for document in documents:
        written = "reviewed" in front_matter(document)
        reviewed = _written_date(document) if written else await _committed(document.name, world)
        age = None if now is None or reviewed is None else (now - reviewed).total_seconds()
        if age is None or age < -_DAY:
            unproven[f"{rules.REVIEWED.id}/{document.name}"] = fact(Code.NO_REVIEW, path=document.name)
        elif age > params.reviewed_within:
            found.append(rules.REVIEWED.finding(int(age // _DAY), file=document.name))
    return found, unproven, len(documents) - len(unproven)


def _written_date(document: Document) -> datetime | None:
    written = front_matter(document).get("reviewed")
    if isinstance(written, datetime):
        return written if written.tzinfo else written.replace(tzinfo=UTC)
    if isinstance(written, date):
        return datetime(written.year, written.month, written.day, tzinfo=UTC)
    try:
        found = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC) if found else None


async def _committed(name: str, world: World) -> datetime | None:
    """When git says that it was last changed. The oldest commit of a shallow clone holds what all before it
    changed, so it says nothing."""
    line = await _git(world, "log", "-1", "--format=%cI %P", "--", f":(literal){name}")
    moment, _, parents = line.partition(" ")
    if not parents and await _git(world, "rev-parse", "--is-shallow-repository") != "false":
        return None
    return moment_of(moment)


async def _git(world: World, *arguments: str) -> str:
    """What git says; nothing where it fails."""
    argv = ("git", "-c", "core.fsmonitor=false", *arguments)
    completed = await world.processes.run(Command(argv=argv, cwd=world.root, limit=30.0))
    return completed.stdout.decode(errors="replace").strip() if completed.exit_code == 0 else ""
