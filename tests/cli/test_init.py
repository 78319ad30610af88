from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.kinds import KINDS
from phasegate.plan.loader import load
from tests.cli.conftest import CommandLine


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/health",
        "https://shop.example",
        "http://[::1]:9/a?b=c&d=${e}",
        'http://localhost/it\'s "quoted": {yes} # no',
        "http://bücher.example/ü",
    ],
)
def test_the_plan_that_init_writes_has_no_problem(phasegate: CommandLine, tmp_path: Path, url: str) -> None:
    code, out, err = phasegate("init", url)
    assert (code, out) == (0, "")
    assert "next: phasegate run phasegate.yaml" in err
    loaded = load(tmp_path / "phasegate.yaml", kinds=KINDS, env={})
    assert loaded.warnings == ()
    assert [check.id for check in loaded.plan.checks()] == ["up", "steady"]


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://host/", "http://", "http://host:99999/", "http://[::1/"]
)
def test_what_is_no_url_of_a_service_is_refused(phasegate: CommandLine, tmp_path: Path, url: str) -> None:
    code, _, err = phasegate("init", url)
    assert code == 2
    assert "is not the URL of a service" in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "phasegate.yaml").write_text("mine")
    code, _, err = phasegate("init", "http://localhost/")
    assert code == 2
    assert "exists already" in err
    assert (tmp_path / "phasegate.yaml").read_text() == "mine"
    assert phasegate("init", "http://localhost/", "-o", "nowhere/plan.yaml")[0] == 2
    assert phasegate("init", "http://localhost/", "-o", "other.yaml")[0] == 0
