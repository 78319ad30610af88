"""Generated cases: Schemathesis, run as a program of its own with nothing that others could configure.

It gets a document of the operations that may be asked and no others, a configuration of ours (one of the
repository is not read), no database, one worker and an empty folder: the same seed makes the same cases.
Headers of the target's entry reach it through its environment, as others can read a command line.
"""

from __future__ import annotations

import base64
import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact, lines
from phasegate.base.fields import Closed, Duration
from phasegate.base.files import open_file
from phasegate.base.marks import Demand
from phasegate.base.scalars import json_text
from phasegate.inspection.tool import NotVerified, Tool, run_tool
from phasegate.kinds.openapi.document import (
    METHODS,
    Contract,
    Operation,
    UnresolvedError,
    listing,
    mapping,
    resolve,
)
from phasegate.model.observation import Case, CaseStatus
from phasegate.world import Destination, World

PART = "generated"
_TOOL = Tool(name="schemathesis", install="pip install 'phasegate[openapi]'")
_LONGEST = 64 << 20
"""Bytes of one line of its report."""
_SHOWN = 3
"""Failures of one operation that a message names."""
_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)
_AWAY = {"SCHEMATHESIS_HOOKS": "", "NO_PROXY": "*", "no_proxy": "*", "NETRC": "/dev/null"}
"""Variables by which others could change what is asked, or send along what is not the target's."""
_CONFIGURATION = """\
headers = { %s }
[cache]
enabled = false
[phases.fuzzing.extra-data-sources]
responses = false
[phases.fuzzing.error-feedback]
enabled = false
"""


class GenerateWritten(Closed):
    """Cases that Schemathesis generates (extra `openapi`)."""

    examples: Annotated[int, Field(ge=1, le=10_000), Demand.MORE] = 50
    """The most requests for each operation, beside those that examples of the document make."""
    seed: int | None = Field(default=None, ge=0)
    """What cases come of: the same seed makes the same cases. The run's own seed unless given."""
    limit: Annotated[Duration, Field(gt=0)] = 300.0
    """The longest that all of it may take; what takes longer is ended, and nothing is verified."""


@dataclass(slots=True)
class _Tested:
    """What became of an operation."""

    cases: int = 0
    """Those whose answer was checked."""
    failures: dict[tuple[str, str], Message] = field(default_factory=dict)
    """By check and code: each kind of failure is shown once."""
    error: str = ""


async def generate(
    written: GenerateWritten,
    contract: Contract,
    operations: Sequence[Operation],
    base: Destination,
    timeout: float,
    world: World,
) -> tuple[Case, ...]:
    """A case for each operation; it is lost where nothing of it was tested, whatever the reason."""
    seed = world.seed if written.seed is None else written.seed
    tested: dict[str, _Tested] = {}
    try:
        document = _part_of(contract, operations)
    except UnresolvedError as error:
        return lost(operations, fact(Code.GENERATED_NOTHING, text=error.message))
    headers = world.target.headers(base.entry)
    names = ", ".join(f'"{name}" = "${{PHASEGATE_HEADER_{n}}}"' for n, (name, _) in enumerate(headers))
    values = {f"PHASEGATE_HEADER_{n}": value for n, (_, value) in enumerate(headers)}
    with tempfile.TemporaryDirectory(prefix="phasegate-") as scratch:
        folder = Path(scratch)
        (folder / "openapi.json").write_text(document, encoding="utf-8")
        (folder / "ours.toml").write_text(_CONFIGURATION % names, encoding="utf-8")
        arguments = _arguments(written, seed, base.url, timeout, world.target.tls(base.entry))
        ran = await run_tool(
            _TOOL, arguments, world, folder=folder, limit=written.limit, env={**_AWAY, **values}
        )
        if isinstance(ran, NotVerified):
            return lost(operations, ran.why)
        words, ending = ran.completed.last_words[:300], ran.completed.ending
        why: Message = fact(Code.TOOL_FAILED, program=_TOOL.name, why=ending, text=words)
        try:
            if _read(folder / "report.ndjson", tested, {name.lower() for name, _ in headers}):
                why = ""
        except (ObservationError, ValueError, RecursionError):
            tested = {}
    return tuple(_case(one, tested.get(one.name, _Tested()), why, seed) for one in operations)


def lost(operations: Sequence[Operation], why: Message) -> tuple[Case, ...]:
    """The cases where nothing is generated."""
    return tuple(_case(one, _Tested(), why, 0) for one in operations)


