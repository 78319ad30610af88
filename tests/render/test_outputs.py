from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.base.errors import UsageError
from phasegate.render.outputs import ALWAYS, Output, parse_outputs, parse_rendering


def test_without_flags_the_reports_of_every_run_go_into_its_folder() -> None:
    assert [output.format for output in parse_outputs(())] == list(ALWAYS)
    assert not any(output.named for output in parse_outputs(()))


def test_what_is_asked_for_comes_on_top_once(tmp_path: Path) -> None:
    place = tmp_path / "gate.xml"
    flags = ("html", f"junit={place}", "json=-", "json=-", "junit-strict")
    assert parse_outputs(flags)[len(ALWAYS) :] == (
        Output(format="junit", path=place, named=True),
        Output(format="json", path=None, named=True),
        Output(format="junit-strict", path=Path("junit-strict.xml")),
    )


def test_rendering_again_gives_what_is_asked_for_or_everything() -> None:
    assert parse_rendering(()) == parse_outputs(())
    assert parse_rendering(("json=-",)) == (Output(format="json", path=None, named=True),)


@pytest.mark.parametrize("flag", ["pdf", "pdf=x", "", "json=", "json=nowhere/x.json", "json=."])
def test_what_cannot_be_written_is_wrong_usage_before_anything_runs(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        parse_outputs((flag,))
    assert raised.value.help
