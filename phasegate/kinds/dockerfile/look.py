"""What a rule looks at in a file, and how it says what it finds; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from phasegate.base.facts import Message
from phasegate.inspection.finding import Finding, Inspection, Looked, Rule, Severity

T = TypeVar("T")
_MOST = 1_000
"""Findings of one rule in one file; the rest adds nothing."""
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


class Hit(NamedTuple):
    """Something wrong: in which line, at which place, and what belongs in its sentence."""

    line: int | None
    place: str = ""
    details: tuple[Message | int, ...] = ()


Hits = Iterator[Hit]
Subjects = tuple[str, Callable[[T], Iterable[Any]]]
"""What a rule looks at: its name in the singular, and all that there are in a file."""


class Family(Generic[T]):
    """The rules of one kind of file, T; called, it makes one of the function below it."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source
        self._looks: list[tuple[Rule, Subjects[T], Callable[[Any, T], Hits]]] = []

    def __call__(
        self, id: str, severity: Severity, subjects: Subjects[T], page: str
    ) -> Callable[[Callable[[Any, T], Hits]], Callable[[Any, T], Hits]]:
        """`page`: what follows the source of the family, or a URL. The docstring is the documentation."""
        source = page if "://" in page else self._source + page

        def register(find: Callable[[Any, T], Hits]) -> Callable[[Any, T], Hits]:
            about = find.__doc__ or ""
            rule = Rule(id=id, severity=severity, about=about, source=source, family=self._name)
            self._looks.append((rule, subjects, find))
            return find

        return register

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule, _, _ in self._looks)

    def inspect(self, whole: T, file: str) -> Inspection:
        """What all rules say of one file."""
        findings: list[Finding] = []
        looked: dict[str, Looked] = {}
        for rule, (of, subjects), find in self._looks:
            found = tuple(subjects(whole))
            looked[rule.id] = Looked(n=len(found), of=of, family=rule.family)
            hits = (hit for subject in found for hit in find(subject, whole))
            for line, place, details in islice(hits, _MOST):
                findings.append(
                    Finding(
                        rule=rule.id,
                        severity=rule.severity,
                        family=rule.family,
                        file=file,
                        line=line,
                        place=place,
                        details=details,
                    )
                )
        return Inspection(files=1, findings=tuple(findings), looked=looked)
