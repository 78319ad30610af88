"""The documents as tests read them: pages, their code blocks, links, headings and marked tables.

What a page shows is tried by `test_examples` and `test_commands`:

    ```yaml title="gate.yaml"     a file: it lies in the folder in which the commands of the page run
    ```console                    commands behind `$ `, run in order; what is below each is in its output, and
                                  an … in it stands for anything
    ```sh                         commands that are not run; each `phasegate` command has to be one
    ```yaml                       without a title, a piece of a plan or a suite: it has to load
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
_FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE
)
_ANY_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of code."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """The README and every page of the documents."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=name_of(page),
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            title=match["title"] or "",
            text=match["text"],
        )
        for match in _FENCE.finditer(text)
    ]


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.language in languages]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _ANY_BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub and MkDocs make them."""
    return {_slug(heading) for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)}


def _slug(heading: str) -> str:
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower())


def tables(page: Path, marker: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The tables between `<!-- MARKER NAME -->` and `<!-- /MARKER -->`: name, and cells without the head."""
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(rf"<!-- {marker}(?: (\S+))? -->\n(.*?)<!-- /{marker} -->", text, re.DOTALL):
        rows = [line for line in match[2].splitlines() if line.startswith("|")]
        yield match[1] or "", [[cell.strip() for cell in _cells(row)] for row in rows[2:]]


def table(page: Path, marker: str) -> list[list[str]]:
    """The only table with a marker."""
    found = list(tables(page, marker))
    assert len(found) == 1, f"{name_of(page)} has {len(found)} tables marked {marker!r}"
    return found[0][1]


def _cells(row: str) -> list[str]:
    return [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]
