"""What the documents say of keys, kinds, operators, commands and exit codes is what the program says."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator

import pytest
import typer.main
from typer.testing import CliRunner

import phasegate
from phasegate.base.errors import ExitCode
from phasegate.base.fields import Closed
from phasegate.cli.app import COMMANDS as NAMES
from phasegate.cli.app import make_app
from phasegate.http.expectations.matcher import OPERATORS
from phasegate.kinds import KINDS
from phasegate.kinds.base import CheckParams
from phasegate.plan.targets.kind import target_kinds, target_model
from phasegate.plan.written.faults import ProbeParams
from phasegate.render import FORMATS
from tests.docs import kind_pages
from tests.docs.pages import DOCS, README, ROOT, name_of, pages, table, tables

app = make_app(*NAMES)
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
LEAVES = [
    (name, *inner)
    for name, command in COMMANDS.items()
    for inner in ([(below,) for below in command.commands] if hasattr(command, "commands") else [()])
]
"""Every command as it is typed, those of a group one by one."""
IN_PROSE = {
    "ApprovalWritten": "role and within, in the table of the gate",
    "EntryWritten": "as LineWritten, with keys of its own",
    "IncludedGateWritten": "checks and criteria, in the table of included files",
    "PatternWritten": "pattern and max, in the table of waivers",
    "RiskWritten": "for people, in the table of the top level",
    "WaiversNamed": "file and days, in the table of the top level",
    "WaiversFile": "waivers and entries, in the example of waivers",
    "K6Options": "parameters of the kind `load`",
    "LocustOptions": "parameters of the kind `load`",
    "SuiteFlow": "a suite with one flow of it",
}
"""Models whose keys no table of their own has."""


# Keys


def models() -> dict[str, type[Closed]]:
    """Every model of what people write, by name, parameters of kinds left out."""
    for module in pkgutil.walk_packages(phasegate.__path__, "phasegate."):
        if not re.search(
            r"phasegate\.(demo|kinds\.pytest_plugin|load\.foreign\.locust\.locust_plugin)", module.name
        ):
            importlib.import_module(module.name)
    whole = target_model(*target_kinds().values())
    ours = (model for model in (*_below(Closed), whole) if model.__module__.startswith("phasegate."))
    found = {model.__name__: model for model in ours}
    of_kinds = {model.__name__ for name in kind_pages.own_kinds() for model in kind_pages.models_of(name)}
    return {
        name: model
        for name, model in found.items()
        if model.model_fields and name not in of_kinds and not _is_params(model)
    }


def _below(model: type[Closed]) -> Iterator[type[Closed]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)


def _is_params(model: type[Closed]) -> bool:
    return issubclass(model, CheckParams) and model is not ProbeParams


def test_every_key_of_every_file_that_people_write_is_in_a_table() -> None:
    described = dict(pair for page in pages() for pair in tables(page, "keys"))
    known = models()
    assert sorted(described) == sorted(set(known) - set(IN_PROSE))
    for name, rows in described.items():
        keys = {(field.alias or key) for key, field in known[name].model_fields.items()}
        if name == "Until":
            keys -= {(field.alias or key) for key, field in known["Expect"].model_fields.items()}
        assert sorted(row[0].strip("`") for row in rows) == sorted(keys), name


# Kinds


def test_kinds_are_those_of_the_registry() -> None:
    """`python -m tests.docs.kind_pages` brings them up to date."""
    text = kind_pages.INDEX.read_text(encoding="utf-8")
    assert kind_pages.with_overview(text) == text


@pytest.mark.parametrize("kind", kind_pages.own_kinds())
def test_parameters_and_measures_of_a_kind_are_those_of_its_code(kind: str) -> None:
    """`python -m tests.docs.kind_pages` brings them up to date."""
    text = kind_pages.page_of(kind).read_text(encoding="utf-8")
    wanted = {"", *KINDS[kind].variants}
    assert {match[1] or "" for match in re.finditer(rf"<!-- kind {kind}(?: (\w+))? -->", text)} == wanted
    assert kind_pages.with_sections(text) == text


def test_operators_are_those_of_expect() -> None:
    rows = table(DOCS / "suites.md", "operators")
    assert [row[0].strip("`") for row in rows] == list(OPERATORS)


# Commands


def command_row(*names: str) -> list[str]:
    shown = CliRunner().invoke(app, [*names, "--help"], prog_name="phasegate", env={"COLUMNS": "200"}).stdout
    usage = (
        shown.strip()
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


def test_commands_are_those_of_the_command_line() -> None:
    assert table(DOCS / "ci.md", "commands") == [command_row(*names) for names in LEAVES]


@pytest.mark.parametrize("page", [DOCS / "ci.md", README], ids=name_of)
def test_exit_codes_are_those_of_the_program(page: object) -> None:
    rows = table(page, "exit codes")  # type: ignore[arg-type]
    codes = [int(code) for row in rows for code in row[0].split(", ")]
    assert codes == [int(code) for code in ExitCode]
    words = {row[0]: row[1] for row in rows}
    assert words["0"] == "PASS"
    assert words["1"] == "FAIL"
    assert words["3"].startswith("INCONCLUSIVE")


def test_every_flag_of_run_is_in_the_table() -> None:
    text = (DOCS / "ci.md").read_text(encoding="utf-8")
    rows = text[text.index("| flag of `run` |") :]
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rows))
    for param in COMMANDS["run"].params:
        assert not param.opts or not param.opts[0].startswith("-") or named & set(param.opts), param.opts
    assert named <= {option for param in COMMANDS["run"].params for option in param.opts}


def test_report_formats_are_those_that_there_are() -> None:
    text = (DOCS / "records.md").read_text(encoding="utf-8")
    for name, format in FORMATS.items():
        assert f"| `{name}` | `{format.file}` |" in text


# The code


def test_every_folder_of_the_code_has_a_line() -> None:
    folders = {
        f"`{path.relative_to(ROOT)}/`"
        for path in (ROOT / "phasegate").rglob("*")
        if path.is_dir() and any(file.suffix in (".py", ".html", ".css") for file in path.iterdir())
    }
    listed = {row[0] for row in table(DOCS / "architecture.md", "folders")}
    of_demo = {folder for folder in folders if folder.startswith("`phasegate/demo/")} - {"`phasegate/demo/`"}
    assert listed == folders - of_demo


def test_the_rooms_of_the_picture_are_the_layers_that_imports_are_held_to() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in contracts["contracts"] if one["name"] == "imports point down")
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        room
        for line in text[text.index("    cli  ") :].split("\n\n", 1)[0].splitlines()
        for room in re.split(r", ", re.split(r"\s{2,}", line.strip())[0])
    ]
    assert rooms == [room for layer in layers for room in layer.split(" | ")]


def test_every_file_of_the_code_that_is_named_is_there() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:phasegate/|tests/|docs/)?[a-z_0-9]+/[a-z_0-9/]+(?:\.py|/|\.md))`", text)
    assert len(named) > 60
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "phasegate" / name).exists(), name
