"""Scanners that need one line in a plan, run so that nothing in the repository switches them off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
from phasegate.base.problems import Location
from phasegate.inspection.tool import Tool
from phasegate.world import Completed

_NOTHING_READ = re.compile(rb"scanned ~0 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a plan asks of a preset."""

    paths: tuple[str, ...]
    config: tuple[str, ...]
    more: tuple[str, ...]
    """Further arguments."""
    history: bool
    own_config: bool
    """Whether the repository may configure the scanner."""
    scratch: Path
    """An empty folder for configuration of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    tool: Tool
    format: str
    arguments: Callable[[Asked], tuple[str, ...]]
    paths: tuple[str, ...]
    """What it looks at where the plan does not say."""
    one_path: bool = False
    takes_config: bool = False
    takes_history: bool = False
    runs_in_path: bool = False
    """Whether it looks at the folder that it is started in."""
    unproven: Callable[[Completed], Message] = lambda completed: ""
    """Why its report proves nothing, from what it said beside it."""

    def problems(
        self, paths: tuple[str, ...], config: tuple[str, ...], *, history: bool
    ) -> Iterator[tuple[Location, str]]:
        if self.one_path and len(paths) > 1:
            yield ("paths",), f"{self.tool.name} looks at one path at a time; write a check for each"
        if self.takes_config and not config:
            yield ("config",), f"{self.tool.name} comes without rules; name files or folders that have some"
        if config and not self.takes_config:
            yield ("config",), "config goes with preset: semgrep"
        if history and not self.takes_history:
            yield ("history",), "history goes with preset: gitleaks"
        for number, path in enumerate(paths):
            if path.startswith("-"):
                yield ("paths", number), f"{path!r} is an option; write it under arguments"


def _pip_audit(asked: Asked) -> tuple[str, ...]:
    files = (word for path in asked.paths for word in ("-r", path))
    return (*files, "--format", "json", "--progress-spinner", "off", *asked.more)


def _npm_audit(asked: Asked) -> tuple[str, ...]:
    return ("audit", "--json", *(f"--include={kind}" for kind in ("dev", "optional", "peer")), *asked.more)


def _gitleaks(asked: Asked) -> tuple[str, ...]:
    own = asked.scratch / "gitleaks.toml"
    own.write_text("[extend]\nuseDefault = true\n", encoding="utf-8")
    ours = ("--config", str(own), "--ignore-gitleaks-allow", "--gitleaks-ignore-path", str(asked.scratch))
    report = ("--no-banner", "--no-color", "--redact", "--report-format", "json", "--report-path", "-")
    what = "git" if asked.history else "dir"
    return (what, *asked.paths, *(() if asked.own_config else ours), *report, "--exit-code", "0", *asked.more)


def _gitleaks_unproven(completed: Completed) -> Message:
    """It exits with 0 and no findings where the path is not there."""
    return fact(Code.NOTHING_SCANNED, tool="gitleaks") if _NOTHING_READ.search(completed.stderr) else ""


def _bandit(asked: Asked) -> tuple[str, ...]:
    own = asked.scratch / "bandit.ini"
    own.write_text("[bandit]\n", encoding="utf-8")
    ours = () if asked.own_config else ("--ini", str(own), "--ignore-nosec")
    return ("-r", *asked.paths, "-f", "json", "-q", "--exit-zero", *ours, *asked.more)


def _semgrep(asked: Asked) -> tuple[str, ...]:
    rules = (word for path in asked.config for word in ("--config", path))
    ours = (
        () if asked.own_config else ("--disable-nosem", "--no-git-ignore", "--x-ignore-semgrepignore-files")
    )
    quiet = ("--json", "--metrics", "off", "--disable-version-check", "--quiet")
    return ("scan", *rules, *quiet, *ours, *asked.more, *asked.paths)


PRESETS: Mapping[str, Preset] = {
    "pip-audit": Preset(
        tool=Tool(name="pip-audit", install="pip install pip-audit"),
        format="pip-audit",
        arguments=_pip_audit,
        paths=("requirements.txt",),
    ),
    "npm-audit": Preset(
        tool=Tool(name="npm", install="install Node.js, which brings npm", configuration=(".npmrc",)),
        format="npm-audit",
        arguments=_npm_audit,
        paths=(".",),
        one_path=True,
        runs_in_path=True,
    ),
    "gitleaks": Preset(
        tool=Tool(
            name="gitleaks",
            install="install gitleaks from its releases",
            version=("version",),
            configuration=(".gitleaks.toml", ".gitleaksignore"),
        ),
        format="gitleaks",
        arguments=_gitleaks,
        paths=(".",),
        one_path=True,
        takes_history=True,
        unproven=_gitleaks_unproven,
    ),
    "bandit": Preset(
        tool=Tool(name="bandit", install="pip install bandit", configuration=(".bandit", "bandit.yaml")),
        format="bandit",
        arguments=_bandit,
        paths=(".",),
    ),
    "semgrep": Preset(
        tool=Tool(
            name="semgrep",
            install="pipx install semgrep",
            version=("--disable-version-check", "--version"),  # else it waits for the network
            configuration=(".semgrepignore",),
        ),
        format="semgrep",
        arguments=_semgrep,
        paths=(".",),
        takes_config=True,
    ),
}
