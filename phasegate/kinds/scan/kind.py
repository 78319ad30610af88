"""Scanners: what they found, and whether they looked at all."""

from __future__ import annotations

import asyncio
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import find_files, read_file
from phasegate.inspection.finding import Inspection, merge, some_files
from phasegate.inspection.report import ToolReport
from phasegate.inspection.tool import NotVerified, own_configuration, run_tool
from phasegate.inspection.tree import walk
from phasegate.kinds.base import CheckParams, Requirement
from phasegate.kinds.inspection import FindingKind
from phasegate.kinds.scan.formats import read_report
from phasegate.kinds.scan.params import ScanParams
from phasegate.kinds.scan.presets import PRESETS, Asked
from phasegate.results.junit import ResultFiles
from phasegate.world import Command, World, sure_wall

SIZE = 64 << 20
"""Bytes of one report."""
REPORTS = 1_000
"""Reports that one pattern may match."""
_AHEAD = 60.0
"""Seconds that a report may be ahead of this clock: other machines have others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A report as it came."""

    name: str
    content: bytes
    written: datetime | None = None
    """When the file was last changed; None for what was made in this attempt."""


class ScanKind(FindingKind[ScanParams]):
    name: ClassVar[str] = "scan"
    Params: ClassVar[type[CheckParams]] = ScanParams
    example: ClassVar[Mapping[str, Any]] = {
        "results": "reports/trivy.sarif",
        "not_older_than": "24h",
        "tools": {"trivy": "0.70"},
    }

    def requirements(self, params: ScanParams) -> tuple[Requirement, ...]:
        program = params.command[0] if params.command else "/"
        return () if "/" in program or "${" in program else (Requirement(program=program),)

    def summary(self, params: ScanParams) -> Message:
        what = params.preset or (shlex.join(params.command) if params.command else ", ".join(params.results))
        return fact(Code.SCAN_BY, what=what if len(what) <= 80 else f"{what[:77]}...")

    async def find(self, params: ScanParams, world: World) -> Inspection:
        """Errors: ObservationError where there is no report, or one that cannot be read."""
        if params.preset is not None:
            seen, reports = await _preset(params, world)
        else:
            sources = await (_run(params, world) if params.command else _earlier(params, world))
            seen, reports = _read(params, sources, world)
        unproven = dict(_missing_tools(params, reports)) | _missing_files(params, reports, world.root)
        parts = (
            *(report.inspection() for report in reports),
            *seen,
            Inspection(files=None, unproven=unproven),
        )
        counted = [part.files for part in parts if part.files is not None]
        return merge(parts, files=sum(counted) if counted else None, objects=None)


async def _preset(params: ScanParams, world: World) -> tuple[list[Inspection], tuple[ToolReport, ...]]:
    """What a scanner that phasegate knows reports; where it is not there, nothing is verified."""
    assert params.preset is not None
    preset = PRESETS[params.preset]
    paths = params.paths or preset.paths
    folder = world.root / paths[0] if preset.runs_in_path else world.root
    found = own_configuration(preset.tool, folder)
    used = params.use_repository_config
    code = Code.TOOL_CONFIGURED if used else Code.TOOL_NOT_CONFIGURED
    notes = (some_files(code, found, tool=preset.tool.name),) if found else ()
    with tempfile.TemporaryDirectory(prefix="phasegate-") as scratch:
        asked = Asked(
            paths=paths,
            config=params.config,
            more=params.arguments,
            history=params.history,
            own_config=used,
            scratch=Path(scratch),
        )
        ran = await run_tool(preset.tool, preset.arguments(asked), world, folder=folder)
    if isinstance(ran, NotVerified):
        return [Inspection(files=None, unproven={params.preset: ran.why}, notes=notes)], ()
    why = preset.unproven(ran.completed)
    if params.history and (world.root / paths[0] / ".git" / "shallow").exists():
        why = fact(Code.HISTORY_SHALLOW)
    try:
        reports = read_report(ran.completed.stdout, params.preset, world.root, preset.format)
    except ObservationError as error:
        words = ran.completed.last_words[:300]
        unread = fact(Code.TOOL_FAILED, program=preset.tool.name, why=error.message, text=words)
        return [Inspection(files=None, unproven={params.preset: unread}, notes=notes)], ()
    unproven: dict[str, Message] = {params.preset: why} if why else {}
    return [Inspection(files=None, notes=notes)], tuple(
        replace(
            report,
            version=ran.tool.rpartition(" ")[2],
            findings=tuple(replace(finding, tool=ran.tool) for finding in report.findings),
            unproven={**report.unproven, **unproven},
        )
        for report in reports
    )


