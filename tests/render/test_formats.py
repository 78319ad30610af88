"""Every format renders every run, and is imported only when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from phasegate.render import FORMATS
from tests.samples import all_runs

RUNS = all_runs()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_renders_every_run(format: str, run: str) -> None:
    assert FORMATS[format].render(RUNS[run]).encode("utf-8").strip()


def test_files_of_formats_differ() -> None:
    assert len({format.file for format in FORMATS.values()}) == len(FORMATS)


def test_list_of_formats_imports_none_of_them() -> None:
    late = ("jinja2", "rich", "xml.etree")
    code = f"import sys, phasegate.render; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
