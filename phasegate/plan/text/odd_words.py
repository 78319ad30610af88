"""`True`, `~` and nothing at all, where text may be asked for: what is sent would not be what stands there.

Numbers remember how they were written, true, false and null cannot. So another word for them is refused where
it may end up in text; where it can only be the value, it is as good as the usual one.
"""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.base.tree import TreePath
from phasegate.base.yaml import Document

_EITHER = frozenset({"variables", "each"})
"""What is written below is put in anywhere: into text, and into JSON."""
_TEXT = frozenset(
    {"headers", "query", "form", "multipart", "env", "command", "args", "body", "content", "output"}
)
_VALUE = frozenset({"json", "schema", "exists"})


def odd_words(document: Document, within: TreePath = ()) -> Iterator[tuple[TreePath, str, str]]:
    """Their places, what is wrong with each, and what would be right. `within`: where the document stands."""
    for path, word in document.odd:
        steps = set[str | int]()
        for step in (*within, *path):
            if step in _VALUE:
                break
            steps.add(step)
        else:
            if steps & _EITHER or (steps & _TEXT and _usual(word) != "null"):
                yield path, *explain_word(word)


def explain_word(word: str) -> tuple[str, str]:
    """What is wrong with an odd word, and what would be right."""
    usual = _usual(word)
    message = f"{word} may be text or {usual} here" if word else "nothing is written here: text or null?"
    return message, f"write {usual}, or quote it if it is text: {word!r}"


def _usual(word: str) -> str:
    return word.lower() if word.lower() in ("true", "false") else "null"
