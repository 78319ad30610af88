"""Faults that the demo can be told to have: each is one mistake that a gate should find.

Those of the service are told to its processes. Those of files are edits of its deployment, which
`phasegate.demo.deployment` makes in a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

APP_DATA = "app-data"
LEAKY_ERRORS = "leaky-errors"
LOST_LOGS = "lost-logs"
OLD_TLS = "old-tls"
SCHEMA_DRIFT = "schema-drift"

OF_SERVICE: Mapping[str, str] = {
    APP_DATA: "initialize and functions answer 500 while /health stays green",
    LEAKY_ERRORS: "answers to what is not there show a stack trace",
    LOST_LOGS: "only warnings and errors are logged",
    OLD_TLS: "TLS 1.0 and 1.1 are taken",
    SCHEMA_DRIFT: "somebody dropped an index by hand",
}
"""What each does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A text of a file of the deployment, and what takes its place."""

    file: str
    old: str
    """Must be there exactly once."""
    new: str


OF_FILES: Mapping[str, Edit] = {
    "no-limits": Edit(
        file="kubernetes/base/controller.yaml",
        old='            limits: {cpu: "1", memory: 256Mi}\n',
        new="",
    ),
    "root-image": Edit(file="controller.Dockerfile", old="USER 10001:10001\n", new="USER root\n"),
    "fake-healthcheck": Edit(
        file="controller.Dockerfile",
        old="""CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health', timeout=8)"]""",
        new="""CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health')" || true""",
    ),
    "ungated-deploy": Edit(
        file="pipeline/github.yml", old="    needs: [test, gate]\n", new="    needs: [build]\n"
    ),
    "no-rollback": Edit(
        file="pipeline/github.yml",
        old="kubectl --namespace phasegate-demo rollout undo deployment/controller",
        new="echo 'to be rolled back by hand'",
    ),
    "alert-missing": Edit(
        file="monitoring/rules.yml",
        old="      - alert: ControllerErrorBudgetBurnSlow\n",
        new="      - record: controller:error_budget_burn_slow\n",
    ),
    "alert-unrouted": Edit(
        file="monitoring/alertmanager.yml",
        old='    - matchers: [severity="page"]\n      receiver: on-call\n',
        new='    - matchers: [severity="page"]\n      receiver: "null"\n',
    ),
    "dead-runbook": Edit(file="RUNBOOK.md", old="### Latency\n", new="### Slow answers\n"),
}

FAULTS = ("", *sorted((*OF_SERVICE, *OF_FILES)))
"""Their names; the empty one is none."""
