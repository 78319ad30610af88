"""What a rule looks at in a file, and how it says what it finds; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Message, with_texts
from phasegate.base.secret_shapes import without_secrets
from phasegate.inspection.finding import Finding, Inspection, Looked, Rule, Severity

T = TypeVar("T")


class Hit(NamedTuple):
    """Something wrong: in which line, at which place, and what belongs in its sentence."""

    line: int | None
    place: str = ""
    details: tuple[Message | int, ...] = ()


Hits = Iterator[Hit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A rule, what it looks at, and the function that finds what is wrong with one of these."""

    rule: Rule
    of: str
    subjects: Callable[[Any], Iterable[Any]]
    find: Callable[[Any, Any], Hits]


class Family(Generic[T]):
    """The rules of one kind of file, T; called, it makes one of the function below it."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self._source = source
        self.looks: list[Look] = []

    def __call__(
        self,
        id: str,
        severity: Severity,
        of: str,
        subjects: Callable[[T], Iterable[Any]],
        about: str,
        page: str,
    ) -> Callable[[Callable[[Any, T], Hits]], Callable[[Any, T], Hits]]:
        """`of`: what it looks at, in the singular; `page`: what follows the source of the family."""
        source = page if "://" in page else self._source + page
        rule = Rule(id=id, severity=severity, about=about, source=source, family=self.name)

        def register(find: Callable[[Any, T], Hits]) -> Callable[[Any, T], Hits]:
            self.looks.append(Look(rule=rule, of=of, subjects=subjects, find=find))
            return find

        return register

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(look.rule for look in self.looks)

    def inspect(self, whole: T, file: str) -> Inspection:
        """What all rules say of one file."""
        findings: list[Finding] = []
        looked: dict[str, Looked] = {}
        for look in self.looks:
            rule, n = look.rule, 0
            for subject in look.subjects(whole):
                n += 1
                findings += (_finding(rule, hit, file) for hit in look.find(subject, whole))
            looked[rule.id] = Looked(n=n, of=look.of, family=rule.family)
        return Inspection(files=1, findings=tuple(findings), looked=looked)


def _finding(rule: Rule, hit: Hit, file: str) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        family=rule.family,
        file=file,
        line=hit.line,
        place=hit.place,
        details=tuple(with_texts(detail, _hidden) for detail in hit.details),
    )


def _hidden(text: str) -> str:
    return without_secrets(text, put="***")
