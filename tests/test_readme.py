"""What the README says of kinds, commands, flags and exit codes is what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from phasegate.base.errors import ExitCode
from phasegate.cli.app import COMMANDS as NAMES
from phasegate.cli.app import make_app
from phasegate.cli.kinds import describe
from phasegate.kinds import KINDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
app = make_app(*NAMES)
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
LEAVES = [
    (name, *inner)
    for name, command in COMMANDS.items()
    for inner in ([(below,) for below in command.commands] if hasattr(command, "commands") else [()])
]
"""Every command as it is typed, those of a group one by one."""


def table(marker: str) -> list[list[str]]:
    """The cells of a marked table, its head left out."""
    match = re.search(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", README, re.DOTALL)
    assert match is not None, f"the README has no table marked {marker!r}"
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in match[1].splitlines()]
    return [[cell.replace("\\|", "|") for cell in row] for row in rows[2:]]


def in_code(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def kind_row(name: str) -> list[str]:
    about = describe(name)
    captured = about["example"].get("measures", {})
    measures = in_code([measure for measure in about["measures"] if measure not in captured])
    more = ", and what it captures" if captured else ""
    return [f"`{name}`", about["about"], measures + more, in_code(about["defaults"])]


def command_row(*names: str) -> list[str]:
    said = CliRunner().invoke(app, [*names, "--help"], prog_name="phasegate", env={"COLUMNS": "200"}).stdout
    usage = (
        said.strip()
        .splitlines()[0]
        .removeprefix("Usage: ")
        .replace(" [OPTIONS]", "")
        .translate(str.maketrans("", "", "{}"))
    )
    command = COMMANDS[names[0]]
    for name in names[1:]:
        command = command.commands[name]
    first = command.help.split("\n\n")[0].rstrip(".")
    return [f"`{usage}`", first[0].lower() + first[1:]]


def test_kinds_are_those_of_the_registry() -> None:
    assert table("kinds") == [kind_row(name) for name in KINDS]


def test_commands_are_those_of_the_command_line() -> None:
    assert table("commands") == [command_row(*names) for names in LEAVES]


def test_exit_codes_are_those_of_the_program() -> None:
    codes = [int(code) for row in table("exit codes") for code in row[0].split(", ")]
    assert codes == [int(code) for code in ExitCode]
    words = {row[0]: row[1] for row in table("exit codes")}
    assert words["0"] == "PASS"
    assert words["1"] == "FAIL"
    assert words["3"].startswith("INCONCLUSIVE")


@pytest.mark.parametrize("used", sorted(set(re.findall(r"phasegate (?:(\w+)) [^`\n]*", README))))
def test_every_command_that_is_used_exists(used: str) -> None:
    # `phasegate turns`, `phasegate starts`: prose has no argument that looks like one.
    if re.search(rf"`(?:\S*/)?phasegate {used}\b|bin/phasegate {used}\b|&& phasegate {used}\b", README):
        assert used in COMMANDS


def test_every_flag_of_run_that_is_named_exists() -> None:
    known = {option for param in COMMANDS["run"].params for option in param.opts}
    section = README[README.index("| flag of `run` |") : README.index("People read stderr")]
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section))
    assert named
    assert named <= known


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_is_linked_is_there(link: str) -> None:
    assert (Path(__file__).parent.parent / link).exists()


@pytest.mark.parametrize("file", sorted(set(re.findall(r"bin/phasegate run (plans/\S+)", README))))
def test_every_plan_that_is_run_is_there(file: str) -> None:
    assert (Path(__file__).parent.parent / file).is_file()
