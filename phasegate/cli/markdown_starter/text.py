"""The draft as the text of a plan, with what could judge each line beside it; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from phasegate.base.files import printable
from phasegate.base.substitution import escape
from phasegate.cli.markdown_starter.draft import Draft, DraftRisk, DraftStep, Entry, phase_id
from phasegate.cli.markdown_starter.suggestions import suggestions
from phasegate.cli.markdown_starter.vocabulary import Role

_HEAD = """\
# Made of {name} by `phasegate init`.
#
# Nothing is judged yet, and nothing passes: the check of each step is a program that is not there.
# - Replace it by checks that observe something, with criteria. `phasegate kinds` lists what there is.
# - Link each line to what shows it: `- {{text: THE LINE, by: [ID OF A CRITERION]}}`.
# What stands behind a line could judge it. A check mark is a claim of the document and shows nothing.
phasegate: 1
phase: {phase}
title: {title}"""
_ORDER = ("owner", "approver", "created", "updated", "due")
_PLAIN = re.compile(r"[^\W\d_](?:[^:#]|:(?=\S)|(?<=\S)#)*", re.DOTALL)
_WORDS = re.compile(r"(?:true|false|null|yes|no|on|off|y|n|inf|nan)", re.IGNORECASE)
_DEEPER = 4
"""Blanks by which lines below a line are indented."""
_DEEPEST = 20
"""Lines below each other that are kept so; YAML files have a limit."""
CHECK_FOLDER = "to-be-written"
"""Where the checks of a fresh plan would be; the name says that they are not there."""


def text_of(draft: Draft, name: str, stem: str) -> str:
    """The plan as YAML. `name` is what its head calls the document."""
    return "\n".join(_lines(draft, name, stem)) + "\n"


def _lines(draft: Draft, name: str, stem: str) -> Iterator[str]:
    title = _scalar(draft.title)
    yield _HEAD.format(name=printable(name), phase=phase_id(draft.title, stem), title=title)
    yield from _texts("goal", draft.goal, 0)
    yield from (f"{key}: {_scalar(draft.fields[key])}" for key in _ORDER if key in draft.fields)
    yield from _list("done", draft.lists[Role.DONE], comment="what the document claims to be complete")
    yield from _list("known", draft.lists[Role.KNOWN])
    yield "\nsteps:"
    for number, step in enumerate(draft.steps):
        yield from [""] * (number > 0)
        yield from _step(step)
    if draft.risks:
        yield "\nrisks:"
        for risk in draft.risks:
            yield from _risk(risk)
    yield from _list("schedule", draft.lists[Role.SCHEDULE])
    yield from _list("outcomes", draft.lists[Role.OUTCOMES])
    yield from _list("after", draft.lists[Role.AFTER], comment="the state afterwards")
    yield from _list("next", draft.lists[Role.NEXT])
    if draft.prose:
        yield from ("", "# What the document says besides:")
        yield from (f"#   {printable(heading)}: {printable(text.strip())}" for heading, text in draft.prose)


def _step(step: DraftStep) -> Iterator[str]:
    yield f"  - id: {step.id}"
    yield f"    title: {_scalar(step.title)}"
    yield from (f"    {key}: {_scalar(value)}" for key, value in step.fields.items())
    yield from _texts("purpose", step.purpose, 4)
    if step.lists[Role.WORK]:
        yield "    work:"
        yield from _entries(step.lists[Role.WORK], 6)
    outcomes = step.lists[Role.OUTCOMES] + step.lists[Role.CRITERIA]
    if outcomes:
        yield "    outcomes:"
        yield from _entries(outcomes, 6)
    command = f"command: [{CHECK_FOLDER}/{step.id}]"
    yield f"    checks:\n      - {{id: shows-{step.id}, kind: command, {command}}}"


def _risk(risk: DraftRisk) -> Iterator[str]:
    yield f"  - title: {_scalar(risk.title)}"
    yield from (f"    {key}: {_scalar(value)}" for key, value in risk.fields.items())
    if risk.measures:
        yield "    measures:"
        yield from _entries(risk.measures, 6)


def _list(key: str, entries: list[Entry], comment: str = "") -> Iterator[str]:
    if entries:
        yield f"\n{key}:" + (f"  # {comment}" if comment else "")
        yield from _entries(entries, 2)


def _entries(entries: Iterable[Entry], indent: int) -> Iterator[str]:
    """Lines, each below the item or the heading that it stands under."""
    group, above = "", list[int]()
    for entry, following in pairwise((*entries, None)):
        assert entry is not None
        if entry.group != group:
            group, above = entry.group, []
            if group:
                yield from _under(indent, f"heading: {_scalar(group)}")
        while above and above[-1] >= entry.level:
            above.pop()
        margin = indent + _DEEPER * (bool(group) + len(above))
        found = "; ".join(map(str, suggestions(entry.text)))
        beside = f"  # {found}" if found else ""
        within = following is not None and following.group == group and following.level > entry.level
        if within and len(above) < _DEEPEST:
            yield from _under(margin, f"text: {_scalar(entry.text)}{beside}")
            above.append(entry.level)
        else:
            yield f"{' ' * margin}- {_scalar(entry.text)}{beside}"


def _under(margin: int, head: str) -> Iterator[str]:
    """What has lines below it."""
    yield f"{' ' * margin}- {head}"
    yield f"{' ' * margin}  lines:"


def _texts(key: str, texts: list[str], indent: int) -> Iterator[str]:
    """One text, or a block of several."""
    margin = " " * indent
    lines = [line for text in texts for line in text.split("\n")]
    if len(lines) > 1 and all(line.isprintable() for line in lines) and not lines[0].startswith(" "):
        yield f"{margin}{key}: |-"
        yield from (f"{margin}  {escape(line)}".rstrip() for line in lines)
    elif lines:
        yield f"{margin}{key}: {_scalar(chr(10).join(lines))}"


def _scalar(text: str) -> str:
    """A text as YAML has it: plain where it reads as nothing else, without any value put in."""
    text = str(escape(text.strip()))
    if (
        _PLAIN.fullmatch(text)
        and text.isprintable()
        and not text.endswith(":")
        and not _WORDS.fullmatch(text)
    ):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """In double quotes, with what cannot be printed as escapes."""
    return "".join(
        character if character.isprintable() else _escape(character)
        for character in json.dumps(text, ensure_ascii=False)
    )


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
