"""`phasegate schema`: JSON Schema for editors and for readers of results."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from phasegate.cli.console import put


class Document(StrEnum):
    PLAN = "plan"
    SUITE = "suite"
    WAIVERS = "waivers"
    RESULT = "result"
    INCLUDE = "include"
    POLICY = "policy"


def schema(
    document: Annotated[
        Document,
        typer.Argument(metavar="plan|suite|waivers|include|policy|result", help="Which format to describe."),
    ] = Document.PLAN,
) -> None:
    """Print the JSON Schema of plans, files they name, or results."""
    put(json.dumps(schema_of(document), indent=2) + "\n")


def schema_of(document: Document) -> dict[str, Any]:
    from phasegate.kinds import every_kind
    from phasegate.model.codec import result_schema
    from phasegate.plan.schema import (
        include_schema,
        plan_schema,
        policy_schema,
        suite_schema,
        waivers_schema,
    )

    match document:
        case Document.PLAN:
            return plan_schema(every_kind())
        case Document.SUITE:
            return suite_schema()
        case Document.WAIVERS:
            return waivers_schema()
        case Document.RESULT:
            return result_schema()
        case Document.INCLUDE:
            return include_schema(every_kind())
        case Document.POLICY:
            return policy_schema()
