"""A document in, the text of a plan and an account of its lines out."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import UsageError
from phasegate.base.files import about, printable, read_regular
from phasegate.base.units import Dimension, format_value
from phasegate.base.yaml import MAX_BYTES
from phasegate.cli.markdown_starter.draft import Draft, draft_of
from phasegate.cli.markdown_starter.outline import LINES, Outline, read_outline
from phasegate.cli.markdown_starter.suggestions import Suggestion, suggestions
from phasegate.cli.markdown_starter.text import text_of

MOST_LINES = 100_000
"""Lines of a document; to read so many takes some seconds."""
_MOST_NAMED = 8
"""Lines or headings that the account names of one sort; all stand in the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    text: str
    """The plan."""
    account: tuple[str, ...]
    """What became of the lines of the document, for people."""


def starter_of(file: Path) -> Starter:
    """Errors: UsageError for what is no document, or too large for a plan."""
    content = _read(file)
    if content.count("\n") > MOST_LINES:
        raise UsageError(f"{file} has more than {MOST_LINES:,} lines", help="split the document")
    try:
        outline = read_outline(content)
    except ValueError as error:
        raise UsageError(f"{file}: {error}", help="flatten the list, or split the document") from error
    if not outline.pieces:
        raise UsageError(
            f"{file} has no text to make a plan of", help="name a document with headings and lists"
        )
    draft = draft_of(outline, file.stem)
    text = text_of(draft, file.name, file.stem)
    if len(text.encode()) > MAX_BYTES:
        limit = format_value(MAX_BYTES, Dimension.SIZE)
        raise UsageError(f"the plan of {file} would be larger than {limit}", help="split the document")
    return Starter(text=text, account=tuple(_account(file.name, outline, draft)))


def _read(file: Path) -> str:
    try:
        content = read_regular(file, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(about(str(file), error), help="name a Markdown file that can be read") from error
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no text in UTF-8", help=f"iconv -t UTF-8 {file} makes one") from error


def _account(name: str, outline: Outline, draft: Draft) -> Iterator[str]:
    lines = sum(piece.kind in LINES for piece in outline.pieces)
    shown = f"{printable(name)}: {_count(lines, 'line')} (list items, rows of tables, check marks)"
    yield f"{shown}, in {_count(len(draft.steps), 'step')}"
    yield "  kept as " + (
        ", ".join(f"{place} {count:,}" for place, count in draft.places.items() if count) or "-"
    )
    by: dict[tuple[Suggestion, ...], list[int]] = {}
    for entry in draft.entries():
        by.setdefault(suggestions(entry.text), []).append(entry.line)
    judged = [(found, where) for found, where in by.items() if found]
    for title, with_criterion in (
        ("a criterion", True),
        ("a kind, once a line says what must be true", False),
    ):
        rows = [(found, where) for found, where in judged if bool(found[0].criterion) is with_criterion]
        if rows:
            yield f"  {sum(len(where) for _, where in rows):,} could be judged by {title}"
            for found, where in sorted(rows, key=lambda row: (-len(row[1]), row[0])):
                yield f"    {'; '.join(map(str, found))}: {_listed('line', map(str, sorted(where)))}"
    if () in by:
        yield f"  {len(by[()]):,} without a suggestion: {_listed('line', map(str, sorted(by[()])))}"
    if draft.unknown:
        headings = _listed("heading", (f'"{printable(title)}"' for title in draft.unknown))
        yield f"  made steps, as phasegate knows no other meaning: {headings}"
    if draft.prose:
        yield f"  prose, as comments at the end of the plan: {_count(len(draft.prose), 'line')}"
    if outline.secrets:
        yield f"  secrets were left out: {_listed('line', map(str, outline.secrets))}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _listed(word: str, names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_NAMED:,} more" if len(every) > _MOST_NAMED else ""
    return f"{word if len(every) == 1 else f'{word}s'} {', '.join(every[:_MOST_NAMED])}{more}"
