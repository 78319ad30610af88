"""hadolint, run so that nothing in the repository switches it off, and not believed where it cannot read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phasegate.base.facts import Code, Message, fact
from phasegate.inspection.finding import Finding, Inspection, Looked, some_files
from phasegate.inspection.report import excerpt, line_of, severity_of_word, text_of
from phasegate.inspection.tool import NotVerified, Tool, own_configuration, run_tool
from phasegate.world import World

HADOLINT = Tool(
    name="hadolint",
    install="pip install 'phasegate[scanners]'",
    configuration=(".hadolint.yaml", ".hadolint.yml"),
)
_CANNOT_READ = "DL1000"
_OURS = (
    *("DL3002", "DL3004", "DL3006", "DL3007", "DL3009", "DL3019", "DL3020", "DL3042", "DL3057", "DL3064"),
    *("DL4003", "DL4004"),
)
"""Rules of hadolint whose findings our own rules have already."""
_NOTHING_CHANGED = dict.fromkeys(
    ("HADOLINT_IGNORE", *(f"HADOLINT_OVERRIDE_{to}" for to in ("ERROR", "WARNING", "INFO", "STYLE"))), ""
)
"""A pipeline changes its rules by variables, whatever its configuration says."""
_AT_ONCE = 500
"""Files of one run: a command line has an end."""


async def lint(
    files: Sequence[str], unreadable: frozenset[str], world: World, *, use_own: bool
) -> Inspection:
    """What hadolint finds; `unreadable`: files that our own reader refuses as well."""
    found = own_configuration(HADOLINT, world.root)
    code = Code.TOOL_CONFIGURED if use_own else Code.TOOL_NOT_CONFIGURED
    notes = (some_files(code, found, tool=HADOLINT.name),) if found else ()
    findings: list[Finding] = []
    unproven: dict[str, Message] = {}
    tool = ""
    for start in range(0, len(files), _AT_ONCE):
        batch = files[start : start + _AT_ONCE]
        reported, tool = await _run(batch, world, use_own=use_own)
        if isinstance(reported, NotVerified):
            return Inspection(files=None, unproven={HADOLINT.name: reported.why}, notes=notes)
        for one in reported:
            name = text_of(one, "file").removeprefix("./")
            if text_of(one, "code") == _CANNOT_READ:
                if name not in unreadable:
                    why = fact(Code.NOT_LINTED, file=name, tool=tool, text=excerpt(text_of(one, "message")))
                    unproven[f"{HADOLINT.name}/{name}"] = why
            else:
                findings.append(_finding(one, name, tool))
    looked = Looked(n=len(files) - len(unproven), of="file", family=HADOLINT.name, tool=tool)
    return Inspection(
        files=None,
        findings=tuple(findings),
        looked={} if findings else {HADOLINT.name: looked},
        unproven=unproven,
        notes=notes,
    )


async def _run(
    files: Sequence[str], world: World, *, use_own: bool
) -> tuple[list[dict[str, Any]] | NotVerified, str]:
    """What it reports of some files, and its version."""
    with tempfile.TemporaryDirectory(prefix="phasegate-") as scratch:
        ours = Path(scratch) / "hadolint.yaml"
        ours.write_text(json.dumps({"ignored": _OURS}), encoding="utf-8")  # JSON is YAML
        config = () if use_own else ("--config", str(ours), "--disable-ignore-pragma")
        arguments = ("--no-color", "--format", "json", *config, *(f"./{file}" for file in files))
        ran = await run_tool(HADOLINT, arguments, world, env={} if use_own else _NOTHING_CHANGED)
    if isinstance(ran, NotVerified):
        return ran, ""
    try:
        reported = json.loads(ran.completed.stdout)
    except ValueError:
        reported = None
    # It exits with 1 for findings and for files that it cannot open alike, and says the latter here alone.
    if not isinstance(reported, list) or ran.completed.stderr.strip():
        text = ran.completed.last_words[:300]
        why = fact(Code.TOOL_FAILED, program=HADOLINT.name, why=ran.completed.ending, text=text)
        return NotVerified(why=why), ran.tool
    return [one for one in reported if isinstance(one, dict)], ran.tool


def _finding(one: dict[str, Any], name: str, tool: str) -> Finding:
    return Finding(
        rule=f"{HADOLINT.name}.{text_of(one, 'code')}",
        severity=severity_of_word({"style": "info"}.get(text_of(one, "level"), text_of(one, "level"))),
        file=name,
        line=line_of(one.get("line")),
        text=excerpt(text_of(one, "message")),
        tool=tool,
        family=HADOLINT.name,
    )
