"""JSONPath by RFC 9535, compiled once; paths of plain member names and indexes do without the engine."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact
from phasegate.base.patterns import compile_pattern
from phasegate.http.expectations.matcher import ABSENT

PATH_LIMIT = 1_000
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLAIN = re.compile(rf"\$(?:\.{_NAME}|\[(?:0|[1-9][0-9]{{0,8}})\])*")
_PIECE = re.compile(rf"\.({_NAME})|\[(\d+)\]")


class PathError(MessageError):
    """A path that cannot be followed in a document."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path as written, and how to follow it."""

    text: str
    many: bool
    """True when it may select any number of values (`[*]`, `..`, slices, filters): the value is a list."""
    steps: tuple[str | int, ...] | None
    """Member names and indexes of a plain path."""
    engine: Any = None
    """The compiled query of any other path."""

    @classmethod
    def compile(cls, text: str) -> JsonPath:
        """Errors: ValueError with the place in the path."""
        return _compile(text)

    @property
    def searches(self) -> bool:
        """Whether it may take its time: it has filters, or looks everywhere."""
        return self.steps is None

    def value(self, document: Any) -> Any:
        """The one value, or ABSENT; a list of all values for a path that may select many.

        Errors: PathError when the document is nested too deeply to be searched; SlowPatternError.
        """
        if self.steps is not None:
            return _walk(document, self.steps)
        from jsonpath import JSONPathError

        try:
            # The engine takes a text for a document that is to be parsed; as a value it has nothing inside.
            found = [] if isinstance(document, str) else self.engine.findall(document)
        except (JSONPathError, RecursionError) as error:
            raise PathError(fact(Code.PATH_NOT_APPLIED, path=self.text, why=_first_line(error))) from None
        if self.many:
            return found
        return found[0] if found else ABSENT


@lru_cache(maxsize=4096)
def _compile(text: str) -> JsonPath:
    if len(text) > PATH_LIMIT:
        raise ValueError(f"a JSONPath of {len(text):,} characters; at most {PATH_LIMIT:,}")
    if _PLAIN.fullmatch(text):
        steps = tuple(name or int(index) for name, index in _PIECE.findall(text))
        return JsonPath(text, many=False, steps=steps)
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is not a JSONPath; it begins with $, as in $.status or $.items[0].id")
    from jsonpath import JSONPathError

    try:
        query = _engine().compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        raise ValueError(f"{text!r} is not a JSONPath: {_first_line(error)}") from None
    return JsonPath(text, many=not query.singular_query(), steps=None, engine=query)


@lru_cache(maxsize=1)
def _engine() -> Any:
    from jsonpath import JSONPathEnvironment
    from jsonpath.filter import StringLiteral
    from jsonpath.function_extensions import ExpressionType, FilterFunction

    class Search(FilterFunction):
        """`match` or `search` of RFC 9535: false for what is not text, or no regular expression."""

        arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as the library has it
        return_type = ExpressionType.LOGICAL

        def __init__(self, *, whole: bool) -> None:
            self._whole = whole

        def __call__(self, value: object, pattern: object) -> bool:
            if not isinstance(value, str) or not isinstance(pattern, str):
                return False
            try:
                compiled = compile_pattern(pattern)
            except ValueError:  # one that the document holds
                return False
            return (compiled.fullmatch(value) if self._whole else compiled.search(value)) is not None

    class Environment(JSONPathEnvironment):
        def check_well_typedness(self, token: Any, func: Any, args: list[Any]) -> None:
            super().check_well_typedness(token, func, args)
            if isinstance(func, Search) and isinstance(args[1], StringLiteral):
                compile_pattern(args[1].value)

    environment = Environment(strict=True)
    environment.function_extensions |= {"match": Search(whole=True), "search": Search(whole=False)}
    return environment


def _walk(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        match value:
            case dict() if step in value and isinstance(step, str):
                value = value[step]
            case list() if isinstance(step, int) and step < len(value):
                value = value[step]
            case _:
                return ABSENT
    return value


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
