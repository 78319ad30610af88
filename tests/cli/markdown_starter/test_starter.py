"""Documents as people write them, made into plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import UsageError
from phasegate.base.substitution import escape, finish, texts_in
from phasegate.base.yaml import read
from phasegate.cli.markdown_starter import starter
from phasegate.cli.markdown_starter.draft import draft_of
from phasegate.cli.markdown_starter.outline import LINES, read_outline
from phasegate.cli.markdown_starter.starter import starter_of
from phasegate.cli.markdown_starter.text import CHECK_FOLDER, text_of
from phasegate.kinds import KINDS
from phasegate.plan.loader import load

DOCUMENTS = Path(__file__).parent / "documents"
BOTH = pytest.mark.parametrize("name", ["plan.en.md", "plan.ja.md"])


def tree_of(document: str, folder: Path) -> Any:
    """The plan of a document, as data."""
    draft = draft_of(read_outline(document), "release")
    file = folder / "made.yaml"
    file.write_text(text_of(draft, "release.md", "release"), encoding="utf-8")
    return finish(read(file).tree)


def plan_of(name: str, folder: Path) -> Any:
    return tree_of((DOCUMENTS / name).read_text(encoding="utf-8"), folder)


@BOTH
def test_the_plan_of_a_document_has_no_problem(name: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(starter_of(DOCUMENTS / name).text, encoding="utf-8")
    loaded = load(plan, kinds=KINDS, env={})
    assert loaded.warnings == ()
    assert [check.id for check in loaded.plan.checks()] == [f"shows-{step}" for step in STEPS[name]]


STEPS = {
    "plan.en.md": ["correct-the-stock-levels", "ship-it"],
    "plan.ja.md": ["step-1", "step-2"],
}


@BOTH
def test_the_plan_has_every_line_of_the_document_as_a_line(name: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(starter_of(DOCUMENTS / name).text, encoding="utf-8")
    loaded = load(plan, kinds=KINDS, env={}).plan
    people = loaded.people
    lists = [people.done, people.known, people.schedule, people.outcomes, people.after, people.next]
    lists += [list for step in loaded.steps for list in (step.asked.work, step.asked.outcomes)]
    lists += [risk.measures for risk in people.risks]
    lines = [line for list in lists for line in list if not line.heading]
    assert len(lines) == 35  # those of the document, and a measure behind its label
    assert sorted({line.level for line in lines}) == [0, 1]


@BOTH
def test_every_kind_of_section_comes_to_its_key(name: str, tmp_path: Path) -> None:
    plan = plan_of(name, tmp_path)
    assert {"goal", "owner", "approver", "created", "updated", "due"} <= set(plan)
    assert {key: len(plan[key]) for key in ("done", "known", "risks", "schedule", "outcomes", "after")} == {
        "done": 3,
        "known": 3,
        "risks": 2,
        "schedule": 2,
        "outcomes": 2,
        "after": 2,
    }
    first, second = plan["steps"]
    assert (first["priority"], second["priority"]) == ("critical", "high")
    assert [len(line["lines"]) for line in first["work"]] == [2, 1]
    assert [len(line["lines"]) for line in (first["outcomes"][1], second["outcomes"][0])] == [3, 1]
    assert [len(line["lines"]) for line in plan["outcomes"]] == [2, 4]
    assert all(risk["impact"] and risk["likelihood"] and risk["measures"] for risk in plan["risks"])


def test_the_values_of_a_document_stand_in_its_plan(tmp_path: Path) -> None:
    plan = plan_of("plan.en.md", tmp_path)
    assert plan["goal"].splitlines() == [
        "Phase: 3, moving the stock service",
        "The stock service runs on the new platform",
    ]
    assert (plan["owner"], plan["approver"], plan["due"]) == ("Bob", "Ann", "2027-02-05")
    assert (plan["created"], plan["updated"]) == ("2027-02-01", "2027-02-02 09:30")
    assert plan["done"][0] == "Service: starts, 100% success of 40 health checks"
    assert plan["done"][2] == {"heading": "🎯 Endpoints", "lines": ["✅ /health - answers"]}
    assert plan["steps"][0]["work"][0] == {
        "text": "Settings of the store",
        "lines": ["`/v2/stock` reads its settings", "The schema fits the code"],
    }
    assert plan["steps"][1]["work"][1:] == [
        "[x] Write the rollback procedure",
        "[ ] Alerts have a receiver",
    ]
    assert plan["outcomes"][1]["lines"][-1] == "Indicator: Availability; Target: 99.9%"
    assert plan["risks"][1] == {
        "title": "Browsers change",
        "impact": "low",
        "likelihood": "low",
        "measures": ["pin the version"],
    }
    assert plan["schedule"][0] == {
        "heading": "Monday: step 1",
        "lines": ["Morning: settings", "Afternoon: API tests"],
    }


@BOTH
def test_what_could_judge_a_line_stands_beside_it(name: str) -> None:
    lines = starter_of(DOCUMENTS / name).text.splitlines()
    beside = [line.partition("  # ")[2].partition(" (")[0] for line in lines if line.startswith("     ")]
    assert beside.count("pass_rate == 100%") == 4
    assert beside.count("latency.p95 < 100ms") == 2
    for criterion in ("success_rate >= 95%", "success_rate >= 99.9%", "failed == 0", "kind kubernetes"):
        assert beside.count(criterion) == 1, criterion


@BOTH
def test_no_step_passes_as_it_is_made(name: str, tmp_path: Path) -> None:
    """The program of each check is not there, and what is not there shows nothing."""
    for step in plan_of(name, tmp_path)["steps"]:
        (check,) = step["checks"]
        assert check["kind"] == "command"
        assert check["command"] == [f"{CHECK_FOLDER}/{step['id']}"]
        assert "criteria" not in step


def test_the_account_counts_every_line_once_and_names_those_without_a_suggestion() -> None:
    account = starter_of(DOCUMENTS / "plan.en.md").account
    assert account[0] == "plan.en.md: 34 lines (list items, rows of tables, check marks), in 2 steps"
    assert "    latency.p95 < 100ms (health, load): lines 58, 95" in account
    assert any("without a suggestion: lines 16, " in line for line in account)


# Every line stands in the plan


WORDS = st.text("abcdefg :#${}&!%@\"',?*テスト🔴０%<>=", max_size=20)
LINE = st.builds(lambda letter, text: f"{letter}{text}".strip(), st.sampled_from("kqzあ"), WORDS).map(
    lambda text: " ".join(text.replace("*", "").replace("<", "").replace(": ", ":").split()).rstrip(":： ")
)
HEADINGS = st.sampled_from(
    (
        *(
            "Steps",
            "Step 1: a",
            "Phase 2",
            "Known issues",
            "Completed items",
            "Risks",
            "Risk 1: b",
            "Schedule",
        ),
        *(
            "Day 1",
            "Success criteria",
            "Expected outcomes",
            "Work",
            "Current status",
            "State after completion",
        ),
        *(
            "Next steps",
            "Something else",
            "リスク",
            "実施内容",
            "成功基準",
            "現在の状況",
            "次のフェーズ",
            "作業計画",
        ),
    )
)
MARKS = st.sampled_from(["[x]", "[ ]", "✅", "⚠️", "☐"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Markdown, and the texts of its lines."""
    blocks, texts = [], []
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            blocks.append("#" * draw(st.integers(1, 4)) + " " + draw(HEADINGS))
        lines = draw(st.lists(LINE, min_size=1, max_size=5))
        texts += lines
        match draw(st.sampled_from(["items", "numbers", "nested", "table", "marks", "fence", "ticks"])):
            case "items":
                block = [f"- {line}" for line in lines]
            case "numbers":
                block = [f"{number}. {line}" for number, line in enumerate(lines, start=1)]
            case "nested":
                block = [f"{'  ' * depth}- {line}" for depth, line in enumerate(lines)]
            case "table":
                block = [f"| A | {lines[0]} |", "|---|---|", *(f"| {line} | b |" for line in lines[1:])]
            case "marks":
                block = [f"{draw(MARKS)} {line}" for line in lines]
            case "fence":
                block = ["```", *(f"{draw(MARKS)} {line}" for line in lines), "```"]
            case _:
                block = [f"- {draw(MARKS)} {line}" for line in lines]
        blocks.append("\n".join(block))
    return "\n\n".join(blocks), texts


