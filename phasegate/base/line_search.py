"""A pattern searched in lines that may come in pieces."""

from __future__ import annotations

from phasegate.base.patterns import Pattern

OVERLAP = 4096
"""Characters of one piece that are searched once more with the next: what is longer may be missed."""
_WHATEVER = ("a" * 64, " " * 64)
"""What may follow a piece: a match with both does not hang on where the piece ends."""


class LineSearch:
    """Says of each line once whether the pattern matches it."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._before = ""
        self._found = False
        self._cut = False
        """Whether what was kept of earlier pieces begins behind the begin of the line."""

    def finds(self, text: str, *, begins: bool = True, ends: bool = True) -> bool:
        """Whether the line of this piece matches, seen now for the first time.

        Errors: SlowPatternError.
        """
        if begins:
            self._before, self._found, self._cut = "", False, False
        if self._found:
            return False
        whole, start = self._before + text, int(self._cut)  # `^` is where the line begins, not what is kept
        if ends:
            self._found = self._pattern.search(whole, start) is not None
        else:
            self._found = all(self._pattern.search(whole + more, start) for more in _WHATEVER)
        self._cut = self._cut or len(whole) > OVERLAP
        self._before = "" if ends else whole[-OVERLAP:]
        return self._found
