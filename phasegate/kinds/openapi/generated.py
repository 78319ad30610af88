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
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact, lines
from phasegate.base.files import open_file
from phasegate.base.scalars import json_text
from phasegate.inspection.tool import NotVerified, Tool, run_tool
from phasegate.kinds.openapi.document import Contract, Operation, listing, mapping, resolve
from phasegate.model.observation import Case, CaseStatus
from phasegate.world import Destination, World

TOOL = Tool(name="schemathesis", install="pip install 'phasegate[openapi]'")
PART = "generated"
LONGEST = 64 << 20
"""Bytes of one line of its report."""
SHOWN = 3
"""Failures of one operation that a message names."""
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_AWAY = {
    "SCHEMATHESIS_HOOKS": "",
    "NO_PROXY": "*",
    "no_proxy": "*",
    "NETRC": "/dev/null",
}
"""Variables by which others could change what is asked, or send along what is not the target's."""
_REDACTED = "[redacted]"


@dataclass(slots=True)
class _Tested:
    """What became of an operation."""

    cases: int = 0
    """Those that got an answer that was checked."""
    failures: dict[tuple[str, str], Message] = field(default_factory=dict)
    """By check and code: each kind of failure is shown once."""
    error: str = ""


async def generate(
    contract: Contract,
    operations: Sequence[Operation],
    base: Destination,
    world: World,
    *,
    examples: int,
    seed: int,
    limit: float,
    timeout: float,
) -> tuple[Case, ...]:
    """A case for each operation; it is lost where nothing of it was tested, whatever the reason."""
    with tempfile.TemporaryDirectory(prefix="phasegate-") as scratch:
        folder = Path(scratch)
        try:
            (folder / "openapi.json").write_text(_part_of(contract, operations), encoding="utf-8")
        except ValueError as error:  # a number that JSON does not have
            return _lost(operations, fact(Code.TOOL_FAILED, program=TOOL.name, why=str(error)))
        headers = world.target.headers(base.entry)
        (folder / "ours.toml").write_text(_configuration(headers), encoding="utf-8")
        ran = await run_tool(
            TOOL,
            _arguments(base, world, examples=examples, seed=seed, timeout=timeout),
            world,
            folder=folder,
            limit=limit,
            env={**_AWAY, **{f"PHASEGATE_HEADER_{n}": value for n, (_, value) in enumerate(headers)}},
        )
        if isinstance(ran, NotVerified):
            return _lost(operations, ran.why)
        words = ran.completed.last_words[:300]
        try:
            tested, ended = _read(folder / "report.ndjson", {name.lower() for name, _ in headers})
        except (ObservationError, ValueError, RecursionError):
            tested, ended = {}, False
    why = "" if ended else fact(Code.TOOL_FAILED, program=TOOL.name, why=ran.completed.ending, text=words)
    return tuple(_case(one, tested.get(one.name, _Tested()), why, seed) for one in operations)


def _part_of(contract: Contract, operations: Sequence[Operation]) -> str:
    """The document with some operations only. Errors: ValueError."""
    kept = {one.name for one in operations}
    paths: dict[str, Any] = {}
    for path in dict.fromkeys(one.path for one in operations):
        item = mapping(resolve(contract.tree["paths"][path], contract.tree))
        paths[path] = {
            key: value
            for key, value in item.items()
            if key not in _METHODS or f"{key.upper()} {path}" in kept
        }
    return json_text({**contract.tree, "paths": paths})


