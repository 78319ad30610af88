"""What a program printed, or wrote to a file: searched for numbers, and held against what is expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, decode, fact
from phasegate.kinds.command.params import CommandParams, MeasureCapture
from phasegate.load.foreign.program import PACKAGE_FOLDER
from phasegate.results.junit import ResultFiles
from phasegate.world import Command, Completed, Processes

SEARCHED = 60.0
"""Seconds after which a search is given up."""
_PIECE = 1 << 18
"""Bytes of a text that are handed over at a time: others measure in this thread meanwhile."""
_STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    values: Mapping[str, float] = field(default_factory=dict)
    """Numbers by measure, in base units."""
    absent: Mapping[str, Message] = field(default_factory=dict)
    """Why a number is not known, by measure."""
    failure: Fact | None = None
    """What is wrong with the output, without what it is of; None where it is as expected."""
    unknown: Message | None = None
    """Why nobody knows whether the output is as expected."""


async def captures(
    params: CommandParams, completed: Completed, files: Mapping[str, bytes | Message], processes: Processes
) -> Captured:
    """`files`: what each file of `measures` holds, or why it cannot be read."""
    asked: dict[str, Mapping[str, Any]] = {}
    absent: dict[str, Message] = {}
    for name, one in params.measures.items():
        if why := _unread(one, completed, files):
            absent[name] = why
        else:
            asked[name] = _question(one)
    expected = params.expect is not None and "output" in params.expect.model_fields_set
    unknown = cut_text(completed, *_STREAMS) if expected else None
    if expected and not unknown and params.expect is not None:
        asked[""] = {"expect": params.expect.output, "texts": list(_STREAMS)}
    texts = {"stdout": completed.stdout, "stderr": completed.stderr}
    texts |= {name: content for name, content in files.items() if isinstance(content, bytes)}
    answers, broken_off = await _search(texts, list(asked.values()), processes)
    answered = dict(zip(asked, answers, strict=False))
    absent |= {name: decode(answer["why"]) for name, answer in answered.items() if "why" in answer}
    if broken_off is not None:
        absent |= {name: broken_off for name in asked if name and name not in answered}
    return Captured(
        values={name: answer["value"] for name, answer in answered.items() if "value" in answer},
        absent={name: absent[name] for name in params.measures if name in absent},
        failure=decode(answered.get("", {}).get("failure")),
        unknown=unknown or (broken_off if "" in asked and "" not in answered else None),
    )


def contents(params: CommandParams, files: ResultFiles) -> dict[str, bytes | Message]:
    """What each file of `measures` holds, or why it cannot be read."""
    found: dict[str, bytes | Message] = {}
    for name in dict.fromkeys(one.file for one in params.measures.values() if one.file is not None):
        try:
            found[name] = files.text(name).encode()
        except ObservationError as error:
            found[name] = error.message
    return found


def _unread(
    one: MeasureCapture, completed: Completed, files: Mapping[str, bytes | Message]
) -> Message | None:
    """Why what a number is to stand in is not all there; None where it is."""
    if one.file is not None:
        content = files[one.file]
        return None if isinstance(content, bytes) else content
    cut = cut_text(completed, *(("stdout",) if one.json_ is not None else _STREAMS))
    return cut and fact(Code.MAYBE_CUT_OUT, why=cut)


def cut_text(completed: Completed, *streams: str) -> Fact | None:
    """How much of the middle of streams was not kept; None for nothing."""
    sizes = {"stdout": completed.stdout_left_out, "stderr": completed.stderr_left_out}
    cut = {name: sizes[name] for name in streams if sizes[name]}
    return fact(Code.OUTPUT_CUT, **cut) if cut else None


def _question(one: MeasureCapture) -> Mapping[str, Any]:
    if one.regex is None:
        return {"path": one.json_, "unit": one.unit, "text": one.file or "stdout", "file": one.file}
    texts = [one.file] if one.file is not None else list(_STREAMS)
    return {"regex": one.regex, "take": one.take, "unit": one.unit, "texts": texts}


async def _search(
    texts: Mapping[str, bytes], questions: Sequence[Mapping[str, Any]], processes: Processes
) -> tuple[list[Mapping[str, Any]], Fact | None]:
    """The answers, and why there are fewer than questions."""
    answers: list[Mapping[str, Any]] = []
    if not questions:
        return answers, None
    argv = ("python", "-m", "phasegate.results.output_search")
    command = Command(argv=argv, cwd=PACKAGE_FOLDER, own=True, limit=SEARCHED)
    async with processes.open(command) as running:
        for name, content in texts.items():
            for start in range(0, len(content), _PIECE):
                data = content[start : start + _PIECE].decode("latin-1")
                await running.write_line(json.dumps({"text": name, "data": data}))
        for question in questions:
            await running.write_line(json.dumps(question))
            line = await running.read_line()
            if line is None:
                return answers, _why_broken_off(question, await running.wait())
            answers.append(json.loads(line))
    return answers, None


def _why_broken_off(question: Mapping[str, Any], completed: Completed) -> Fact:
    sought = json.dumps(next(question[key] for key in ("regex", "path", "expect") if key in question))
    if completed.timed_out:
        return fact(Code.SEARCH_TOO_LONG, what=sought, limit=SEARCHED)
    why = completed.error or completed.last_words[:200] or completed.ending
    return fact(Code.SEARCH_BROKE_OFF, what=sought, why=why)
