"""What a program printed, or wrote to a file: searched for numbers, and held against what is expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.base.units import format_seconds
from phasegate.kinds.command.params import CommandParams, MeasureCapture
from phasegate.load.foreign.program import PACKAGE_FOLDER
from phasegate.results.junit import ResultFiles
from phasegate.world import Command, Completed, Processes

SEARCHED = 60.0
"""Seconds after which a search is given up."""
_PIECE = 1 << 18
"""Bytes of a text that are handed over at a time: others measure in this thread meanwhile."""
_STREAMS = {"stdout": "standard output", "stderr": "standard error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    values: Mapping[str, float] = field(default_factory=dict)
    """Numbers by measure, in base units."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why a number is not known, by measure."""
    failure: str | None = None
    """What is wrong with the output: continues "expected the output"; None where it is as expected."""
    unknown: str = ""
    """Why nobody knows whether the output is as expected."""


async def captures(
    params: CommandParams, completed: Completed, files: Mapping[str, bytes | str], processes: Processes
) -> Captured:
    """`files`: what each file of `measures` holds, or why it cannot be read."""
    asked: dict[str, Mapping[str, Any]] = {}
    absent: dict[str, str] = {}
    for name, one in params.measures.items():
        if why := _unread(one, completed, files):
            absent[name] = why
        else:
            asked[name] = _question(one)
    expected = params.expect is not None and "output" in params.expect.model_fields_set
    unknown = _cut_text(completed, *_STREAMS) if expected else ""
    if expected and not unknown and params.expect is not None:
        asked[""] = {"expect": params.expect.output, "texts": list(_STREAMS)}
    texts = {"stdout": completed.stdout, "stderr": completed.stderr}
    texts |= {name: content for name, content in files.items() if isinstance(content, bytes)}
    answers, broken_off = await _search(texts, list(asked.values()), processes)
    answered = dict(zip(asked, answers, strict=False))
    absent |= {name: answer["why"] for name, answer in answered.items() if "why" in answer}
    absent |= {name: broken_off for name in asked if name and name not in answered}
    return Captured(
        values={name: answer["value"] for name, answer in answered.items() if "value" in answer},
        absent={name: absent[name] for name in params.measures if name in absent},
        failure=answered.get("", {}).get("failure"),
        unknown=unknown or (broken_off if "" in asked and "" not in answered else ""),
    )


def contents(params: CommandParams, files: ResultFiles) -> dict[str, bytes | str]:
    """What each file of `measures` holds, or why it cannot be read."""
    found: dict[str, bytes | str] = {}
    for name in dict.fromkeys(one.file for one in params.measures.values() if one.file is not None):
        try:
            found[name] = files.text(name).encode()
        except ObservationError as error:
            found[name] = error.message
    return found


def _unread(one: MeasureCapture, completed: Completed, files: Mapping[str, bytes | str]) -> str:
    """Why what a number is to stand in is not all there; empty where it is."""
    if one.file is not None:
        content = files[one.file]
        return content if isinstance(content, str) else ""
    cut = _cut_text(completed, *(("stdout",) if one.json_ is not None else _STREAMS))
    return cut and f"{cut}, and it may stand there; print less, or write it to a file and name that in file"


def _cut_text(completed: Completed, *streams: str) -> str:
    sizes = {"stdout": completed.stdout_left_out, "stderr": completed.stderr_left_out}
    return " and ".join(
        f"{sizes[name]:,} bytes in the middle of the {_STREAMS[name]} were not kept"
        for name in streams
        if sizes[name]
    )


def _question(one: MeasureCapture) -> Mapping[str, Any]:
    if one.regex is None:
        what = one.file or "the standard output"
        return {"path": one.json_, "unit": one.unit, "text": one.file or "stdout", "what": what}
    texts = [one.file] if one.file is not None else list(_STREAMS)
    return {"regex": one.regex, "take": one.take, "unit": one.unit, "texts": texts}


async def _search(
    texts: Mapping[str, bytes], questions: Sequence[Mapping[str, Any]], processes: Processes
) -> tuple[list[Mapping[str, Any]], str]:
    """The answers, and why there are fewer than questions."""
    answers: list[Mapping[str, Any]] = []
    if not questions:
        return answers, ""
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
    return answers, ""


def _why_broken_off(question: Mapping[str, Any], completed: Completed) -> str:
    sought = next(question[key] for key in ("regex", "path", "expect") if key in question)
    at = f"the search for {json.dumps(sought)}"
    if completed.timed_out:
        return f"{at} took longer than {format_seconds(SEARCHED)}"
    why = completed.error or completed.last_words or completed.ending
    return f"{at} broke off: {why[:200]}"