async def _run(params: ScanParams, world: World) -> Sequence[_Source]:
    """What a command of the plan reports, in this attempt."""
    assert params.command is not None
    files = await asyncio.to_thread(ResultFiles, world.root, params.results, world.clock)
    env = world.target.environment()
    command = Command(argv=params.command, cwd=world.root, env=env, keep=SIZE)
    completed = await world.processes.run(command)
    if completed.error or completed.exit_code is None:
        raise ObservationError(completed.ending)
    if not params.results:
        if completed.stdout_left_out:
            name = params.command[0]
            raise ObservationError(fact(Code.TOOL_REPORT_TOO_LARGE, program=name, size=SIZE >> 20))
        return (_Source(name=params.command[0], content=completed.stdout),)
    return [
        _Source(name=name, content=await asyncio.to_thread(files.content, name))
        for name in _names(params, world.root)
    ]


async def _earlier(params: ScanParams, world: World) -> Sequence[_Source]:
    """What an earlier job reported."""
    return [await asyncio.to_thread(_source, world.root, name) for name in _names(params, world.root)]


def _source(root: Path, name: str) -> _Source:
    content = read_file(root / name, fact(Code.RESULTS_FILE, of=name), SIZE)
    written = datetime.fromtimestamp((root / name).stat().st_mtime, UTC)
    return _Source(name=name, content=content, written=written)


def _names(params: ScanParams, root: Path) -> Iterator[str]:
    """Errors: ObservationError where a pattern matches no file."""
    for pattern in params.results:
        found = find_files(root, pattern, REPORTS)
        if found.problems:
            raise ObservationError(fact(Code.RESULTS_FILE, of=found.problems[0]))
        if found.total > REPORTS:
            raise ObservationError(fact(Code.FILES_MATCH, n=found.total, pattern=pattern, most=REPORTS))
        if not found.files:
            raise ObservationError(fact(Code.FILES_MISSING, pattern=pattern))
        for file in found.files:
            yield file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def _read(
    params: ScanParams, sources: Iterable[_Source], world: World
) -> tuple[list[Inspection], tuple[ToolReport, ...]]:
    """The reports of all sources, with those that are too old or for another commit not verified."""
    reports: list[ToolReport] = []
    unproven: dict[str, Message] = {}
    now = sure_wall(world.clock)
    for source in sources:
        read = read_report(source.content, source.name, world.root, params.format)
        reports += read
        for report in read:
            why = _why_stale(params, source, report, now)
            if why:
                unproven[source.name] = why
    return [Inspection(files=None, unproven=unproven)], tuple(reports)


def _why_stale(
    params: ScanParams, source: _Source, report: ToolReport, now: datetime | None
) -> Message | None:
    """Why a report of an earlier job says nothing of now."""
    if source.written is None:
        return None
    # A file that was downloaded or checked out is new, whatever it holds.
    ended = min(filter(None, (report.ended, source.written)))
    if now is None or (ended - now).total_seconds() > _AHEAD:
        return fact(Code.REPORT_UNDATED, path=source.name)
    age = (now - ended).total_seconds()
    if age > params.not_older_than:
        written = f"{ended:%Y-%m-%d %H:%M:%S}"
        limit = params.not_older_than
        return fact(Code.REPORT_OLD, path=source.name, written=written, at=age, limit=limit)
    if params.commit is None:
        return None
    if not report.revision:
        return fact(Code.REPORT_WITHOUT_COMMIT, path=source.name)
    if not _same_commit(report.revision, params.commit):
        found = report.revision[:12]
        return fact(Code.REPORT_OF_OTHER_COMMIT, path=source.name, found=found, right=params.commit[:12])
    return None


def _same_commit(one: str, other: str) -> bool:
    shorter, longer = sorted((one.lower(), other.lower()), key=len)
    return len(shorter) >= 7 and longer.startswith(shorter)


def _missing_tools(params: ScanParams, reports: Sequence[ToolReport]) -> Iterator[tuple[str, Message]]:
    for tool, least in params.tools.items():
        found = [report for report in reports if report.name.lower() == tool.lower()]
        if not found:
            names = tuple(report.name for report in reports)
            yield tool, fact(Code.TOOL_NOT_IN_REPORT, tool=tool, names=names)
        for report in found:
            if _version(report.version) < _version(least):
                known = report.version or "unknown"
                yield tool, fact(Code.TOOL_TOO_OLD, tool=tool, found=known, least=least)


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)*", text)
    parts = [int(part) for part in found[0].split(".")] if found else [-1]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return tuple(parts)


def _missing_files(params: ScanParams, reports: Sequence[ToolReport], root: Path) -> dict[str, Message]:
    """Files that had to be looked at, and were not."""
    if not params.files:
        return {}
    silent = {
        f"{report.name}/files": fact(Code.FILES_NOT_SAID, tool=report.name)
        for report in reports
        if report.files is None
    }
    scanned = {file for report in reports for file in report.files or ()}
    if silent and not scanned:
        return dict(silent)
    wanted = walk(root, params.files)
    unknown = {f"file~{number}": one.message for number, one in enumerate(wanted.findings, 1)}
    missing = (name for name in wanted.names if name not in scanned)
    return {**unknown, **{f"file/{name}": fact(Code.FILE_NOT_SCANNED, file=name) for name in missing}}
