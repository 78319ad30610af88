"""What is looked for in pipelines."""

from __future__ import annotations

from phasegate.inspection.finding import Rule, Severity
from phasegate.inspection.rules import COMMON

_GITHUB = "https://docs.github.com/en/actions/reference/workflows-and-actions"
_GITLAB = "https://docs.gitlab.com/ci/yaml/"


def _rule(
    id: str, about: str, source: str, family: str = "valid", severity: Severity = Severity.ERROR
) -> Rule:
    return Rule(id=f"pipeline-{id}", severity=severity, about=about, source=source, family=family)


UNKNOWN_KEY = _rule("unknown-key", "Every key is one that the system knows.", f"{_GITHUB}/workflow-syntax")
SHAPE = _rule("shape", "Every value has a type that its key may have.", f"{_GITHUB}/workflow-syntax")
EMPTY = _rule("empty", "Nothing is empty that must hold something.", f"{_GITHUB}/workflow-syntax")
MISSING_KEY = _rule("missing-key", "Nothing lacks a key that it must have.", f"{_GITHUB}/workflow-syntax")
JOB_NAME = _rule(
    "job-name",
    "The id of a job begins with a letter or `_`, and goes on with letters, digits, `-` and `_`.",
    f"{_GITHUB}/workflow-syntax#jobsjob_id",
)
INCLUDE = _rule(
    "include",
    "Pipelines of the repository that a pipeline takes in or calls are there.",
    f"{_GITLAB}#include",
)
REFERENCE = _rule(
    "reference",
    "What `extends` and `!reference` name is there, and does not lead back to itself.",
    f"{_GITLAB}#extends",
)
STAGE = _rule("stage", "The stage of every job is one of `stages`.", f"{_GITLAB}#stages", "graph")
NEEDS = _rule(
    "needs",
    "Every job that another waits for is there, and can end before it.",
    f"{_GITHUB}/workflow-syntax#jobsjob_idneeds",
    "graph",
)
CYCLE = _rule(
    "cycle",
    "No job waits for itself, over others either.",
    f"{_GITHUB}/workflow-syntax#jobsjob_idneeds",
    "graph",
)
NAMED_JOB = _rule(
    "named-job", "Jobs that the plan names are there.", f"{_GITHUB}/workflow-syntax#jobsjob_id", "deploy"
)
GATE = _rule(
    "gate",
    "Before every job that deploys runs a test, or `phasegate run`.",
    "https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-01-Insufficient-Flow-Control-Mechanisms",
    "deploy",
)
GATE_TOLERATED = _rule(
    "gate-tolerated",
    "A test before a job that deploys can fail it: not `continue-on-error`, `allow_failure`, `|| true`.",
    f"{_GITLAB}#allow_failure",
    "deploy",
)
GATE_BYPASSED = _rule(
    "gate-bypassed",
    "A job that deploys does not run where the test before it failed: not `if: always()`, `when: always`.",
    f"{_GITHUB}/expressions#status-check-functions",
    "deploy",
)
ENVIRONMENT = _rule(
    "environment",
    "Every job that deploys names an environment, which the system can protect by approvals and branches.",
    f"{_GITHUB}/deployments-and-environments",
    "deploy",
)
ROLLBACK = _rule(
    "rollback",
    "Where a job deploys there is a way back: a job that rolls back, or a document.",
    "https://sre.google/sre-book/release-engineering/",
    "deploy",
)
ROLLBACK_DOCUMENT = _rule(
    "rollback-document",
    "What the plan names as `rollback` is there, and holds the command.",
    "https://sre.google/sre-book/release-engineering/",
    "deploy",
)
TOOLCHAIN = _rule(
    "toolchain",
    "All jobs use one version of a language.",
    "https://12factor.net/dev-prod-parity",
    "toolchain",
    Severity.WARNING,
)
TOOLCHAIN_FILE = _rule(
    "toolchain-file",
    "Jobs use the version of a language that the files of the repository name.",
    "https://12factor.net/dependencies",
    "toolchain",
)
LOCKFILE = _rule(
    "lockfile",
    "Beside a manifest with dependencies is the file that locks their versions.",
    "https://12factor.net/dependencies",
    "toolchain",
)
RULES = (
    *COMMON,
    UNKNOWN_KEY, SHAPE, EMPTY, MISSING_KEY, JOB_NAME, INCLUDE, REFERENCE, STAGE, NEEDS, CYCLE, NAMED_JOB,
    GATE, GATE_TOLERATED, GATE_BYPASSED, ENVIRONMENT, ROLLBACK, ROLLBACK_DOCUMENT,
    TOOLCHAIN, TOOLCHAIN_FILE, LOCKFILE,
)  # fmt: skip
