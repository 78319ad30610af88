"""Programs that a plan asks for by name, and the commands that install well-known ones."""

from __future__ import annotations

from phasegate.base.facts import Code, Fact, fact
from phasegate.kinds.base import Requirement
from phasegate.plan.written.plan import RequirementWritten

_INSTALL = {
    "node": ("apt-get install nodejs", "brew install node"),
    "npm": ("apt-get install npm", "brew install node"),
    "npx": ("apt-get install npm", "brew install node"),
    "rustc": ("curl -sSf https://sh.rustup.rs | sh", "apt-get install rustc", "brew install rust"),
    "cargo": ("curl -sSf https://sh.rustup.rs | sh", "apt-get install cargo", "brew install rust"),
    "go": ("apt-get install golang", "brew install go"),
    "java": ("apt-get install default-jdk", "brew install openjdk"),
    "mvn": ("apt-get install maven", "brew install maven"),
    "docker": ("https://docs.docker.com/get-docker/",),
    "kubectl": ("https://kubernetes.io/docs/tasks/tools/",),
    "git": ("apt-get install git", "brew install git"),
    "curl": ("apt-get install curl", "brew install curl"),
    "jq": ("apt-get install jq", "brew install jq"),
    "psql": ("apt-get install postgresql-client", "brew install libpq"),
    "sqlite3": ("apt-get install sqlite3", "brew install sqlite"),
    "ruby": ("apt-get install ruby", "brew install ruby"),
    "uv": ("pip install uv",),
}


def _how(program: str) -> Fact:
    if ways := _INSTALL.get(program):
        return fact(Code.ONE_OF_WAYS, parts=ways)
    return fact(Code.INSTALL_OR_ON_PATH, program=program)


def requirement(written: str | RequirementWritten) -> Requirement:
    """A requirement as the runner looks for it."""
    if isinstance(written, str):
        return Requirement(program=written, install=_how(written))
    if written.in_:
        return Requirement(
            inside=written.in_, tools=written.tools, install=written.install, label=written.label
        )
    return Requirement(
        program=written.program,
        arguments=written.arguments,
        install=written.install or _how(written.program),
        label=written.label,
    )
