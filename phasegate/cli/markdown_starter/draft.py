"""A written plan sorted into what a phasegate plan holds: every line once, in its order; pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field, replace

from phasegate.base.dataclass import dataclass
from phasegate.cli.markdown_starter.outline import LINES, Outline, Piece, PieceKind
from phasegate.cli.markdown_starter.vocabulary import (
    FIELDS,
    IN_STEP,
    LISTS,
    NAME_AND_VALUE,
    RISK_FIELDS,
    STEP_FIELDS,
    Role,
    is_ticked,
    key_of,
    label_of,
    normalize,
    priority_of,
    role_of,
    role_of_label,
    without_number,
)
from phasegate.plan.written.plan import RESERVED

_LONGEST_ID = 40
_FRONT = "front matter"
_PLAN_LISTS = LISTS | {Role.OUTCOMES}
"""What a plan has a list or table of, beside its steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the plan."""

    text: str
    line: int
    """Where it stands in the document."""
    level: int = 0
    """How many items it stands below."""
    group: str = ""
    """The headings that it stands under, within its list."""


@dataclass(kw_only=True)
class DraftStep:
    title: str
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    purpose: list[str] = field(default_factory=list)
    lists: dict[Role, list[Entry]] = field(default_factory=lambda: {role: [] for role in sorted(IN_STEP)})


@dataclass(kw_only=True)
class DraftRisk:
    title: str
    fields: dict[str, str] = field(default_factory=dict)
    measures: list[Entry] = field(default_factory=list)


@dataclass(kw_only=True)
class Draft:
    title: str
    fields: dict[str, str] = field(default_factory=dict)
    """`created`, `updated`, `owner`, `approver`, `due`."""
    goal: list[str] = field(default_factory=list)
    steps: list[DraftStep] = field(default_factory=list)
    lists: dict[Role, list[Entry]] = field(default_factory=lambda: {role: [] for role in sorted(_PLAN_LISTS)})
    risks: list[DraftRisk] = field(default_factory=list)
    prose: list[tuple[str, str]] = field(default_factory=list)
    """Heading and text of what is neither a line nor belongs to a step."""
    places: Counter[str] = field(default_factory=Counter)
    """How many lines of the document went where."""
    unknown: list[str] = field(default_factory=list)
    """Headings with lines below them that became steps for want of a word in the vocabulary."""

    def entries(self) -> Iterator[Entry]:
        """All lines that something could judge."""
        for step in self.steps:
            for entries in step.lists.values():
                yield from entries
        for risk in self.risks:
            yield from risk.measures
        for entries in self.lists.values():
            yield from entries


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    title: str
    level: int
    pieces: list[Piece]
    sections: list[_Section]

    def has_lines(self) -> bool:
        return any(piece.kind in LINES for piece in self.pieces)


def draft_of(outline: Outline, name: str) -> Draft:
    """The draft of a plan. `name`: its title where the document has none."""
    top = _tree(outline.pieces)
    first = [section for section in top.sections if section.level == 1]
    title = first[0].title if len(first) == 1 and top.sections[0] is first[0] else ""
    draft = Draft(title=title or name)
    role = role_of(draft.title)
    sorter = _Sorter(draft, role if role in IN_STEP else Role.WORK)
    sorter.take_front(outline.front)
    sorter.take_head(top.pieces)
    if title:
        sorter.take_head(first[0].pieces)
    for section in (*first[0].sections, *top.sections[1:]) if title else top.sections:
        sorter.take_section(section, path=(), role=None)
    draft.steps = [step for step in draft.steps if any(step.lists.values())]
    if not draft.steps:  # a plan has one at least
        purpose = [text for heading, text in draft.prose if heading != _FRONT]
        draft.prose = [one for one in draft.prose if one[0] == _FRONT]
        draft.steps = [DraftStep(title=draft.title, purpose=purpose)]
    _name_steps(draft.steps)
    return draft


def phase_id(title: str, name: str) -> str:
    """The id of the phase: of the words in ASCII that its title begins with, or the file's name does."""
    return _slug(title) or _slug(name) or "phase"


