"""Everything that the documents show is tried: commands run, plans load, pieces of plans load in a plan.

`tests.docs.pages` says which block is what.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import typer.main
import yaml

from phasegate.base.errors import PlanError
from phasegate.cli.app import COMMANDS as NAMES
from phasegate.cli.app import make_app
from phasegate.cli.schema import Document, schema_of
from phasegate.kinds import KINDS
from phasegate.plan.loader import load
from phasegate.plan.text.yaml import read
from phasegate.render.sentences import sentence
from tests import engines
from tests.docs.pages import DOCS, ROOT, Block, all_blocks, blocks, name_of, pages
from tests.docs.pieces import FILES, SECRETS, plan_around

TUTORIAL = DOCS / "first-gate.md"
"""Its files are there for the commands of every page."""
TODAY = date(2027, 1, 15)
"""A day on which the waivers of the documents are in force."""
ENGINE_PAGES = (
    "docs/targets.md",
    "docs/kinds/containers.md",
    "docs/kinds/image.md",
    "docs/kinds/resources.md",
)
"""Their commands need a container engine."""
GROUP = typer.main.get_command(make_app(*NAMES))
SHOWN_ELSEWHERE = ("docs/kinds/your-own.md",)
"""Pages that a test of their own follows command by command: `tests.kinds.test_foreign`."""


def write_files(page: Path, folder: Path) -> None:
    """The files that a page shows, beside those of the tutorial."""
    for block in (*blocks(TUTORIAL), *blocks(page)):
        if block.title:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")


# Commands


def consoles() -> list[Any]:
    found = []
    for page in pages():
        name = name_of(page)
        if name not in SHOWN_ELSEWHERE and any(block.language == "console" for block in blocks(page)):
            found.append(pytest.param(page, id=name, marks=engines.ENGINE if name in ENGINE_PAGES else ()))
    return found


@pytest.mark.parametrize("page", consoles())
def test_the_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    base_image = name_of(page) in ENGINE_PAGES
    if base_image:
        engines.have_busybox()
    code = 0
    for block in blocks(page):
        if block.language == "console":
            for command, shown in commands_of(block):
                code, output = run(command, tmp_path, code)
                assert_shown(shown, output, f"{block}: {command}")
    assert code in (0, 1, 3)


def commands_of(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Commands with the lines shown below each."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = [lines.pop(0)]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        yield "\n".join(command), [line.strip() for line in lines if line.strip()]


def run(command: str, folder: Path, before: int) -> tuple[int, str]:
    """The exit code of a command and all that it printed; `before`: the exit code that `$?` stands for."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"(exit {before})\n{command}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "110", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return done.returncode, done.stdout


def assert_shown(shown: list[str], output: str, where: str) -> None:
    """Every line is there, in this order; the time before lines of a run is left out."""
    rest = [re.sub(r"^\[\d\d:\d\d\] ", "", line.strip()) for line in output.splitlines()]
    for line in shown:
        if line == "…":
            continue
        pattern = re.compile(".*".join(_loose(piece) for piece in line.split("…")))
        while rest and pattern.fullmatch(rest[0]) is None:
            rest.pop(0)
        assert rest, f"{where} does not print {line!r}, but\n{output}"
        rest.pop(0)


def _loose(piece: str) -> str:
    """Words as they are, whatever blanks are between them."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", piece)))


LINES = [
    (block, line.strip())
    for block in all_blocks("sh", "groovy", "yaml", "console")
    for line in block.text.replace("\\\n", " ").splitlines()
    if re.search(r"(?:^|[\s/'\"])phasegate (?!:)[a-z-]", line.split("#")[0])
]


@pytest.mark.parametrize(("block", "line"), LINES, ids=[f"{block} {line}" for block, line in LINES])
def test_a_command_that_is_shown_is_one_that_there_is(block: Block, line: str) -> None:
    found = list(_commands_in(line))
    assert found
    for words in found:
        parse(words)


def _commands_in(line: str) -> Iterator[list[str]]:
    """The arguments of each phasegate command of a line of a shell, a CI file or a Jenkinsfile."""
    for part in re.split(r"&&|\|\|?|;", line.split(" #")[0]):
        match = re.search(r"(?:^|[\s/'\"(])phasegate ([^'\"]\S*.*)$", part)
        if match is not None:
            text = match[1].split(" >")[0].split(" 2>")[0].strip().rstrip(")")
            yield shlex.split(text if text.count("'") % 2 == 0 else text.rstrip("'"))


def parse(words: list[str]) -> None:
    """Errors: click's, where there is no such command, or it has no such flag."""
    group: click.Command = GROUP
    context = click.Context(group, info_name="phasegate")
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        inner = group.get_command(context, name)
        assert inner is not None, f"there is no command {name!r}"
        group, context = inner, click.Context(inner, info_name=name, parent=context)
    if isinstance(group, click.Group):
        assert words in (["--help"], ["--version"], ["--install-completion"]), words
    elif "--help" not in words:
        group.make_context(group.name or "", list(words), parent=context.parent)


