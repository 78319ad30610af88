"""Plans that the documents show load, pieces of plans load in a plan, commands are ones that there are.

`tests.docs.pages` says which block is what; `test_commands` runs the commands.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml

from phasegate.base.errors import PlanError
from phasegate.base.yaml import read
from phasegate.cli.app import COMMANDS as NAMES
from phasegate.cli.app import make_app
from phasegate.cli.schema import Document, schema_of
from phasegate.kinds import KINDS
from phasegate.plan.loader import load
from phasegate.render.sentences import sentence
from tests.docs.consoles import SHOWN_ELSEWHERE, write_files
from tests.docs.pages import ROOT, Block, all_blocks, blocks, pages, prose
from tests.docs.pieces import FILES, SECRETS, plan_around

TODAY = date(2027, 1, 15)
"""A day on which the waivers of the documents are in force."""


LINES = [
    (block, line.strip())
    for block in all_blocks("sh", "groovy", "yaml", "console")
    for line in block.text.replace("\\\n", " ").splitlines()
    if re.search(r"(?:^|[\s/'\"])phasegate [a-z-]", line.split("#")[0])
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


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that some words name, and the words behind it; that of the whole program has `commands`."""
    found: Any = typer.main.get_command(make_app(*NAMES))
    while hasattr(found, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        assert name in found.commands, f"there is no command {name!r}"
        found = found.commands[name]
    return found, words


def parse(words: list[str]) -> None:
    """Errors: those of the command line, where a command has no such flag, or lacks an argument."""
    command, rest = find_command(words)
    if hasattr(command, "commands"):
        assert rest in (["--help"], ["--version"]), words
    else:
        command.make_context(command.name, list(rest))


INLINE = sorted(
    {
        command
        for page in pages()
        for command in re.findall(r"`phasegate ([a-z-][^`]*)`", prose(page))
        if not command.startswith("--")
    }
)


@pytest.mark.parametrize("command", INLINE)
def test_a_command_in_a_sentence_is_one_that_there_is_and_has_its_flags(command: str) -> None:
    found, rest = find_command(command.split())
    known = {option for param in found.params for option in param.opts}
    assert {word.partition("=")[0].strip("[]") for word in rest if word.startswith("-")} <= known


# Files


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
    if block.title in files_with_warnings(ROOT / block.page):
        assert warnings
    else:
        assert [text for text in warnings if "is not set" not in text] == []


def files_with_warnings(page: Path) -> list[str]:
    """The files that the output shown on a page warns of."""
    shown = "".join(block.text for block in blocks(page) if block.language == "console")
    return re.findall(r"warning: .*\n *--> ([^:\s]+):", shown)


PIECES = [block for block in YAML_BLOCKS if not is_plan(block)]


@pytest.mark.parametrize("block", PIECES, ids=str)
def test_a_piece_that_is_shown_fits_where_it_belongs(block: Block, tmp_path: Path) -> None:
    if block.title.startswith(FOR_OTHERS):
        assert isinstance(yaml.safe_load(block.text), dict)
        return
    tree = read_text(block.text, tmp_path)
    head = tree if isinstance(tree, Mapping) else {}
    document = next((one for key, one in SCHEMAS.items() if head.get(key) == 1), None)
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
