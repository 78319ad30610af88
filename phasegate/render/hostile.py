"""Message and paths from a target, made fit for a report: visible, bounded, and never a link to elsewhere."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from phasegate.base.facts import Message
from phasegate.render.sentences import sentence
from phasegate.render.words import visible

LONGEST = 20_000
"""Characters of one text that a report shows; more is in the evidence."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NOT_IN_ANCHORS = re.compile(r"[^A-Za-z0-9_.-]+")
_NOT_XML = re.compile("[\ufffe\uffff]")
_SAVED_NOT_SHOWN = (".htm", ".html", ".mhtml", ".shtml", ".svg", ".xht", ".xhtml", ".xml")


def show(text: str, limit: int = LONGEST) -> str:
    """The text without terminal colours, control characters visible, at most about `limit` characters."""
    # Nearly every text is plain; asking first makes a report of 10,000 cases several times faster.
    if len(text) <= limit and text.isprintable():
        return text
    text = clip(text, limit)
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return visible(_COLOUR.sub("", text))


def clip(text: str, limit: int) -> str:
    """The beginning of a text, saying how much is left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def excerpt(text: Message, *, lines: int, width: int) -> str:
    """The first lines of a text, each at most `width` characters, saying what is left out."""
    everything = show(sentence(text).strip("\n")).splitlines()
    kept = [line if len(line) <= width else f"{line[: width - 1]}…" for line in everything[:lines]]
    if len(everything) > lines:
        kept.append(f"… {len(everything) - lines:,} more lines")
    return "\n".join(kept)


def first_line(text: Message, width: int = 200) -> str:
    """The first line that says something."""
    if not text:
        return ""
    line = next((line.strip() for line in show(sentence(text)).splitlines() if line.strip()), "")
    return line if len(line) <= width else f"{line[: width - 1]}…"


def xml_text(text: str, limit: int = LONGEST) -> str:
    """As `show`, and without the two code points that XML 1.0 forbids beside control characters."""
    if len(text) <= limit and text.isprintable():
        return text
    return _NOT_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", show(text, limit))


def evidence_href(path: str) -> str | None:
    """A link to a file below the run's folder; None for anything that could lead elsewhere."""
    pieces = path.split("/")
    if not path or "\\" in path or any(piece in ("", ".", "..") for piece in pieces):
        return None
    return quote(path, safe="/", errors="replace")


def is_download(path: str) -> bool:
    """Whether a browser would run what the target put in such a file, so that it is saved and not opened."""
    return path.lower().endswith(_SAVED_NOT_SHOWN)


def anchor(prefix: str, *names: str) -> str:
    """An id for an element, the same for the same names and different for different ones."""
    written = "/".join(names)
    plain = _NOT_IN_ANCHORS.sub("-", written)[:60]
    if plain == written:
        return f"{prefix}-{plain}"
    # Two different texts may look the same once cleaned.
    digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{prefix}-{plain}-{digest}"
