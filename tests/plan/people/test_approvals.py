"""`gate.approvals` of a plan."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from phasegate.base import yaml
from phasegate.model.approval import Approval
from phasegate.plan.schema import plan_schema
from tests.plan.conftest import HEAD, REGISTRY, Load

GATE = """\
steps: [{id: one, checks: [{id: a, kind: probe, url: /}]}]
variables: {who: QA}
gate:
  approvals:
    - {role: release manager, within: 5d}
    - {role: "${who}  lead", x-note: by mail}
"""


def test_roles_come_with_the_time_they_have(load_text: Load) -> None:
    plan = load_text(HEAD + GATE).plan
    assert plan.approvals == (
        Approval(role="release manager", within=5 * 86_400.0),
        Approval(role="QA lead", within=None),
    )


def test_the_schema_knows_approvals() -> None:
    validator = Draft202012Validator(plan_schema(REGISTRY))
    assert list(validator.iter_errors(yaml.parse(HEAD + GATE, "p.yaml").tree)) == []
    wrong = HEAD + GATE.replace("within", "witin")
    assert "witin" in str([error.message for error in validator.iter_errors(yaml.parse(wrong, "p").tree)])
