from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from phasegate.render.html.compiled import CompiledTemplates


@pytest.fixture(autouse=True)
def _may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)


def rendered(folder: Path) -> tuple[str, int]:
    """What the template says, and how many templates had to be compiled for it."""
    compiled = []

    class Counting(Environment):
        def _generate(self, source, name, filename, defer_init=False):  # type: ignore[no-untyped-def]
            compiled.append(name)
            return super()._generate(source, name, filename, defer_init=defer_init)

    environment = Counting(loader=FileSystemLoader(folder), bytecode_cache=CompiledTemplates(folder))
    return environment.get_template("page.html").render(name="gate"), len(compiled)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text("hello {{ name }}")
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return list((folder / "__pycache__").glob("*"))


def test_a_template_is_compiled_once(folder: Path) -> None:
    assert rendered(folder) == ("hello gate", 1)
    assert rendered(folder) == ("hello gate", 0)
    (file,) = kept(folder)
    assert file.name == f"page.{sys.implementation.cache_tag}.jinja"


def test_a_template_that_changed_is_compiled_again(folder: Path) -> None:
    rendered(folder)
    (folder / "page.html").write_text("bye {{ name }}")
    assert rendered(folder) == ("bye gate", 1)
    assert rendered(folder) == ("bye gate", 0)


@pytest.mark.parametrize("content", [b"", b"j2", b"\0" * 4096])
def test_a_file_that_nothing_can_be_made_of_is_written_anew(folder: Path, content: bytes) -> None:
    rendered(folder)
    (file,) = kept(folder)
    file.write_bytes(content)
    assert rendered(folder) == ("hello gate", 1)
    assert rendered(folder) == ("hello gate", 0)


def test_a_file_that_was_cut_off_is_written_anew(folder: Path) -> None:
    rendered(folder)
    (file,) = kept(folder)
    file.write_bytes(file.read_bytes()[:-20])
    assert rendered(folder) == ("hello gate", 1)


def test_nothing_is_written_where_python_may_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(folder) == rendered(folder) == ("hello gate", 1)
    assert not kept(folder)


def test_a_page_is_rendered_where_nothing_can_be_written(folder: Path) -> None:
    (folder / "__pycache__").write_text("no folder")
    assert rendered(folder) == rendered(folder) == ("hello gate", 1)
    assert sorted(path.name for path in folder.iterdir()) == ["__pycache__", "page.html"]
