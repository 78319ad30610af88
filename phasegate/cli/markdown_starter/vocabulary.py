"""The words by which a written plan is understood: headings, labels, check marks, priorities; pure.

Each table has English and Japanese side by side. A word of ASCII is compared whole, any other anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What stands below a heading. The value is the key of the plan, where there is one."""

    STEPS = "steps"
    STEP = "step"
    DONE = "done"
    KNOWN = "known"
    STATUS = "status"
    """What is done and what is open, told apart by check marks."""
    RISKS = "risks"
    SCHEDULE = "schedule"
    AFTER = "after"
    NEXT = "next"
    WORK = "work"
    OUTCOMES = "outcomes"
    CRITERIA = "criteria"


IN_STEP = frozenset({Role.WORK, Role.OUTCOMES, Role.CRITERIA})
LISTS = frozenset({Role.DONE, Role.KNOWN, Role.STATUS, Role.RISKS, Role.SCHEDULE, Role.AFTER, Role.NEXT})

_HEADINGS: Mapping[Role, tuple[str, ...]] = {
    Role.NEXT: (
        *("next", "next phase", "next phases", "next step", "next steps", "future work", "follow-up"),
        *("follow-ups", "out of scope", "次のフェーズ", "次フェーズ", "次のステップ", "次の段階", "今後"),
    ),
    Role.AFTER: (
        *("after completion", "state after completion", "state afterwards", "state after", "end state"),
        *("target state", "future state", "作業完了後", "完了後の状態", "完了後", "到達状態"),
    ),
    Role.DONE: (
        *("done", "completed", "completed items", "completed work", "completed tasks", "already done"),
        *("finished", "achievements", "accomplishments", "完了済み", "完了した", "完了項目", "達成済み"),
        *("実施済み", "対応済み"),
    ),
    Role.KNOWN: (
        *(
            "known issues",
            "known issue",
            "known limitations",
            "known limits",
            "known problems",
            "open issues",
        ),
        *("open items", "open points", "remaining issues", "remaining problems", "outstanding issues"),
        *("limitations", "blockers", "残存課題", "残課題", "既知の問題", "既知の課題", "未解決", "制約事項"),
        *("課題",),
    ),
    Role.RISKS: (
        *("risk", "risks", "risk assessment", "risk analysis", "risk management", "risk register"),
        *("risks and mitigations", "risk mitigation", "リスク"),
    ),
    Role.SCHEDULE: (
        *("schedule", "timeline", "time line", "calendar", "timetable", "スケジュール", "日程", "工程表"),
    ),
    Role.CRITERIA: (
        *(
            "success criteria",
            "success criterion",
            "completion criteria",
            "acceptance criteria",
            "exit criteria",
        ),
        *("entry criteria", "done criteria", "definition of done", "definition of ready", "done when"),
        *("release criteria", "criteria", "quality indicators", "quality metrics", "quality goals"),
        *("quality targets", "success metrics", "metrics", "kpis", "成功基準", "完了基準", "判定基準"),
        *(
            "受け入れ基準",
            "受入基準",
            "完了条件",
            "終了条件",
            "達成基準",
            "品質指標",
            "品質目標",
            "完了の定義",
        ),
    ),
    Role.OUTCOMES: (
        *("outcomes", "expected outcomes", "expected results", "results", "deliverables", "outputs"),
        *("期待される成果", "期待成果", "成果物", "期待される結果", "成果"),
    ),
    Role.WORK: (
        *(
            "work",
            "work items",
            "tasks",
            "activities",
            "actions",
            "action items",
            "what to do",
            "to do",
            "todo",
        ),
        *("実施内容", "作業内容", "作業項目", "実施項目", "タスク", "やること"),
    ),
    Role.STATUS: (
        *("status", "current status", "current situation", "current state", "situation", "where we are"),
        *("現在の状況", "現状", "状況分析", "状況"),
    ),
    Role.STEPS: (
        *("plan", "work plan", "steps", "phases", "stages", "milestones", "implementation plan"),
        *("作業計画", "実施計画", "実行計画", "作業手順", "計画"),
    ),
}
"""A heading has the first role of which a word is at its beginning or end."""
_NUMBERED = re.compile(
    r"(?:step|phase|stage|milestone|sprint|iteration|part)\s*#?\d|"
    r"(?:ステップ|フェーズ|工程|手順|段階|マイルストーン|スプリント)\s*\d|第\s*\d+\s*(?:段階|フェーズ|ステップ|工程)"
)
_NUMBERED_AND_TITLE = re.compile(r"\w+?\s*#?\d+(?:\.\d+)*\s*(?:[:.)–—-]|$)")
_COUNTED = re.compile(r"(?:step|risk|ステップ|リスク)\s*#?\d+\s*[:：.)–—-]\s*(?=\S)", re.IGNORECASE)
_BEHIND = re.compile(r"(?:and|&|of|for|in|/|,|:|\(|-|–|—)")
"""How a heading goes on behind a word that it begins with."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "created": ("created", "date", "created on", "creation date", "作成日", "日付", "作成日時"),
    "updated": (
        *("updated", "last updated", "last update", "last modified", "modified", "revised", "last revised"),
        *("最終更新", "更新日", "最終更新日", "改訂日"),
    ),
    "due": (
        *(
            "due",
            "due date",
            "deadline",
            "target date",
            "completion date",
            "release date",
            "expected completion",
        ),
        *("planned completion", "完了予定日", "期限", "締切", "完了予定", "納期", "目標日", "リリース日"),
    ),
    "owner": (
        *("owner", "responsible", "lead", "assignee", "author", "release manager", "person in charge"),
        *("実行責任者", "責任者", "担当者", "担当", "作成者"),
    ),
    "approver": (
        *("approver", "approved by", "plan approver", "approval", "sign-off", "signed off by"),
        *("計画承認者", "承認者", "承認"),
    ),
    "goal": ("goal", "objective", "aim", "目標", "ゴール"),
}
"""Labels of the plan's own keys, as in `Owner: Ann`."""
STEP_FIELDS: Mapping[str, tuple[str, ...]] = {
    "priority": ("priority", "優先度", "優先順位"),
    "estimate": (
        *("estimate", "estimated time", "estimated duration", "duration", "effort", "time", "time required"),
        *("所要時間", "見積もり", "見積", "工数", "想定時間"),
    ),
    "purpose": ("purpose", "goal", "objective", "aim", "目的", "目標", "ねらい"),
    "owner": FIELDS["owner"],
}
RISK_FIELDS: Mapping[str, tuple[str, ...]] = {
    "impact": ("impact", "severity", "effect", "影響度", "影響", "深刻度"),
    "likelihood": ("likelihood", "probability", "prob", "chance", "発生確率", "発生可能性", "確率", "可能性"),
    "measures": (
        *("measures", "measure", "mitigation", "mitigations", "mitigation strategy", "countermeasures"),
        *("response", "action", "actions", "contingency", "対策", "対応策", "軽減策", "対応"),
    ),
    "title": ("risk", "title", "description", "risk description", "リスク", "内容", "項目"),
}
NAME_AND_VALUE = frozenset(
    (
        *("", "field", "name", "key", "item", "property", "attribute", "value", "detail", "details"),
        *("項目", "名前", "内容", "値"),
    )
)
"""Headings of a table of labels and their values."""
_PRIORITIES: Mapping[str, tuple[str, ...]] = {
    "critical": ("critical", "highest", "blocker", "urgent", "p0", "最高", "緊急", "最優先"),
    "high": ("high", "p1", "高", "高い"),
    "medium": ("medium", "normal", "moderate", "p2", "中", "普通"),
    "low": ("low", "lowest", "p3", "低", "低い"),
}