@given(documents())
def test_every_line_of_a_document_stands_in_its_plan(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, list[str]]
) -> None:
    document, texts = drawn
    plan = tree_of(document, tmp_path_factory.mktemp("plans"))
    kept = "\n".join(text for _, text in texts_in(plan))
    assert [text for text in texts if text not in kept] == []


@given(documents())
def test_every_line_is_counted_where_it_went(drawn: tuple[str, list[str]]) -> None:
    outline = read_outline(drawn[0])
    draft = draft_of(outline, "release")
    assert sum(draft.places.values()) == sum(piece.kind in LINES for piece in outline.pieces)


@given(documents())
def test_ids_of_steps_and_checks_are_unique(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, list[str]]
) -> None:
    plan = tree_of(drawn[0], tmp_path_factory.mktemp("plans"))
    file = tmp_path_factory.mktemp("plans") / "steps.yaml"
    steps = {key: plan[key] for key in ("phasegate", "phase", "title", "steps")}
    file.write_text(json.dumps(escape(steps), ensure_ascii=False), encoding="utf-8")
    assert load(file, kinds=KINDS, env={}).warnings == ()


# What is no document, and what is hostile


def test_a_secret_is_left_out_and_its_line_is_named(tmp_path: Path) -> None:
    token, key = "ghp_" + "a1B2" * 9, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
    file = tmp_path / "release.md"
    file.write_text(
        f"# Release\n\n- use {token} to push\n\n- and this\n\n"
        f"-----BEGIN RSA PRIVATE KEY-----\n{key}\n{key}=\n"
        "-----END RSA PRIVATE KEY-----\n\n- then stop\n"
    )
    made = starter_of(file)
    assert token not in made.text
    assert key not in made.text
    assert "then stop" in made.text
    assert "  secrets were left out: lines 3, 7" in made.account


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_of_other_systems_are_read(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    text = (DOCUMENTS / "plan.ja.md").read_text(encoding="utf-8")
    (tmp_path / "plan.ja.md").write_bytes(text.replace("\n", newline).encode(encoding))
    assert starter_of(tmp_path / "plan.ja.md") == starter_of(DOCUMENTS / "plan.ja.md")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no text to make a plan of"),
        (b"\n \n<!-- nothing -->\n", "has no text to make a plan of"),
        ("計画".encode("shift_jis"), "is no text in UTF-8"),
        (
            b"".join(b"  " * depth + b"- a\n" for depth in range(1_000)),
            "lists are nested deeper than 100 levels",
        ),
        (b">" * 1_000 + b" a", "lists are nested deeper than 100 levels"),
        (b"a" * (4 << 20) + b"b", "at most 4,194,304 are read"),
        (b"- a\n" * 100_001, "has more than 100,000 lines"),
    ],
    ids=["empty", "comment", "other encoding", "deep list", "deep quote", "large", "lines"],
)
def test_what_is_no_document_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "release.md"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        starter_of(file)


