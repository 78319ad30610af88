"""zizmor, actionlint and check-jsonschema: what they say of pipelines, judged by their reports alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
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
class Asked:
    """Files that parse, by the system whose they are, and whether the repository may configure tools."""

    github: tuple[str, ...]
    gitlab: tuple[str, ...]
    use_repository_config: bool


async def ask_tools(names: Sequence[str], asked: Asked, world: World) -> Inspection:
    parts = []
    for name in names:
        tool = TOOLS[name]
        own = own_configuration(tool, world.root)
        code = Code.TOOL_CONFIGURED if asked.use_repository_config else Code.TOOL_NOT_CONFIGURED
        notes = (some_files(code, own, tool=name),) if own else ()
        parts.append(Inspection(files=None, notes=notes))
        parts.append(await _ASK[name](asked, bool(own) and asked.use_repository_config, world))
    return merge(parts, files=None, objects=None)


async def _ask_zizmor(asked: Asked, own: bool, world: World) -> Inspection:
    """All files at once; where it refuses, each by itself, to know which ones it leaves out."""
    plain = ("--offline", "--strict-collection", "--no-progress", "-q", "--format", "json-v1")
    options = plain if own else (*plain, "--no-config", "--no-ignores")
    return await _ask_each(ZIZMOR, options, asked.github, world, _zizmor_findings)


async def _ask_actionlint(asked: Asked, own: bool, world: World) -> Inspection:
    plain = ("-format", "{{json .}}", "-no-color", "-shellcheck=", "-pyflakes=")
    options = plain if own else (*plain, "-config-file", "/dev/null")
    return await _ask_each(ACTIONLINT, options, asked.github, world, _actionlint_findings)


async def _ask_check_jsonschema(asked: Asked, own: bool, world: World) -> Inspection:
    options = ("-o", "json", "--no-cache", "--builtin-schema")
    github = (*options, "vendor.github-workflows")
    gitlab = (*options, "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    read = _schema_findings
    parts = [
        await _ask_each(CHECK_JSONSCHEMA, github, asked.github, world, read),
        await _ask_each(CHECK_JSONSCHEMA, gitlab, asked.gitlab, world, read),
    ]
    n = sum(one.n for part in parts for one in part.looked.values())
    merged = merge(parts, files=None, objects=None)
    looked = {
        name: Looked(n=n, of=one.of, family=one.family, tool=one.tool) for name, one in merged.looked.items()
    }
    return Inspection(files=None, findings=merged.findings, looked=looked, unproven=merged.unproven)


_ASK = {"zizmor": _ask_zizmor, "actionlint": _ask_actionlint, "check-jsonschema": _ask_check_jsonschema}


async def _ask_each(
    tool: Tool, options: tuple[str, ...], files: tuple[str, ...], world: World, read: Any
) -> Inspection:
    """Errors of the tool itself leave files out, which is not verified."""
    if not files:
        return Inspection(files=None)
    ran, found = await _run(tool, options, files, world, read)
    if isinstance(ran, NotVerified):
        return _unproven(tool, ran.why)
    if found is not None:
        return _report(tool, ran, found, len(files))
    findings: list[Finding] = []
    left_out = []
    for file in files:
        ran, found = await _run(tool, options, (file,), world, read)
        if isinstance(ran, NotVerified):
            return _unproven(tool, ran.why)
        if found is None:
            left_out.append(file)
        else:
            findings += found
    if len(left_out) == len(files):
        text = ran.completed.last_words[:300]
        return _unproven(tool, fact(Code.TOOL_FAILED, program=tool.name, why=ran.completed.ending, text=text))
    why = some_files(Code.TOOL_LEFT_OUT, left_out, program=tool.name)
    return merge(
        (_report(tool, ran, findings, len(files) - len(left_out)), _unproven(tool, why)),
        files=None,
        objects=None,
    )


async def _run(
    tool: Tool, options: tuple[str, ...], files: tuple[str, ...], world: World, read: Any
) -> tuple[Ran | NotVerified, list[Finding] | None]:
    """What it reports; None where that is no whole report of these files."""
    names = tuple(f"./{name}" if name.startswith("-") else name for name in files)
    ran = await run_tool(tool, (*options, *names), world)
    if isinstance(ran, NotVerified):
        return ran, None
    try:
        return ran, list(read(json.loads(ran.completed.stdout), ran.tool))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ran, None


def _report(tool: Tool, ran: Ran, findings: list[Finding], n: int) -> Inspection:
    looked = {tool.name: Looked(n=n, of="file", family=tool.name, tool=ran.tool)} if not findings else {}
    return Inspection(files=None, findings=tuple(findings), looked=looked)


def _unproven(tool: Tool, why: Message) -> Inspection:
    return Inspection(files=None, unproven={tool.name: why})


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
    if report["parse_errors"]:
        raise ValueError(report["parse_errors"][0])
    for one in report["errors"]:
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