_TICKED = r"\[[xX✓✔]\]|[✅☑✔✓🗹]"
_OPEN = r"\[[ \-/~]?\]|[☐⬜◻❏□⚠❌✗✘✖🔲🚧⏳]"
_TICK = re.compile(rf"\s*(?:{_TICKED})")
_MARK = re.compile(rf"\s*(?:{_TICKED}|{_OPEN})")
_NO_WORDS = re.compile(r"[^\w\s:/&(),.)–—#%'+-]")
_LABEL = re.compile(r"([^:：\n]{1,40})[:：]([\s\S]*)")
_NUMBER = re.compile(r"^(?:\d+(?:\.\d+)*|[a-z]|[ivx]+)[.):]\s+|^\d+(?:\.\d+)+\s+|^[-–—:#\s]+")


def normalize(text: str) -> str:
    """Full-width letters and figures as ASCII, small letters, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def has_mark(text: str) -> bool:
    """Whether a text begins with a check mark, ticked or not."""
    return _MARK.match(text) is not None


def is_ticked(text: str) -> bool:
    """Whether a text begins with a mark that says that it is done."""
    return _TICK.match(text) is not None


def role_of(heading: str) -> Role | None:
    """The role of what stands below a heading; None for a heading that has no word of the table."""
    text = _NUMBER.sub("", _NO_WORDS.sub("", normalize(heading)).strip()).strip()
    numbered = _NUMBERED.match(text)
    if numbered and _NUMBERED_AND_TITLE.match(text):
        return Role.STEP
    bare = text.rstrip(" :.")
    for role, words in _HEADINGS.items():
        if any(_is_at_an_end(word, bare) for word in words):
            return role
    return Role.STEP if numbered else None


def without_number(heading: str) -> str:
    """`Step 1: Build` as `Build`: reports number steps and risks themselves."""
    return _COUNTED.sub("", heading, count=1) if _COUNTED.match(heading) else heading


def _is_at_an_end(word: str, text: str) -> bool:
    if not word.isascii():
        return word in text
    if text.endswith(word):
        return text == word or not text[-len(word) - 1].isalnum()
    return text.startswith(f"{word} ") and _BEHIND.match(text[len(word) + 1 :]) is not None


def label_of(text: str, table: Mapping[str, tuple[str, ...]]) -> tuple[str, str] | None:
    """The key of a table and the value in a text such as `Owner: Ann`; None where it has no such label."""
    found = _LABEL.match(text)
    key = found and key_of(found[1], table)
    return (key, found[2].strip()) if found and key else None


def key_of(label: str, table: Mapping[str, tuple[str, ...]]) -> str | None:
    """The key of a table to which a label belongs."""
    word = _NO_WORDS.sub("", normalize(label)).strip()
    return next((key for key, words in table.items() if word in words), None)


def role_of_label(text: str) -> tuple[Role, str] | None:
    """The role and the value in a text such as `Success criteria: none`; only of what a step has."""
    found = _LABEL.match(text)
    role = role_of(found[1]) if found else None
    return (role, found[2].strip()) if found and role in IN_STEP else None


def priority_of(value: str) -> str | None:
    """The priority as a plan has it; None for a value that is none of the table."""
    word = _NO_WORDS.sub("", normalize(value)).strip()
    return next((name for name, words in _PRIORITIES.items() if word in words), None)
