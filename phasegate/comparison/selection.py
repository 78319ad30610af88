"""Arguments for a program: which of them leave something out, or try again what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phasegate.comparison.change import GONE, NEW, Change, Subject


def changes(
    subject: Subject, aspect: str, before: Sequence[str], after: Sequence[str], narrowing: frozenset[str]
) -> Iterator[Change]:
    """What became of the arguments. An expression that is another one may leave out anything: weaker.

    `narrowing`: options that leave something out, or try again what failed.
    """
    old, new = _parse_arguments(before, narrowing), _parse_arguments(after, narrowing)
    for name in dict.fromkeys(name for name, _ in (*old, *new)):
        olds = [value for other, value in old if other == name]
        news = [value for other, value in new if other == name]
        fewer = [value for value in olds if value not in news]
        more = [value for value in news if value not in olds]
        if not fewer and not more:
            continue
        texts = " ".join(fewer) or NEW, " ".join(more) or GONE
        if not name:
            yield subject.different(aspect, *texts)
        elif more:
            yield subject.weaker(f"{aspect} {name}", *texts)
        else:
            yield subject.stronger(f"{aspect} {name}", *texts)


def _parse_arguments(arguments: Sequence[str], narrowing: frozenset[str]) -> list[tuple[str, str]]:
    """(option, its value); for what is not an option that matters here the option is empty."""
    found: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if name in narrowing and sign:
            found.append((name, value))
        elif word in narrowing:
            found.append((word, rest.pop(0) if rest else ""))
        elif word[:2] in narrowing and len(word) > 2:
            found.append((word[:2], word[2:]))
        else:
            found.append(("", word))
    return found
