"""promtool of Prometheus, where the plan asks for it: what it says of rules and of configurations."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from phasegate.base.facts import Code, fact
from phasegate.inspection.finding import Finding, Inspection, Looked, Severity, merge
from phasegate.inspection.report import excerpt
from phasegate.inspection.tool import NotVerified, Tool, run_tool
from phasegate.kinds.monitoring.sources import Sort, Source, Sources
from phasegate.world import World

PROMTOOL = Tool(name="promtool", install="apt-get install prometheus")
_CHECKS = {
    Sort.RULES: ("check", "rules", "--lint=none"),
    Sort.PROMETHEUS: ("check", "config", "--syntax-only"),
    Sort.TESTS: ("test", "rules"),
}
_UNKNOWN = re.compile(r"field \S+ not found in type")
_NO_RULES = re.compile(r"WARNING: (?P<what>no file match pattern .+)")
_LINE = re.compile(r"(?:line )?(?P<line>\d+):(?:\d+:)? ")


async def run_promtool(sources: Sources, world: World) -> Inspection:
    """What it finds in each configuration, one after the other."""
    with tempfile.TemporaryDirectory(prefix="phasegate-") as scratch:
        seen = [
            await _check(source, sort, Path(scratch) / f"{number}.yaml", world)
            for sort in _CHECKS
            for number, source in enumerate(sources[sort])
            # Unit tests name their rules relative to their own file.
            if sort is not Sort.TESTS or not source.name
        ]
    merged = merge(seen, files=None, objects=None)
    n = len(seen) - len(merged.unproven)
    looked = {"promtool": Looked(n=n, of="configuration", family="promtool", tool=_tool(seen))} if n else {}
    return Inspection(
        files=None, findings=merged.findings, looked=looked, unproven=merged.unproven, notes=merged.notes
    )


def _tool(seen: Sequence[Inspection]) -> str:
    return next((looked.tool for one in seen for looked in one.looked.values()), PROMTOOL.name)


async def _check(source: Source, sort: Sort, scratch: Path, world: World) -> Inspection:
    # What is inside an object of a cluster becomes a file of its own.
    alone = not source.name and not source.base
    path = source.file if alone else str(scratch)
    if not alone:
        text = json.dumps(source.tree, indent=1, default=str)
        await asyncio.to_thread(scratch.write_text, text, encoding="utf-8")
    ran = await run_tool(PROMTOOL, (*_CHECKS[sort], path), world)
    of = f"promtool/{source.file}"
    if isinstance(ran, NotVerified):
        return Inspection(files=None, unproven={"promtool": ran.why})
    output = (ran.completed.stdout + b"\n" + ran.completed.stderr).decode(errors="replace")
    problems = list(_failed_tests(output) if sort is Sort.TESTS else _problems(output, path))
    if ran.completed.exit_code == 0 and "SUCCESS" in output and not problems:
        return Inspection(files=None, looked={"promtool": Looked(n=1, of="configuration", tool=ran.tool)})
    if not problems:
        why = fact(Code.TOOL_FAILED, program="promtool", why=ran.completed.ending, text=excerpt(output))
        return Inspection(files=None, unproven={of: why})
    findings = tuple(_finding(text, sort, source, ran.tool, alone) for text in problems)
    return Inspection(files=None, findings=findings)


def _problems(output: str, path: str) -> Iterator[str]:
    """The lines below FAILED, without the name of the file."""
    _, failed, below = output.partition("FAILED:")
    for line in below.splitlines() if failed else ():
        text = line.strip().removeprefix(f"{path}: ").removeprefix(f"parsing YAML file {path}: ")
        if text and not text.startswith("Checking ") and text != "yaml: unmarshal errors:":
            yield text


def _failed_tests(output: str) -> Iterator[str]:
    """What each unit test that failed expected and got, and rule files that are not there."""
    yield from (match["what"] for match in _NO_RULES.finditer(output))
    _, _, below = output.partition("FAILED:")
    test: list[str] = []
    for line in below.splitlines():
        if line.startswith("      ") and test:  # deeper than the head of a test
            test.append(line.strip())
        elif text := line.strip():
            if test:
                yield " ".join(test)
            test = [text]
    if test:
        yield " ".join(test)


def _finding(text: str, sort: Sort, source: Source, tool: str, alone: bool) -> Finding:
    """What an old promtool does not know yet is a warning, not an error."""
    place = _LINE.match(text)
    return Finding(
        rule=f"promtool.{sort}",
        severity=Severity.WARNING if _UNKNOWN.search(text) else Severity.ERROR,
        file=source.file,
        line=int(place["line"]) if place and alone else None,
        place=source.name,
        text=excerpt(text[place.end() :] if place else text),
        tool=tool,
        family="promtool",
    )
