"""Arguments for pytest: which of them leave tests out, or run failed ones again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phasegate.guard.change import GONE, NEW, Change, Subject

_NARROWING = frozenset({"-m", "-k", "--deselect", "--ignore", "--ignore-glob", "--reruns", "--only-rerun"})
"""With one of these more, fewer tests run, or a failure is tried again."""
_SHORT = ("-m", "-k")


def changes(subject: Subject, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    """What became of the arguments. An expression that is another one may leave out anything: weaker."""
    old, new = _parsed(before), _parsed(after)
    for name in dict.fromkeys(name for name, _ in (*old, *new)):
        olds = [value for other, value in old if other == name]
        news = [value for other, value in new if other == name]
        fewer = [value for value in olds if value not in news]
        more = [value for value in news if value not in olds]
        if not fewer and not more:
            continue
        texts = " ".join(fewer) or NEW, " ".join(more) or GONE
        if name not in _NARROWING:
            yield subject.different(f"args {name}".rstrip(), *texts)
        elif more:
            yield subject.weaker(f"args {name}", *texts)
        else:
            yield subject.stronger(f"args {name}", *texts)


def _parsed(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """(option, its value); for what is no option that matters here the option is empty."""
    found: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if name in _NARROWING and sign:
            found.append((name, value))
        elif word in _NARROWING:
            found.append((word, rest.pop(0) if rest else ""))
        elif word[:2] in _SHORT and not word.startswith("--") and len(word) > 2:
            found.append((word[:2], word[2:]))
        else:
            found.append(("", word))
    return found
