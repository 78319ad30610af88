from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest

from phasegate.model.observation import Case, CaseStatus
from phasegate.render.rerun import rerun_command
from tests.samples import failing_run, hostile_run

RUN = failing_run()
CHECK = RUN.checks()[0]


def case(id: str) -> Case:
    return Case(id=id, name=id, status=CaseStatus.FAILED)


def test_a_check_and_a_case_are_named_and_flags_that_change_them_are_kept() -> None:
    command = (
        "phasegate",
        "run",
        "p.yaml",
        "--set",
        "a=b c",
        "--vars=v.yaml",
        "--env",
        "staging",
        "--policy=org.yaml",
        "-o",
        "out",
        "-x",
        "--seed",
        "7",
    )
    words = shlex.split(rerun_command(replace(RUN, command=command), CHECK, case("flow/request[1]")))
    assert words[:3] == ["phasegate", "run", RUN.plan.path]
    assert words[3:-4] == [
        "--set",
        "a=b c",
        "--vars=v.yaml",
        "--env",
        "staging",
        "--policy=org.yaml",
        "--seed",
        "7",
    ]
    assert words[-4:] == ["--check", CHECK.id, "--case", "flow/request[1]"]


def test_a_run_that_no_command_line_started_gives_the_plain_command() -> None:
    command = rerun_command(replace(RUN, command=()), CHECK)
    assert command == f"phasegate run {RUN.plan.path} --check {CHECK.id}"


def test_a_whole_check_needs_no_case() -> None:
    assert "--case" not in rerun_command(RUN, CHECK)


@pytest.mark.parametrize(
    "id", ["plain", "with space", "it's", "$(rm -rf /)", "a\nb", "\x1b[31m", "\u202e日本", "back\\slash'\x07"]
)
def test_a_shell_reads_the_words_as_they_were_and_people_see_every_character(id: str) -> None:
    command = rerun_command(RUN, CHECK, case(id))
    assert command.isprintable()
    done = subprocess.run(
        ["bash", "-c", "phasegate() { printf '%s\\0' \"$@\"; }; " + command], capture_output=True, check=True
    )
    assert done.stdout.split(b"\0")[-2].decode() == id


def test_a_hostile_record_gives_one_visible_line() -> None:
    run = hostile_run()
    for check in run.checks():
        assert rerun_command(run, check).isprintable()


@pytest.mark.parametrize(
    ("during", "selected"),
    [("", [CHECK.id]), ("steady", ["steady", CHECK.id]), ("run", [])],
)
def test_a_check_that_goes_on_beside_others_is_run_again_with_them(during: str, selected: list[str]) -> None:
    words = shlex.split(
        rerun_command(replace(RUN, command=()), replace(CHECK, asked=replace(CHECK.asked, during=during)))
    )
    assert words[3:] == [word for id in selected for word in ("--check", id)]


def test_a_case_is_run_again_by_itself_whatever_its_check_goes_beside() -> None:
    words = shlex.split(
        rerun_command(RUN, replace(CHECK, asked=replace(CHECK.asked, during="run")), case("a"))
    )
    assert words[-4:] == ["--check", CHECK.id, "--case", "a"]
