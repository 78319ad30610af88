"""zizmor, actionlint and check-jsonschema: what they say of pipelines, judged by their reports alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, fact
from phasegate.inspection.finding import Finding, Inspection, Looked, Severity, merge, some_files
from phasegate.inspection.tool import NotVerified, Ran, Tool, own_configuration, run_tool
from phasegate.kinds.pipeline.model import as_list, as_mapping, as_text
from phasegate.world import World

ZIZMOR = Tool(
    name="zizmor",
    install="pip install 'phasegate[scanners]'",
    configuration=("zizmor.yml", "zizmor.yaml", ".github/zizmor.yml", ".github/zizmor.yaml"),
)
ACTIONLINT = Tool(
    name="actionlint",
    install="go install github.com/rhysd/actionlint/cmd/actionlint@latest",
    configuration=(".github/actionlint.yaml", ".github/actionlint.yml"),
)
CHECK_JSONSCHEMA = Tool(name="check-jsonschema", install="pip install check-jsonschema")
TOOLS = {tool.name: tool for tool in (ZIZMOR, ACTIONLINT, CHECK_JSONSCHEMA)}
_ZIZMOR = {"high": Severity.ERROR, "medium": Severity.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFiles:
    """Files that parse, by the system whose they are, and whether the repository may configure tools."""

    github: tuple[str, ...]
    gitlab: tuple[str, ...]
    use_repository_config: bool


async def ask_tools(names: Sequence[str], asked: ToolFiles, world: World) -> Inspection:
    parts = []
    for name in names:
        tool = TOOLS[name]
        own = own_configuration(tool, world.root)
        code = Code.TOOL_CONFIGURED if asked.use_repository_config else Code.TOOL_NOT_CONFIGURED
        notes = (some_files(code, own, tool=name),) if own else ()
        parts.append(Inspection(files=None, notes=notes))
        parts.append(await _ASK[name](asked, bool(own) and asked.use_repository_config, world))
    return merge(parts, files=None, objects=None)


async def _ask_zizmor(asked: ToolFiles, own: bool, world: World) -> Inspection:
    plain = ("--offline", "--strict-collection", "--no-progress", "-q", "--format", "json-v1")
    options = plain if own else (*plain, "--no-config", "--no-ignores")
    return await _ask(ZIZMOR, {options: asked.github}, world, _zizmor_findings)


async def _ask_actionlint(asked: ToolFiles, own: bool, world: World) -> Inspection:
    plain = ("-format", "{{json .}}", "-no-color", "-shellcheck=", "-pyflakes=")
    options = plain if own else (*plain, "-config-file", "/dev/null")
    return await _ask(ACTIONLINT, {options: asked.github}, world, _actionlint_findings)


async def _ask_check_jsonschema(asked: ToolFiles, own: bool, world: World) -> Inspection:
    options = ("-o", "json", "--no-cache", "--builtin-schema")
    github = (*options, "vendor.github-workflows")
    gitlab = (*options, "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    return await _ask(CHECK_JSONSCHEMA, {github: asked.github, gitlab: asked.gitlab}, world, _schema_findings)


_ASK = {"zizmor": _ask_zizmor, "actionlint": _ask_actionlint, "check-jsonschema": _ask_check_jsonschema}
_Read = Callable[[Any, str], Iterator[Finding]]


async def _ask(
    tool: Tool, runs: Mapping[tuple[str, ...], tuple[str, ...]], world: World, read: _Read
) -> Inspection:
    """`runs`: files by options. Where no report comes of them, each by itself, to know what is left out."""
    findings: list[Finding] = []
    left_out: list[str] = []
    waiting = [(options, files) for options, files in runs.items() if files]
    ran: Ran | None = None
    while waiting:
        options, files = waiting.pop()
        done = await run_tool(tool, (*options, *(f"./{name}" for name in files)), world)
        if isinstance(done, NotVerified):
            return Inspection(files=None, findings=tuple(findings), unproven={tool.name: done.why})
        ran = done
        try:
            findings += list(read(json.loads(ran.completed.stdout), ran.tool))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            alone = [(options, (file,)) for file in files] if len(files) > 1 else []
            waiting += alone
            left_out += () if alone else files
    n = sum(map(len, runs.values())) - len(left_out)
    if ran is None or not left_out:
        looked = Looked(n=n, of="file", family=tool.name, tool=ran.tool if ran else "")
        return Inspection(
            files=None, findings=tuple(findings), looked={} if findings else {tool.name: looked}
        )
    why = some_files(Code.TOOL_LEFT_OUT, sorted(left_out), program=tool.name)
    if not n:
        text = ran.completed.last_words[:300]
        why = fact(Code.TOOL_FAILED, program=tool.name, why=ran.completed.ending, text=text)
    return Inspection(files=None, findings=tuple(findings), unproven={tool.name: why})


def _zizmor_findings(report: Any, tool: str) -> Iterator[Finding]:
    for one in _listed(report):
        determined = one["determinations"]
        severity = _ZIZMOR.get(str(determined["severity"]).lower(), Severity.INFO)
        if severity is Severity.ERROR and str(determined["confidence"]).lower() == "low":
            severity = Severity.WARNING
        places = [place for place in one["locations"] if place["symbolic"].get("kind") == "Primary"]
        place = (places or one["locations"])[0]
        symbolic = place["symbolic"]
        route = [as_text(next(iter(step.values()))) for step in as_list(symbolic["route"].get("route"))]
        yield _finding(
            tool,
            f"zizmor.{one['ident']}",
            severity,
            file=str(symbolic["key"]["Local"]["verbatim_path"]),
            line=int(place["concrete"]["location"]["start_point"]["row"]) + 1,
            place=".".join(route),
            text=f"{one['desc']}: {symbolic['annotation']}",
        )


def _actionlint_findings(report: Any, tool: str) -> Iterator[Finding]:
    for one in _listed(report):
        yield _finding(
            tool,
            f"actionlint.{one['kind']}",
            Severity.ERROR,
            file=str(one["filepath"]),
            line=int(one["line"]),
            text=str(one["message"]),
        )


def _schema_findings(report: Any, tool: str) -> Iterator[Finding]:
    """Its schemas lag behind the systems, so nothing of it is an error."""
    if report["status"] not in ("ok", "fail") or report.get("parse_errors"):
        raise ValueError(report)
    for one in report.get("errors", ()):
        best = as_mapping(one.get("best_deep_match")) or one
        yield _finding(
            tool,
            "check-jsonschema.schema",
            Severity.WARNING,
            file=str(one["filename"]),
            place=str(best["path"]).removeprefix("$."),
            text=str(best["message"])[:300],
        )


def _listed(report: Any) -> list[Any]:
    """Errors: ValueError for what is no list of findings."""
    if not isinstance(report, list):
        raise ValueError("the report is no list")
    return report


def _finding(tool: str, rule: str, severity: Severity, **more: Any) -> Finding:
    file = more.pop("file").removeprefix("./")
    return Finding(rule=rule, severity=severity, file=file, tool=tool, family=rule.partition(".")[0], **more)
