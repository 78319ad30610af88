"""Markdown as a check looks at it: headings, links, text and code, each with its line; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from phasegate.base.dataclass import dataclass

LONGEST = 20_000
"""Characters of a paragraph."""
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_KEY = re.compile(r"[\w\"'][^:#]*:(?:\s|$)")
_EXPLICIT = re.compile(r"\{#([\w-]+)\}\s*$")
_HTML_ID = re.compile(r"<[a-z][^>]*\s(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_DOCUMENT = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")
"""What begins a here-document."""
_NOT_IN_SLUG = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    text: str
    level: int
    line: int
    anchor: str
    empty: bool
    """Whether nothing stands below it before the next heading that is not below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A link, a text, or a line of code, and where it stands."""

    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    name: str
    headings: tuple[Heading, ...]
    anchors: frozenset[str]
    links: tuple[Piece, ...]
    """Where links and pictures lead, percent-decoding undone."""
    texts: tuple[Piece, ...]
    """What is read, code left out."""
    blocks: tuple[tuple[Piece, ...], ...]
    """Code blocks that a shell runs, as lines; one that goes on is one, without its here-documents."""
    front: str
    """The text of its front matter."""


SHELLS = frozenset({"sh", "bash", "shell", "console", "zsh", "shell-session"})


def read_markdown(name: str, content: str) -> Document:
    """A document by CommonMark, tables and front matter included.

    Errors: ValueError where a paragraph is so long that it would take minutes.
    """
    from markdown_it import MarkdownIt

    front, body, above = split_front_matter(content.replace("\r\n", "\n"))
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.before("inline", "limit", _refuse_long)
    tokens = parser.parse(body)
    headings = tuple(_headings(tokens, above))
    links, texts = _inline(tokens, above)
    ids = {match for token in tokens for match in _HTML_ID.findall(_html(token))}
    return Document(
        name=name,
        headings=headings,
        anchors=frozenset({heading.anchor for heading in headings} | ids),
        links=tuple(links),
        texts=tuple(texts),
        blocks=tuple(_blocks(tokens, above)),
        front=front,
    )


def split_front_matter(content: str) -> tuple[str, str, int]:
    """The front matter of a document, what comes after it, and how many lines stand above that."""
    found = _FRONT.match(content)
    if found and not _has_only_keys(found[1]):  # a line across at the top, and another one later
        found = None
    end = found.end() if found else 0
    return found[1] if found else "", content[end:], content.count("\n", 0, end)


def _has_only_keys(front: str) -> bool:
    """Whether front matter is keys with values, and lists below keys, as YAML has them."""
    above = ""
    for line in front.split("\n"):
        if not line.strip() or line[0] in " \t#]}":
            continue
        is_item = line.startswith("- ") and (above.rstrip().endswith(":") or above.startswith("- "))
        if not is_item and not _KEY.match(line):
            return False
        above = line
    return True


def _refuse_long(state: Any) -> None:
    """Errors: ValueError for a paragraph that is too long; brackets in it take time by its square."""
    for token in state.tokens:
        if token.type == "inline" and len(token.content) > LONGEST:
            raise ValueError(f"a paragraph has more than {LONGEST:,} characters")


def _line(token: Any, above: int) -> int:
    return (token.map[0] if token.map else 0) + above + 1


def _headings(tokens: Sequence[Any], above: int) -> Iterator[Heading]:
    seen: Counter[str] = Counter()
    opens = [number for number, token in enumerate(tokens) if token.type == "heading_open"]
    for number in opens:
        token, inline = tokens[number], tokens[number + 1]
        written = inline.content
        explicit = _EXPLICIT.search(written)
        text = _plain(inline)
        anchor = explicit[1] if explicit else _slug(text)
        seen[anchor] += 1
        if seen[anchor] > 1 and not explicit:
            anchor = f"{anchor}-{seen[anchor] - 1}"
        level = int(token.tag[1:])
        empty = _is_empty(tokens, number + 3, level)
        yield Heading(text=text, level=level, line=_line(token, above), anchor=anchor, empty=empty)


def _is_empty(tokens: Sequence[Any], start: int, level: int) -> bool:
    """Whether nothing but headings, lines and comments comes before the next heading that is not below."""
    within = False
    for number in range(start, len(tokens)):
        token = tokens[number]
        if token.type == "heading_open":
            if int(token.tag[1:]) <= level:
                return True
            within = True
        elif token.type == "heading_close":
            within = False
        elif token.content and not within and _COMMENT.sub("", token.content).strip():
            return False
    return True


def _plain(inline: Any) -> str:
    """The text of a heading, without marks."""
    pieces = [child.content for child in inline.children or () if child.type in ("text", "code_inline")]
    return _EXPLICIT.sub("", "".join(pieces)).strip()


def _slug(text: str) -> str:
    """As GitHub and GitLab make anchors of headings."""
    return _NOT_IN_SLUG.sub("", text.lower()).strip().replace(" ", "-")


def _inline(tokens: Sequence[Any], above: int) -> tuple[list[Piece], list[Piece]]:
    links: list[Piece] = []
    texts: list[Piece] = []
    for token in tokens:
        line = _line(token, above)
        for child in token.children or () if token.type == "inline" else ():
            if child.type in ("softbreak", "hardbreak"):
                line += 1
            elif child.type == "text":
                texts.append(Piece(text=child.content, line=line))
            elif child.type in ("link_open", "image"):
                target = child.attrGet("href" if child.type == "link_open" else "src") or ""
                links.append(Piece(text=unquote(str(target)), line=line))
    return links, texts


def _html(token: Any) -> str:
    parts = [token.content] if token.type == "html_block" else []
    parts += [child.content for child in token.children or () if child.type == "html_inline"]
    return "".join(parts)


def _blocks(tokens: Sequence[Any], above: int) -> Iterator[tuple[Piece, ...]]:
    for token in tokens:
        language = token.info.split(" ")[0].lower() if token.type == "fence" else ""
        if language in SHELLS:
            yield tuple(_commands(token.content.splitlines(), _line(token, above) + 1))


def _commands(lines: Sequence[str], first: int) -> Iterator[Piece]:
    prompted = any(line.startswith("$ ") for line in lines)
    rest = iter(enumerate(lines, start=first))
    for number, line in rest:
        text = line.removeprefix("$ ")
        if (prompted and text is line) or not text.strip() or text.lstrip().startswith("#"):
            continue
        while text.endswith("\\"):
            text = text[:-1] + next(rest, (0, ""))[1].removeprefix("> ")
        ends = _DOCUMENT.findall(text)
        for _, following in rest if ends else ():
            if following.strip() == ends[0] and not (ends := ends[1:]):
                break
        yield Piece(text=_DOCUMENT.sub(" ", text), line=number)


def front_matter(document: Document) -> Mapping[str, Any]:
    """The front matter as YAML; nothing where it is none."""
    import yaml

    try:
        tree = yaml.safe_load(document.front) if document.front else None
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return tree if isinstance(tree, Mapping) else {}