def _part_of(contract: Contract, operations: Sequence[Operation]) -> str:
    """The document with some operations only, and nothing that leads out of it. Errors: UnresolvedError."""
    kept = {one.name for one in operations}
    paths = {
        path: {
            key: value
            for key, value in mapping(resolve(contract.tree["paths"][path], contract.tree)).items()
            if key not in METHODS or f"{key.upper()} {path}" in kept
        }
        for path in dict.fromkeys(one.path for one in operations)
    }
    return json_text(_closed({**contract.tree, "paths": paths, "servers": []}))


def _closed(node: Any) -> Any:
    """Without addresses that Schemathesis would read, as they may be of anybody. Errors: UnresolvedError."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    target = node.get("$ref")
    if isinstance(target, str) and not target.startswith("#"):
        raise UnresolvedError(fact(Code.REFERENCE_OUTSIDE, text=target[:200]))
    return {key: _closed(value) for key, value in node.items() if key != "externalValue"}


def _arguments(
    written: GenerateWritten, seed: int, url: str, timeout: float, tls: Mapping[str, str]
) -> tuple[str, ...]:
    files = (("ca", "--tls-verify"), ("cert", "--request-cert"), ("key", "--request-cert-key"))
    return (
        *("--config-file", "ours.toml", "--no-color", "run", "openapi.json", "--url", url, "--workers", "1"),
        *("--phases", "examples,fuzzing", "--checks", _CHECKS, "--seed", str(seed)),
        *("--max-examples", str(written.examples), "--generation-database", "none", "--no-shrink"),
        *("--continue-on-failure", "--generation-with-security-parameters", "false"),
        *("--max-redirects", "0", "--request-timeout", str(timeout)),
        *("--report", "ndjson", "--report-ndjson-path", "report.ndjson"),
        *(word for key, option in files if key in tls for word in (option, tls[key])),
    )


def _read(path: Path, tested: dict[str, _Tested], secret: set[str]) -> bool:
    """What became of each operation, and whether it ran to its end. Errors: ObservationError, ValueError."""
    ended = False
    with open_file(path, path.name) as file:
        while line := file.readline(_LONGEST):
            event = mapping(json.loads(line))
            ended |= mapping(event.get("EngineFinished")).get("stop_reason") == "completed"
            error = mapping(event.get("NonFatalError"))
            if error:
                words = mapping(error.get("value")).get("message") or "an error"
                tested.setdefault(str(error.get("label")), _Tested()).error = " ".join(str(words).split())[
                    :300
                ]
            scenario = mapping(mapping(event.get("ScenarioFinished")).get("recorder"))
            if scenario:
                _take(scenario, tested.setdefault(str(scenario.get("label")), _Tested()), secret)
    return ended


def _take(scenario: Mapping[str, Any], one: _Tested, secret: set[str]) -> None:
    interactions = mapping(scenario.get("interactions"))
    for id, checks in mapping(scenario.get("checks")).items():
        one.cases += bool(checks)
        request = mapping(mapping(interactions.get(id)).get("request"))
        for check in map(mapping, listing(checks)):
            if check.get("status") != "success":
                failure = mapping(mapping(check.get("failure_info")).get("failure"))
                name, code = str(check.get("name")), str(failure.get("code"))
                text = " ".join(f"{failure.get('title') or name}: {failure.get('message') or ''}".split())
                shown = fact(
                    Code.GENERATED_FAILURE, text=text[:300].rstrip(": "), command=_curl(request, secret)
                )
                one.failures.setdefault((name, code), shown)


def _curl(request: Mapping[str, Any], secret: set[str]) -> str:
    """The command that sends a request again, without the values of headers that the plan keeps."""
    words = ["curl", "-i", "-X", str(request.get("method"))]
    for name, values in mapping(request.get("headers")).items():
        for value in listing(values):
            words += ["-H", f"{name}: {'[redacted]' if name.lower() in secret else value}"]
    body = mapping(request.get("body")).get("$base64")
    if isinstance(body, str) and body:
        words += ["--data-raw", base64.b64decode(body).decode(errors="replace")]
    return shlex.join((*words, str(request.get("uri"))))


def _case(operation: Operation, tested: _Tested, why: Message, seed: int) -> Case:
    if tested.failures:
        status, message = CaseStatus.FAILED, lines(*list(tested.failures.values())[:_SHOWN])
    elif why or tested.error or not tested.cases:
        status, message = CaseStatus.LOST, why or fact(Code.GENERATED_NOTHING, text=tested.error)
    else:
        status, message = CaseStatus.PASSED, fact(Code.GENERATED, n=tested.cases, seed=seed)
    id = f"{PART}/{operation.name}"
    return Case(id=id, name=id, part=PART, tags=operation.tags, status=status, message=message)
