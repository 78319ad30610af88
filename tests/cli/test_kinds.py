from __future__ import annotations

import json

import pytest

from phasegate.kinds import KINDS
from tests.cli.conftest import CommandLine


def test_kinds_lists_each_kind_on_a_line(phasegate: CommandLine) -> None:
    code, out, err = phasegate("kinds")
    assert (code, err) == (0, "")
    for name, kind in KINDS.items():
        assert any(line.startswith(name) and line.endswith(kind.about) for line in out.splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_described_with_parameters_measures_defaults_and_an_example(
    phasegate: CommandLine, kind: str
) -> None:
    code, out, _ = phasegate("kinds", kind)
    assert code == 0
    for heading in ("parameters", "measures", "default criteria", "example"):
        assert f"\n{heading}\n" in out
    for parameter in KINDS[kind].example:
        assert f"\n  {parameter} " in out
    assert f"kind: {kind}" in out


def test_json_describes_every_kind(phasegate: CommandLine) -> None:
    _, out, _ = phasegate("kinds", "--json")
    described = json.loads(out)
    assert list(described) == list(KINDS)
    assert described["health"]["parameters"]["url"]["required"]
    timeout = described["health"]["parameters"]["timeout"]
    assert (timeout["type"], timeout["default"]) == ("time", "30s")
    assert described["health"]["measures"]["success_rate"]["type"] == "sample"


def test_an_unknown_kind_is_wrong_usage_and_names_the_known_ones(phasegate: CommandLine) -> None:
    code, out, err = phasegate("kinds", "helth")
    assert (code, out) == (2, "")
    assert "'helth'" in err
    assert "health" in err
