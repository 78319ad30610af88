from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from phasegate.cli.schema import Document
from phasegate.model.codec import result_to_json
from tests.cli.conftest import CommandLine
from tests.samples import all_runs

SCHEMAS = Path(__file__).parents[2] / "schemas"
"""Which are held to be what the code says, and JSON Schema, by other tests."""


@pytest.mark.parametrize("document", Document)
def test_a_schema_is_alone_on_standard_output(phasegate: CommandLine, document: Document) -> None:
    code, out, err = phasegate("schema", document)
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((SCHEMAS / f"{document}.json").read_text())


def test_the_plan_is_the_default(phasegate: CommandLine) -> None:
    assert json.loads(phasegate("schema")[1]) == json.loads((SCHEMAS / "plan.json").read_text())


def test_every_result_fits_the_schema_of_results() -> None:
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "result.json").read_text()))
    for run in all_runs().values():
        data = json.loads(json.dumps(result_to_json(run)))
        assert [error.message for error in validator.iter_errors(data)] == []


def test_an_unknown_document_is_wrong_usage(phasegate: CommandLine) -> None:
    code, _, err = phasegate("schema", "recipe")
    assert code == 2
    assert "recipe" in err