# Files


JSON_BLOCKS = all_blocks("json")


@pytest.mark.parametrize("block", JSON_BLOCKS, ids=str)
def test_json_that_is_shown_is_json(block: Block) -> None:
    json.loads(block.text)


SCHEMAS = {"waivers": Document.WAIVERS, "policy": Document.POLICY}
"""Files that are held against their schema alone, by the key that says what they are."""
YAML_BLOCKS = all_blocks("yaml")
FOR_OTHERS = (".github/", ".gitlab-ci.yml", "compose.yaml", "deploy/")
"""Files that other programs read."""


def is_plan(block: Block) -> bool:
    return block.text.startswith("phasegate: 1") or "\nphasegate: 1" in block.text


PLANS = [block for block in YAML_BLOCKS if is_plan(block) and block.page not in SHOWN_ELSEWHERE]


@pytest.mark.parametrize("block", PLANS, ids=str)
def test_a_plan_that_is_shown_loads_without_a_warning(block: Block, tmp_path: Path) -> None:
    write_files(ROOT / block.page, tmp_path)
    stand_in(tmp_path)
    plan = tmp_path / (block.title or "plan.yaml")
    plan.write_text(block.text, encoding="utf-8")
    loaded = load(plan, kinds=KINDS, env={}, today=TODAY)
    warnings = [sentence(one.message) for one in loaded.warnings]
    assert [text for text in warnings if "is not set" not in text] == []


PIECES = [block for block in YAML_BLOCKS if not is_plan(block)]


@pytest.mark.parametrize("block", PIECES, ids=str)
def test_a_piece_that_is_shown_fits_where_it_belongs(block: Block, tmp_path: Path) -> None:
    if block.title.startswith(FOR_OTHERS):
        assert isinstance(yaml.safe_load(block.text), dict)
        return
    tree = read_text(block.text, tmp_path)
    document = next((one for key, one in SCHEMAS.items() if isinstance(tree, Mapping) and key in tree), None)
    if document is not None:
        jsonschema.Draft202012Validator(schema_of(document)).validate(tree)
        return
    write_files(ROOT / block.page, tmp_path)
    stand_in(tmp_path)
    plan = plan_around(block, tmp_path)
    if plan is not None:
        load_plan(plan, block, tmp_path)


def read_text(text: str, folder: Path) -> Any:
    file = folder / "piece.yaml"
    file.write_text(text, encoding="utf-8")
    return read(file).tree


def stand_in(folder: Path) -> None:
    """Files that pieces name and that the page does not show."""
    for name, content in FILES.items():
        file = folder / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")


def load_plan(plan: Mapping[str, Any], block: Block, folder: Path) -> None:
    file = folder / "around.yaml"
    file.write_text(json.dumps(plan), encoding="utf-8")
    try:
        load(file, kinds=KINDS, env=SECRETS, today=TODAY)
    except PlanError as error:
        pytest.fail(f"{block}:\n" + "\n".join(sentence(problem.message) for problem in error.problems))


NAMED = re.findall(r"\b(?:plans|checks)/[\w/-]+\.\w+", "".join(page.read_text() for page in pages()))


@pytest.mark.parametrize("file", sorted(set(NAMED)))
def test_a_file_of_the_repository_that_is_named_is_there(file: str) -> None:
    assert (ROOT / file).is_file()


def test_python_that_is_shown_compiles() -> None:
    for block in all_blocks("python"):
        compile(block.text, str(block), "exec")
