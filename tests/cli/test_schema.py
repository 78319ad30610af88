from __future__ import annotations

import json

import jsonschema
import pytest

from phasegate.model.codec import result_to_json
from tests.cli.conftest import CommandLine
from tests.samples import all_runs


@pytest.mark.parametrize("document", ["plan", "suite", "result", "include", "policy"])
def test_a_schema_is_valid_and_alone_on_standard_output(phasegate: CommandLine, document: str) -> None:
    code, out, err = phasegate("schema", document)
    assert (code, err) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_the_plan_is_the_default(phasegate: CommandLine) -> None:
    assert phasegate("schema") == phasegate("schema", "plan")


def test_every_result_fits_the_schema_of_results(phasegate: CommandLine) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(phasegate("schema", "result")[1]))
    for run in all_runs().values():
        data = json.loads(json.dumps(result_to_json(run)))
        assert [error.message for error in validator.iter_errors(data)] == []


def test_an_unknown_document_is_wrong_usage(phasegate: CommandLine) -> None:
    code, _, err = phasegate("schema", "recipe")
    assert code == 2
    assert "recipe" in err
