"""Lines that a CI system takes for commands, made harmless."""

from __future__ import annotations

import re

_LINE_BEGIN = (
    r"(?:\A|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029])"
    r"(?:[^\S\n\r]|\x1b\[[0-?]*[ -/]*[@-~]|[\ufeff\u200b-\u200f])*"
)
"""With what may stand before a command: spaces, colours, what nobody sees."""
_OBEYED = re.compile(
    rf"(?P<github>{_LINE_BEGIN}:):|(?P<azure>##[A-Za-z]*)\[|(?P<gitlab>section_(?:start|end)|travis_[a-z]+):"
)
"""Lines that a CI system obeys. GitHub obeys `::` after spaces, Azure `##vso[` and TeamCity `##teamcity[`
anywhere; the first that makes it a command is left to be replaced, for it is what comes last."""
_LONGEST_BEGIN = 512


def disarm(text: str, line: str = "") -> str:
    """The text with nothing in it that a CI system would obey, and otherwise as it is.

    In JSON and XML the character is written in another way, so that a reader gets the same. `line`: what
    stands on the line before the text, if anything.
    """
    if ":" not in text and "[" not in text:
        return text
    whole = line + text
    kind, end = text.lstrip()[:1], text.rstrip()[-1:]
    write = "\\x{:02x}"
    if not line and kind + end in ("{}", "[]"):
        write = "\\u{:04x}"
    elif not line and kind + end == "<>":
        write = "&#{};"
    return _OBEYED.sub(lambda match: match[0][:-1] + write.format(ord(match[0][-1])), whole)[len(line) :]


def line_begun(text: str, line: str = "") -> str:
    """What stands on the last line of a text, for the next `disarm`: where it is long, only its end, as
    nothing that begins a line."""
    begun = (line + text).splitlines(keepends=True)[-1:]
    last = "" if not begun or begun[0].splitlines()[0] != begun[0] else begun[0]
    return last if len(last) <= _LONGEST_BEGIN else f"x{last[-_LONGEST_BEGIN // 2 :]}"
