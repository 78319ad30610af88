"""PromQL as far as a check must understand it: whether it is right, and which series it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

INSTALL = "pip install 'phasegate[monitoring]'"


def is_installed() -> bool:
    return find_spec("promql_parser") is not None


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
    import promql_parser

    return tuple(dict.fromkeys(_selectors(promql_parser.parse(query))))


def _selectors(expression: Any) -> Iterator[str]:
    import promql_parser as promql

    match expression:
        case promql.VectorSelector():
            yield str(expression).partition(" offset ")[0].partition(" @ ")[0].removesuffix("{}")
        case promql.MatrixSelector():
            yield from _selectors(expression.vector_selector)
        case promql.Call():
            for argument in expression.args:
                yield from _selectors(argument)
        case promql.BinaryExpr():
            yield from _selectors(expression.lhs)
            yield from _selectors(expression.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _selectors(expression.expr)