def _tree(pieces: Sequence[Piece]) -> _Section:
    path = [_Section(title="", level=0, pieces=[], sections=[])]
    for piece in pieces:
        if piece.kind is not PieceKind.HEADING:
            path[-1].pieces.append(piece)
            continue
        while path[-1].level >= piece.level:
            path.pop()
        section = _Section(title=piece.text, level=piece.level, pieces=[], sections=[])
        path[-1].sections.append(section)
        path.append(section)
    return path[0]


class _Sorter:
    """Puts each piece in its place."""

    def __init__(self, draft: Draft, role: Role) -> None:
        """`role`: of lines below no heading that says what they are."""
        self._draft = draft
        self._role = role

    def take_front(self, front: Sequence[Piece]) -> None:
        for piece in front:
            title = label_of(piece.text, {"title": ("title",)})
            if title and title[1]:
                self._draft.title = title[1].strip("\"'")
            elif not self._is_field(piece.text):
                self._draft.prose.append((_FRONT, piece.text))

    def take_head(self, pieces: Sequence[Piece]) -> None:
        """What stands above the first heading but the title."""
        step = DraftStep(title=self._draft.title)
        for piece in pieces:
            if piece.kind in LINES and self._is_field(_as_label(piece)):
                self._draft.places["keys of the plan"] += 1
            elif piece.kind in LINES:
                self._to_step(step, self._role, piece, "")
            elif piece.kind is PieceKind.PROSE and not self._is_field(piece.text):
                self._draft.goal.append(piece.text)
        self._draft.steps.append(step)

    def take_section(self, section: _Section, path: tuple[str, ...], role: Role | None) -> None:
        """`path`: headings above it that are no steps; `role`: of the heading above it."""
        own = role_of(section.title)
        own = Role.OUTCOMES if own is Role.CRITERIA else own
        stays = LISTS if role in LISTS else _PLAN_LISTS if role is Role.OUTCOMES else None
        if stays and own not in stays:  # there, a heading such as "Phase 2" names a group
            own = role
        if own in _PLAN_LISTS:
            self._take_list(section, own, (*path, section.title) if own is role else ())
            return
        if own is Role.STEPS and not section.has_lines():
            self._keep_prose(section)
            for inner in section.sections:
                self.take_section(inner, (), Role.STEPS)
            return
        self._take_step(section, own, path)

    def _take_step(self, section: _Section, role: Role | None, path: tuple[str, ...]) -> None:
        title = ": ".join((*path, without_number(section.title)))
        step = DraftStep(title=title)
        parts = [inner for inner in section.sections if self._is_part(inner, role)]
        is_step = section.has_lines() or bool(parts) or role is not None
        self._draft.steps.append(step)
        if is_step:
            self._fill(step, section, role if role in IN_STEP else self._role, "")
        else:
            self._keep_prose(section)
        if section.has_lines() and role is None:
            self._draft.unknown.append(section.title)
        for inner in section.sections:
            if inner in parts:
                self._take_part(step, inner, role, "")
            else:
                self.take_section(inner, () if role is Role.STEPS else (*path, section.title), role)
        if not any(step.lists.values()):
            self._draft.prose += [(title, text) for text in step.purpose]

    def _is_part(self, inner: _Section, role: Role | None) -> bool:
        """Whether what stands below a heading belongs to the step above it."""
        own = role_of(inner.title)
        return own in IN_STEP or (own is None and (role is Role.STEP or role in IN_STEP))

    def _take_part(self, step: DraftStep, section: _Section, role: Role | None, group: str) -> None:
        own = role_of(section.title)
        own = own if own in IN_STEP else None
        group = "" if own else f"{group}: {section.title}" if group else section.title
        if own is Role.CRITERIA or (own and role in IN_STEP):
            group = section.title
        role = own or (role if role in IN_STEP else self._role)
        self._fill(step, section, role, group)
        for inner in section.sections:
            self._take_part(step, inner, role, group)

    def _fill(self, step: DraftStep, section: _Section, role: Role, group: str) -> None:
        """Put what stands directly below a heading into a step."""
        of_step, default = True, role
        for piece in section.pieces:
            if piece.kind is PieceKind.RULE:
                of_step = False  # what is signed below a line belongs to the plan
                continue
            is_label = piece.kind is PieceKind.PROSE or piece.bold
            if is_label and not of_step and self._is_field(piece.text):
                self._count_line(piece, "keys of the plan")
            elif is_label and (of_step and self._is_field_of(step, piece.text)):
                self._count_line(piece, "keys of steps")
            elif is_label and (found := role_of_label(piece.text)) and not (piece.kind in LINES and found[1]):
                role, value = found
                group = piece.text.rstrip(":： ") if role is Role.CRITERIA and not value else ""
                if value:
                    step.lists[role].append(Entry(text=value, line=piece.line))
                self._count_line(piece, "headings of lists")
            elif piece.kind in LINES:
                self._to_step(step, role, piece, group)
            elif piece.bold and piece.text.endswith((":", "：")):
                role, group = default, piece.text.rstrip(":： ")
            elif not self._is_field(piece.text) and of_step:
                step.purpose.append(piece.text)
            elif not of_step:
                self._draft.prose.append((section.title, piece.text))

    def _take_list(self, section: _Section, role: Role, path: tuple[str, ...]) -> None:
        follows = not path and bool(self._draft.lists.get(role))
        group = section.title if follows else ": ".join(path)
        if role is Role.RISKS:
            self._take_risks(section, path)
        else:
            lines = section.has_lines()
            for piece in section.pieces:
                if piece.kind is PieceKind.RULE or self._is_signature(piece):
                    continue
                if piece.kind in LINES or not lines:
                    self._to_list(role, piece, group)
                else:
                    self._draft.prose.append((section.title, piece.text))
        for inner in section.sections:
            self.take_section(inner, path, role)

    def _is_signature(self, piece: Piece) -> bool:
        return piece.kind is PieceKind.PROSE and self._is_field(piece.text)

    def _to_list(self, role: Role, piece: Piece, group: str) -> None:
        entry = _entry(piece, group)
        if role is Role.STATUS:
            role = Role.DONE if is_ticked(piece.text) else Role.KNOWN
            entry = replace(entry, level=0)  # the line above it may have gone elsewhere
        self._draft.lists[role].append(entry)
        self._count_line(piece, role.value)

    def _take_risks(self, section: _Section, path: tuple[str, ...]) -> None:
        """A heading with labels below it is one risk; below any other, each line of the outer list is one."""
        risk: DraftRisk | None = None
        is_one = path and (not section.has_lines() or any(_is_of_risk(piece) for piece in section.pieces))
        if is_one and not (section.sections and not section.pieces):
            risk = DraftRisk(title=without_number(": ".join(path)))
            self._draft.risks.append(risk)
        for piece in section.pieces:
            if piece.kind is PieceKind.RULE or self._is_signature(piece):
                continue
            if piece.kind is PieceKind.PROSE and not is_one and section.has_lines():
                self._draft.prose.append((section.title, piece.text))
                continue
            self._count_line(piece, "risks")
            if piece.cells:
                self._draft.risks.append(_risk_of_row(piece))
            elif risk is None or (not is_one and piece.kind is PieceKind.ITEM and not piece.level):
                found = label_of(piece.text, {"title": RISK_FIELDS["title"]})
                text = found[1] if found else piece.text
                risk = DraftRisk(title=": ".join((*path, text)))
                self._draft.risks.append(risk)
            else:
                _add_to_risk(risk, piece)

    def _to_step(self, step: DraftStep, role: Role, piece: Piece, group: str) -> None:
        step.lists[role].append(_entry(piece, group))
        self._count_line(piece, role.value)

    def _keep_prose(self, section: _Section) -> None:
        is_goal = key_of(section.title, FIELDS) == "goal"
        for piece in section.pieces:
            if piece.kind is PieceKind.PROSE and is_goal:
                self._draft.goal.append(piece.text)
            elif piece.kind is PieceKind.PROSE and not self._is_field(piece.text):
                self._draft.prose.append((section.title, piece.text))

    def _count_line(self, piece: Piece, place: str) -> None:
        self._draft.places[place] += piece.kind in LINES

    def _is_field(self, text: str) -> bool:
        """Take a text such as `Owner: Ann` as a key of the plan, the first of each."""
        found = label_of(text, FIELDS)
        if found is None or not found[1]:
            return False
        key, value = found
        if key == "goal":
            self._draft.goal.append(value)
            return True
        return _set_once(self._draft.fields, key, value.strip("\"'"))

    def _is_field_of(self, step: DraftStep, text: str) -> bool:
        found = label_of(text, STEP_FIELDS)
        if found is None or not found[1]:
            return False
        key, value = found
        if key == "purpose":
            step.purpose.append(value)
            return True
        if key == "priority":
            level = priority_of(value)
            return level is not None and _set_once(step.fields, key, level)
        return _set_once(step.fields, key, value)