def test_a_plan_larger_than_plans_may_be_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter, "MAX_BYTES", 1_000)
    file = tmp_path / "release.md"
    file.write_text("- a\n" * 100)
    with pytest.raises(UsageError, match=r"the plan of .* would be larger than 1,000 B"):
        starter_of(file)


def test_front_matter_gives_keys_and_the_rest_of_it_is_a_comment(tmp_path: Path) -> None:
    document = '---\ntitle: "Release 7"\nowner: Ann\nlayout: page\n---\n# Other\n\n- a\n'
    plan = tree_of(document, tmp_path)
    assert (plan["title"], plan["owner"]) == ("Release 7", "Ann")
    assert "#   front matter: layout: page" in (tmp_path / "made.yaml").read_text()


def test_a_document_that_begins_with_a_line_across_has_no_front_matter(tmp_path: Path) -> None:
    plan = tree_of("---\nOwner: Ann\n\n- [ ] first\n- second\n\n---\n\n- third\n", tmp_path)
    assert plan["owner"] == "Ann"
    assert plan["steps"][0]["work"] == ["[ ] first", "second", "third"]


def test_a_document_with_nothing_but_prose_is_a_step_of_its_own(tmp_path: Path) -> None:
    plan = tree_of("# Release\n\nTake care.\n\n## Why\n\nBecause.\n", tmp_path)
    assert plan["goal"] == "Take care."
    assert [(step["title"], step["purpose"]) for step in plan["steps"]] == [("Release", "Because.")]


def test_control_characters_names_and_html_are_text(tmp_path: Path) -> None:
    lines = [
        "\x1b[31mred\x1b[0m",
        "${env.HOME} $$ ${",
        "a: b # c",
        "<script>alert(1)</script>",
        "\x85\u2028e\ufffe",
    ]
    document = "# \x1b[2J${x}: #\n\n" + "\n".join(f"- k{line}" for line in lines)
    plan = tree_of(document, tmp_path)
    assert plan["title"] == "\x1b[2J${x}: #".strip(" #").rstrip()
    assert plan["steps"][0]["work"] == [f"k{line}".replace("\x85\u2028", " ") for line in lines]
    assert "\x1b" not in (tmp_path / "made.yaml").read_text(encoding="utf-8")
