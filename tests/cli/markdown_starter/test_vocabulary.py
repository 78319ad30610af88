"""Which headings and labels are understood, in English and Japanese."""

from __future__ import annotations

import pytest

from phasegate.cli.markdown_starter.vocabulary import (
    FIELDS,
    Role,
    has_mark,
    is_ticked,
    key_of,
    label_of,
    priority_of,
    role_of,
    role_of_label,
)


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("Success criteria", Role.CRITERIA),
        ("3.2 Acceptance Criteria:", Role.CRITERIA),
        ("Definition of Done (DoD)", Role.CRITERIA),
        ("Phase 4完了の判定基準", Role.CRITERIA),
        ("✅ 完了済み項目", Role.DONE),
        ("⚠️ Known issues in 2.0", Role.KNOWN),
        ("残存課題", Role.KNOWN),
        ("Risks and mitigations", Role.RISKS),
        ("リスク評価と対策", Role.RISKS),
        ("Project schedule", Role.SCHEDULE),
        ("次のフェーズ", Role.NEXT),
        ("Next steps", Role.NEXT),
        ("作業完了後の状態", Role.AFTER),
        ("Step 3: Risk assessment", Role.STEP),
        ("ステップ1: 設定", Role.STEP),
        ("第2段階", Role.STEP),
        ("Implementation plan", Role.STEPS),
        ("実施内容", Role.WORK),
        ("期待される成果", Role.OUTCOMES),
        ("Fix known issues in the release pipeline", None),
        ("Schedule the release", None),
        ("Backend", None),
        ("", None),
    ],
)
def test_a_heading_has_the_role_of_a_word_at_its_beginning_or_end(heading: str, role: Role | None) -> None:
    assert role_of(heading) is role


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Owner: Ann", ("owner", "Ann")),
        ("実行責任者： 安", ("owner", "安")),
        ("Last updated: 2027-02-02 09:30", ("updated", "2027-02-02 09:30")),
        ("Owners of the shop: Ann", None),
        ("Owner", None),
    ],
)
def test_a_label_is_a_word_of_the_table_and_a_colon(text: str, found: tuple[str, str] | None) -> None:
    assert label_of(text, FIELDS) == found


def test_a_label_of_a_list_has_its_role() -> None:
    assert role_of_label("Success criteria:") == (Role.CRITERIA, "")
    assert role_of_label("Risks: none") is None


@pytest.mark.parametrize(
    ("value", "priority"),
    [("🔴 最高", "critical"), ("High", "high"), ("Ｐ２", "medium"), ("🟢 低", "low"), ("soon", None)],
)
def test_a_priority_is_read_with_or_without_a_sign(value: str, priority: str | None) -> None:
    assert priority_of(value) == priority


def test_check_marks_are_told_from_text() -> None:
    assert all(has_mark(text) for text in ("[x] a", "[ ] a", "✅ a", "⚠️ a", "☐ a", "- [x]"[2:]))
    assert [is_ticked(text) for text in ("[x] a", "[X] a", "✔ a", "[ ] a", "☐ a", "a [x]")] == [
        *(True, True, True),
        *(False, False, False),
    ]
    assert key_of("**Due date**", FIELDS) == "due"
