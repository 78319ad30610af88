"""PromQL as far as a check must understand it: whether it is right, and which series it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from phasegate.kinds.base import Requirement

INSTALL = "pip install 'phasegate[monitoring]'"
PARSER = Requirement(
    program="python", arguments=("-c", "import promql_parser"), label="promql-parser", install=INSTALL
)
_OPERATOR = re.compile(r"[-+*/%^(<>]|[=!]=|\b(?:and|or|unless|atan2)\b")
_LONGEST = 50_000
"""Characters of a query."""
_MOST = 1_000
"""Operators and brackets of a query: each may nest one level, and the parser has no limit of its own."""


def is_installed() -> bool:
    return find_spec("promql_parser") is not None


def parse(query: str) -> Any:
    """The expression, typed. Errors: ValueError for what is not PromQL."""
    import promql_parser

    if len(query) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} characters")
    if len(_OPERATOR.findall(query)) > _MOST:
        raise ValueError(f"it has more than {_MOST:,} operators and brackets")
    return promql_parser.parse(query)


def problem_of(query: str) -> str:
    """Why a query is not PromQL, or asks for no series; empty where it does, or nobody can tell."""
    if not is_installed():
        return ""
    try:
        found = selectors(query)
    except ValueError as error:
        return f"not PromQL: {error}"
    return "" if found else "it asks for no series, so it is the same whatever the target does"


def selectors(query: str) -> tuple[str, ...]:
    """The series that a query asks for as they are now, each once: `http_requests_total{job="api"}`.

    Errors: ValueError for what is not PromQL.
    """
    import promql_parser as promql

    return tuple(
        dict.fromkeys(
            str(one).partition(" offset ")[0].partition(" @ ")[0].removesuffix("{}")
            for one in walk(parse(query))
            if isinstance(one, promql.VectorSelector)
        )
    )


def walk(expression: Any) -> Iterator[Any]:
    """An expression and all that it is made of, from left to right."""
    import promql_parser as promql

    left = [expression]
    while left:
        yield (one := left.pop())
        match one:
            case promql.MatrixSelector():
                left.append(one.vector_selector)
            case promql.Call():
                left += reversed(one.args)
            case promql.BinaryExpr():
                left += (one.rhs, one.lhs)
            case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                left.append(one.expr)


def name_of(selector: Any) -> str:
    """The series that a selector names; empty where it only matches labels."""
    import promql_parser as promql

    named = (
        one.value
        for one in selector.matchers.matchers
        if one.name == "__name__" and one.op == promql.MatchOp.Equal
    )
    return selector.name or next(named, "")