def _configuration(headers: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(
        f'{json.dumps(name)} = "${{PHASEGATE_HEADER_{n}}}"' for n, (name, _) in enumerate(headers)
    )
    return f"""\
headers = {{ {named} }}
[cache]
enabled = false
[output.sanitization]
enabled = true
[phases.fuzzing.extra-data-sources]
responses = false
[phases.fuzzing.error-feedback]
enabled = false
"""


def _arguments(
    base: Destination, world: World, *, examples: int, seed: int, timeout: float
) -> tuple[str, ...]:
    tls = world.target.tls(base.entry)
    files = (("ca", "--tls-verify"), ("cert", "--request-cert"), ("key", "--request-cert-key"))
    return (
        *("--config-file", "ours.toml", "--no-color", "run", "openapi.json", "--url", base.url),
        *("--workers", "1", "--phases", "examples,fuzzing", "--checks", ",".join(_CHECKS)),
        *("--seed", str(seed), "--max-examples", str(examples), "--generation-database", "none"),
        *("--no-shrink", "--continue-on-failure", "--max-redirects", "0"),
        *("--request-timeout", str(timeout), "--report", "ndjson", "--report-ndjson-path", "report.ndjson"),
        *(word for key, option in files if key in tls for word in (option, tls[key])),
    )


def _read(path: Path, secret: set[str]) -> tuple[Mapping[str, _Tested], bool]:
    """What became of each operation, and whether it came to its end. Errors: ObservationError; ValueError."""
    tested: dict[str, _Tested] = {}
    ended = False
    with open_file(path, path.name) as file:
        while line := file.readline(LONGEST):
            event = mapping(json.loads(line))
            ended |= mapping(event.get("EngineFinished")).get("stop_reason") == "completed"
            error = mapping(event.get("NonFatalError"))
            if error:
                one = tested.setdefault(str(error.get("label")), _Tested())
                one.error = one.error or _words(error)
            scenario = mapping(mapping(event.get("ScenarioFinished")).get("recorder"))
            if scenario:
                one = tested.setdefault(str(scenario.get("label")), _Tested())
                _take(scenario, one, secret)
    return tested, ended


def _words(error: Mapping[str, Any]) -> str:
    value = mapping(error.get("value"))
    return " ".join(str(value.get("title") or value.get("message") or error.get("value") or "error").split())[
        :300
    ]


def _take(scenario: Mapping[str, Any], one: _Tested, secret: set[str]) -> None:
    interactions = mapping(scenario.get("interactions"))
    for id, checks in mapping(scenario.get("checks")).items():
        if listing(checks):
            one.cases += 1
        for check in map(mapping, listing(checks)):
            if check.get("status") == "success":
                continue
            failure = mapping(mapping(check.get("failure_info")).get("failure"))
            request = mapping(mapping(interactions.get(id)).get("request"))
            text = " ".join(
                f"{failure.get('title') or check.get('name')}: {failure.get('message') or ''}".split()
            )
            key = (str(check.get("name")), str(failure.get("code")))
            if key not in one.failures:
                one.failures[key] = fact(
                    Code.GENERATED_FAILURE, text=text[:300].rstrip(": "), command=_curl(request, secret)
                )


def _curl(request: Mapping[str, Any], secret: set[str]) -> str:
    """The command that sends a request again, without the headers that the plan keeps."""
    words = ["curl", "-i", "-X", str(request.get("method"))]
    for name, values in mapping(request.get("headers")).items():
        for value in listing(values):
            words += ["-H", f"{name}: {_REDACTED if name.lower() in secret else value}"]
    body = mapping(request.get("body")).get("$base64")
    if isinstance(body, str) and body:
        words += ["--data-raw", base64.b64decode(body).decode(errors="replace")]
    return shlex.join((*words, str(request.get("uri"))))


def _case(operation: Operation, tested: _Tested, why: Message, seed: int) -> Case:
    if tested.failures:
        shown = list(tested.failures.values())
        status, message = CaseStatus.FAILED, lines(*shown[:SHOWN])
    elif why or tested.error or not tested.cases:
        status = CaseStatus.LOST
        message = why or fact(Code.GENERATED_NOTHING, text=tested.error)
    else:
        status, message = CaseStatus.PASSED, fact(Code.GENERATED, n=tested.cases, seed=seed)
    id = f"{PART}/{operation.name}"
    return Case(id=id, name=id, part=PART, tags=operation.tags, status=status, message=message)


def _lost(operations: Sequence[Operation], why: Message) -> tuple[Case, ...]:
    return tuple(_case(one, _Tested(), why, 0) for one in operations)