def _set_once(fields: dict[str, str], key: str, value: str) -> bool:
    """False where another text of the document has said it already."""
    return fields.setdefault(key, value) is value


def _as_label(piece: Piece) -> str:
    """A row of a table of names and values as `Name: value`."""
    names = {normalize(name) for name, _ in piece.cells}
    cells = [cell for _, cell in piece.cells]
    return ": ".join(cells) if len(cells) == 2 and names <= NAME_AND_VALUE else piece.text


def _entry(piece: Piece, group: str = "") -> Entry:
    return Entry(text=piece.text, line=piece.line, level=piece.level, group=group)


def _is_of_risk(piece: Piece) -> bool:
    """Whether a text is a label of the risk that the heading above it names."""
    found = label_of(piece.text, RISK_FIELDS)
    return found is not None and found[0] != "title" and not piece.level


def _add_to_risk(risk: DraftRisk, piece: Piece) -> None:
    key, value = label_of(piece.text, RISK_FIELDS) or (None, piece.text)
    if key in ("impact", "likelihood") and value and key not in risk.fields:
        risk.fields[key] = value
    elif key == "measures":
        risk.measures += [Entry(text=value, line=piece.line)] if value else []
    elif piece.kind is PieceKind.PROSE and not risk.measures:
        risk.title = f"{risk.title}: {piece.text}"
    else:
        risk.measures.append(_entry(piece))


