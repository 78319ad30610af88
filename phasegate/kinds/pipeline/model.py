"""A pipeline, as far as GitHub Actions and GitLab CI have it in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.inspection.finding import Finding

MOST = 3_000
"""Jobs and steps of one pipeline that are looked at, those of pipelines that it calls included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """How the lines of a step are run."""

    posix: bool = True
    strict: bool = True
    """Whether it ends at the first command that fails."""
    pipefail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    line: int
    id: str = ""
    script: str = ""
    uses: str = ""
    """The action that it runs instead of a script."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the action is given."""
    shell: Shell = field(default_factory=Shell)
    excuse: str = ""
    """What keeps its failure from failing the job, as written; empty where nothing does."""
    regardless: str = ""
    """Why it runs although one before it failed, as written."""
    asks: frozenset[str] = frozenset()
    """Steps without whose success it does not run, by id."""
    doubt: str = ""
    """What may keep its failure from failing the job, as written."""
    conditions: frozenset[str] = frozenset()
    """What else it asks to run, of which one must be true; none where it always does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    name: str
    """Of a job in a pipeline that another calls: `caller / job`."""
    stage: str = ""
    """As far as it is written."""
    file: str
    line: int
    steps: tuple[Step, ...] = ()
    before: frozenset[str] = frozenset()
    """Jobs that end before it starts, directly or not."""
    held_by: frozenset[str] = frozenset()
    """Those of them without whose success it does not start."""
    excuse: str = ""
    """What keeps its failure from stopping others, or itself from running, as written."""
    regardless: str = ""
    """Why it starts although one before it failed, as written."""
    doubt: str = ""
    """What may keep its failure from stopping others, as written."""
    conditions: frozenset[str] = frozenset()
    """What it asks to run, of which one must be true; none where it always does."""
    needed: frozenset[str] = frozenset()
    """Jobs that must be in the pipeline where it is."""
    may_be_absent: bool = False
    """Whether others go on without it where its conditions are not true."""
    after_success: bool = False
    """Whether it starts only after a run of another pipeline that succeeded."""
    environment: str = ""
    images: tuple[str, ...] = ()
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """What expressions and variables may stand for, by name: `matrix.python`, `env.GO`, `$GO`."""
    only_starts: bool = False
    """Whether all that it does is to start other jobs, which are read."""
    unresolved: str = ""
    """Where what it does is written, when that is not in the repository."""


class System(StrEnum):
    """What reads a file."""

    GITHUB = "GitHub Actions"
    GITLAB = "GitLab CI"
    ACTION = "an action"
    """It is read where a step uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    file: str
    system: System
    name: str = ""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    follows: tuple[str, ...] = ()
    """Pipelines whose end starts it, by name."""
    called: bool = False
    """Whether it runs only where another calls it."""
    unresolved: tuple[str, ...] = ()
    """Where more of its jobs are written, that were not read."""
    elsewhere: tuple[str, ...] = ()
    """What is not in the repository and its jobs use, as written."""
    uses: frozenset[str] = frozenset()
    """Files of the repository that are part of it."""
    findings: tuple[Finding, ...] = ()
    unproven: tuple[str, ...] = ()
    """Places in it that name something which may be elsewhere."""


def reach(edges: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Everything that can be reached from each, over any number of edges; names without edges are ends."""
    found: dict[str, frozenset[str]] = {}
    for start in edges:
        seen: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in found:
                seen |= found[name]
            else:
                waiting.extend(edges.get(name, ()))
        found[start] = frozenset(seen)
    return found


def ring_of(name: str, ahead: Mapping[str, frozenset[str]]) -> str:
    """The jobs that wait for one another, one of them this; empty where it does not wait for itself."""
    return ", ".join(sorted(one for one in ahead.get(name, ()) if name in ahead.get(one, ())))


def as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """A list; one value is a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def as_text(value: object) -> str:
    """The text of a scalar, as a pipeline writes it; empty for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or isinstance(value, dict | list) else str(value)


def text_or(value: object, key: str) -> str:
    """A text, or the one that a mapping has under a key."""
    return as_text(as_mapping(value).get(key)) or as_text(value)


def as_texts(value: object) -> list[str]:
    return [text for one in as_list(value) if (text := as_text(one))]
