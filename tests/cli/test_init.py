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


def test_a_plan_in_markdown_becomes_a_plan_that_does_not_pass(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "release.md").write_text("# Release 7\n\n## Before\n\n- [x] All tests pass\n- [ ] Tell Ann\n")
    code, out, err = phasegate("init", "release.md")
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "release.md: 2 lines (list items, rows of tables, check marks), in 1 step",
        "  kept as work 2",
        "  1 could be judged by a criterion",
        "    pass_rate == 100% (api, e2e, command): line 5",
        "  1 without a suggestion: line 6",
        '  made steps, as phasegate knows no other meaning: heading "Before"',
        "wrote phasegate.yaml; next: phasegate validate phasegate.yaml",
    ]
    assert phasegate("validate", "phasegate.yaml")[0] == 0
    code, _, err = phasegate("run", "phasegate.yaml", "-o", "out")
    assert code == 3
    assert "to-be-written/before" in err


@pytest.mark.parametrize("name", ["release.md", "RELEASE.MD", "a.markdown"])
def test_a_document_that_is_not_there_is_refused_and_no_plan_is_written(
    phasegate: CommandLine, tmp_path: Path, name: str
) -> None:
    code, _, err = phasegate("init", name)
    assert code == 2
    assert f"{name} cannot be read: no such file" in err
    assert list(tmp_path.iterdir()) == []


def test_what_a_document_says_cannot_steer_the_terminal(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J.md").write_text("# A\n\n## \x1b]0;x\x07[red]\n\n- a\n")
    code, _, err = phasegate("init", "a\x1b[2J.md")
    assert code == 0
    assert "\x1b" not in err
    assert "\x07" not in err


@pytest.mark.parametrize("name", ["release.md", "compose.yaml"])
def test_force_does_not_write_over_what_the_plan_is_made_of(
    phasegate: CommandLine, tmp_path: Path, name: str
) -> None:
    content = "# Release 7\n\n- a\n" if name == "release.md" else "services: {a: {image: a}}\n"
    (tmp_path / name).write_text(content)
    code, _, err = phasegate("init", name, "--force", "-o", f"./{name}")
    assert code == 2
    assert "is what the plan is made of" in err
    assert (tmp_path / name).read_text() == content


def test_force_writes_over_a_file_that_is_there(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "phasegate.yaml").write_text("mine")
    assert phasegate("init", "http://localhost/", "--force")[0] == 0
    assert (tmp_path / "phasegate.yaml").read_text().startswith("phasegate: 1\n")


def test_a_file_that_is_there_is_not_written_over(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "phasegate.yaml").write_text("mine")
    code, _, err = phasegate("init", "http://localhost/")
    assert code == 2
    assert "exists already" in err
    assert (tmp_path / "phasegate.yaml").read_text() == "mine"
    assert phasegate("init", "http://localhost/", "-o", "nowhere/plan.yaml")[0] == 2
    assert phasegate("init", "http://localhost/", "-o", "other.yaml")[0] == 0