def _risk_of_row(piece: Piece) -> DraftRisk:
    """The columns by their headings; the others stay with the title."""
    risk = DraftRisk(title="")
    titles: list[str] = []
    for name, cell in piece.cells:
        key = key_of(name, RISK_FIELDS)
        if key in ("impact", "likelihood") and cell and key not in risk.fields:
            risk.fields[key] = cell
        elif key == "measures" and cell:
            risk.measures.append(Entry(text=cell, line=piece.line))
        elif key == "title" and cell:
            titles.insert(0, cell)
        elif name or cell:
            titles.append(f"{name}: {cell or '-'}" if name else cell)
    risk.title = "; ".join(titles) or piece.text
    return risk


def _name_steps(steps: Sequence[DraftStep]) -> None:
    used: set[str] = set()
    for number, step in enumerate(steps, start=1):
        slug = _slug(step.title)
        name = slug if len(slug) > 2 and slug not in RESERVED else f"step-{number}"
        while name in used:
            name = f"{name[:_LONGEST_ID]}-{number}"
        used.add(name)
        step.id = name


def _slug(text: str) -> str:
    """Words of ASCII as an id; empty where a text does not begin with one, or has too little of them."""
    plain = unicodedata.normalize("NFKC", text).lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    letters = sum(character.isalpha() for character in plain)
    if not words[:1].isalpha() or 2 * sum(character.isalpha() for character in words) < letters:
        return ""
    if len(words) > _LONGEST_ID:
        words = words[: _LONGEST_ID + 1].rpartition("-")[0] or words[:_LONGEST_ID]
    return words
