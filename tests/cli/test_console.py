from __future__ import annotations

import io
import sys

import pytest

from phasegate.cli.console import make_console


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_standard_error_cannot_hold_is_written_as_an_escape(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding, errors="strict", write_through=True))
    make_console().print("a\ud800b\u2603c", soft_wrap=True)
    snow = "\u2603" if encoding == "utf-8" else "\\u2603"
    assert raw.getvalue().decode(encoding) == f"a\\ud800b{snow}c\n"
