"""Secrets that are not set: where a plan, a script or a compose file uses one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from phasegate.base.remember import remembered
from phasegate.base.substitution import names_in, texts_in

_READS = re.compile(
    # Looked for at each place, for a name may be what stands before the next.
    r"(?=(?:\$\{?|%|(?:__ENV|process\.env)\.|(?:__ENV|ENV|env|environ|getenv|environ\.get)\s*[\[(]\s*['\"])(\w+))"
)
"""The name of a variable, where a shell, k6, Python or Node reads it."""

_FEW = 20
_ASKS = re.compile(r"(?<!\$)(?:\$\$)*\$(?:(\w+)|\{(\w+)(?:\}|:?\?))")
"""A variable that a compose file takes from the environment without a default."""


def missing_in(tree: Any, secrets: Mapping[str, int], scripts: Iterable[str] = ()) -> tuple[str, ...]:
    """Which of some secrets a tree uses: as `${env.NAME}`, or as a variable of the environment of a program,
    which may be one of the `scripts` that the tree names; in the order of their numbers.

    One that `env` of the tree gives another value is none of its environment.
    """
    used = {name.removeprefix("env.") for name in names_in(tree) if name.startswith("env.")}
    given = tree.get("env") if isinstance(tree, Mapping) else None
    read = set(_READS.findall("\n".join(one for _, one in texts_in(tree))))
    for script in scripts:
        fewer, more = sorted((_variables_in(script), secrets), key=len)  # either may be many
        read.update(name for name in fewer if name in more)
    used |= {name for name in read if name not in (given or ())}
    return tuple(sorted((name for name in used if name in secrets), key=secrets.__getitem__))


@remembered
def _variables_in(script: str) -> frozenset[str]:
    """Those that a script reads, which many checks may run."""
    return frozenset(_READS.findall(script))


class Uses(NamedTuple):
    """What something uses of the entries that lack secrets."""

    entries: frozenset[str]
    paths: bool
    """Whether there are paths in it, which are on the default entry."""


class LackingEntries:
    """The entries of the target that lack secrets, and who uses them."""

    def __init__(self, missing: Mapping[str, tuple[str, ...]], netlocs: Mapping[str, str]) -> None:
        """`missing`: the secrets, by the id of the entry; `netlocs`: where those are that is known of."""
        self._missing = missing
        self._numbers = {id: number for number, id in enumerate(missing)}
        self._telling: dict[str, list[str]] = {}
        """The entries by what a text has of them: the variable with their URL, and host and port."""
        for id in missing:
            variable = f"PHASEGATE_TARGET_{id.upper().replace('-', '_')}_URL"
            for word in (variable, *([netlocs[id]] if id in netlocs else ())):
                self._telling.setdefault(word, []).append(id)
        self._lengths = frozenset(map(len, self._telling))

    def __bool__(self) -> bool:
        return bool(self._missing)

    def uses(self, tree: Any) -> Uses:
        """What a tree uses of the entries, by names of `${...}` and by its texts."""
        used: set[str] = set()
        for name in frozenset(names_in(tree)):
            first, *rest = name.split(".")
            ids = (".".join(rest[:end]) for end in range(1, len(rest))) if first == "target" else ()
            used |= {id for id in ids if id in self._missing}
        paths = False
        for _, text in texts_in(tree):
            used |= {id for word in self._words_in(text) for id in self._telling[word]}
            paths = paths or text.startswith("/")
        return Uses(frozenset(used), paths)

    def missing_to(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The secrets that some entries lack."""
        used = sorted({id for id in ids if id in self._missing}, key=self._numbers.__getitem__)
        return tuple(dict.fromkeys(name for id in used for name in self._missing[id]))

    def _words_in(self, text: str) -> Iterator[str]:
        """Of many words, those of one length are looked for by what stands at each place."""
        if len(self._telling) <= _FEW:
            yield from (word for word in self._telling if word in text)
            return
        for size in self._lengths:
            there = (text[at : at + size] for at in range(len(text) - size + 1))
            yield from (word for word in there if word in self._telling)


def variables_of_compose(
    services: Iterable[Mapping[str, Any]], rest: Any, secrets: Iterable[str]
) -> set[str]:
    """Which of some variables a compose file takes from the environment, and has no default for.

    `rest` is what stands beside the services.
    """
    everything = [*services]
    texts = " ".join(text for _, text in texts_in([*everything, rest]))
    passed = {name for service in everything for name in _passed_variables(service.get("environment"))}
    kept = rest.get("secrets") if isinstance(rest, Mapping) else None
    for one in kept.values() if isinstance(kept, Mapping) else ():
        passed |= {str(one.get("environment"))} if isinstance(one, Mapping) else set()
    asked = {found[1] or found[2] for found in _ASKS.finditer(texts)}
    return {name for name in secrets if name in passed or name in asked}


def _passed_variables(environment: Any) -> Iterator[str]:
    """Variables that a service gets as they are: `- NAME`, or `NAME:` without a value."""
    if isinstance(environment, Mapping):
        yield from (name for name, value in environment.items() if value is None)
    elif isinstance(environment, list):
        yield from (one for one in environment if isinstance(one, str) and "=" not in one)
