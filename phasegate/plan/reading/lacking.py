"""Secrets that are not set: where a plan, a script or a compose file uses one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from phasegate.base.substitution import names_in, texts_in

_READS = re.compile(
    # Looked for at each place, for a name may be what stands before the next.
    r"(?=(?:\$\{?|%|(?:__ENV|process\.env)\.|(?:__ENV|ENV|env|environ|getenv|environ\.get)\s*[\[(]\s*['\"])(\w+))"
)
"""The name of a variable, where a shell, k6, Python or Node reads it."""


def missing_in(tree: Any, secrets: Mapping[str, int], scripts: Iterable[str] = ()) -> tuple[str, ...]:
    """Which of some secrets a tree uses: as `${env.NAME}`, or as a variable of the environment of a program,
    which may be one of the `scripts` that the tree names; in the order of their numbers.

    One that `env` of the tree gives another value is none of its environment.
    """
    used = {name.removeprefix("env.") for name in names_in(tree) if name.startswith("env.")}
    given = tree.get("env") if isinstance(tree, Mapping) else None
    text = "\n".join((*(one for _, one in texts_in(tree)), *scripts))
    used |= {name for name in _READS.findall(text) if name not in (given or ())}
    return tuple(sorted((name for name in used if name in secrets), key=secrets.__getitem__))


def read_in(text: str, secrets: Iterable[str]) -> frozenset[str]:
    """Which of some variables of the environment a script or a line of a shell reads."""
    return frozenset(secrets).intersection(_READS.findall(text))


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
    return {name for name in secrets if name in passed or _asks_for(texts, re.escape(name))}


def _asks_for(texts: str, name: str) -> bool:
    return bool(re.search(rf"(?<!\$)(?:\$\$)*\$(?:{name}(?!\w)|\{{{name}(?:\}}|:?\?))", texts))


def _passed_variables(environment: Any) -> Iterator[str]:
    """Variables that a service gets as they are: `- NAME`, or `NAME:` without a value."""
    if isinstance(environment, Mapping):
        yield from (name for name, value in environment.items() if value is None)
    elif isinstance(environment, list):
        yield from (one for one in environment if isinstance(one, str) and "=" not in one)
