"""Any text comes back from the YAML as it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phasegate.base.substitution import finish
from phasegate.base.yaml import read
from phasegate.cli.markdown_starter.draft import Draft, DraftStep, Entry
from phasegate.cli.markdown_starter.text import text_of
from phasegate.cli.markdown_starter.vocabulary import Role
from phasegate.kinds import KINDS
from phasegate.plan.loader import load

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)


@given(TEXTS, TEXTS)
@example("true", "null")
@example("a: b # c", "- a")
@example("${x} $$", "1.10")
@example("\x00\x1b[31m", "\ufffe\U0001f534")
@example("No", "a:")
@example("  a\n  b", "#")
def test_a_text_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, line: str, other: str) -> None:
    entry = Entry(text=line, line=1, group=other)
    step = DraftStep(title=other, id="a", purpose=[line, other])
    step.lists[Role.WORK].append(entry)
    draft = Draft(title=line, steps=[step], goal=[other, line], prose=[(line, other)])
    draft.lists[Role.SCHEDULE].append(entry)
    file = tmp_path_factory.mktemp("plans") / "plan.yaml"
    file.write_text(text_of(draft, other, other), encoding="utf-8")
    tree = finish(read(file).tree)
    assert (tree["title"], tree["steps"][0]["title"]) == (line.strip(), other.strip())
    assert tree["steps"][0]["work"] == [{"heading": other.strip(), "lines": [line.strip()]}]
    assert tree["schedule"] == tree["steps"][0]["work"]
    assert tree["steps"][0]["purpose"].split() == f"{line}\n{other}".split()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_a_line_stands_below_the_nearest_one_above_that_is_less_deep(
    tmp_path_factory: pytest.TempPathFactory, levels: list[int]
) -> None:
    entries = [Entry(text=f"line {number}", line=1, level=level) for number, level in enumerate(levels)]
    draft = Draft(title="T", steps=[DraftStep(title="S", id="s")])
    draft.lists[Role.DONE] += entries
    file = tmp_path_factory.mktemp("plans") / "plan.yaml"
    file.write_text(text_of(draft, "a.md", "a"), encoding="utf-8")
    done = load(file, kinds=KINDS, env={}).plan.people.done
    assert [line.text for line in done] == [entry.text for entry in entries]
    for number, line in enumerate(done):
        above = [other for other in range(number) if levels[other] < levels[number]]
        depth = done[above[-1]].level + 1 if above else 0
        assert line.level == min(depth, 20)


def test_several_texts_are_a_block_and_what_cannot_be_printed_is_an_escape() -> None:
    draft = Draft(title="T", goal=["one", "two ${x}"], fields={"owner": "\x1b[31mAnn"})
    assert 'goal: |-\n  one\n  two $${x}\nowner: "\\u001b[31mAnn"\n' in text_of(draft, "a.md", "a")
