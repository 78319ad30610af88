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
    new: str = ""


OF_FILES: Mapping[str, Edit] = {
    "no-limits": Edit(
        file="kubernetes/base/controller.yaml",
        old='            limits: {cpu: "1", memory: 256Mi}\n',
    ),
    "root-image": Edit(file="controller.Dockerfile", old="USER 10001:10001\n", new="USER root\n"),
    "fake-healthcheck": Edit(
        file="controller.Dockerfile",
        old='CMD ["python", "-c", "import',
        new='CMD ["true", "import',
    ),
    "ungated-deploy": Edit(
        file="pipeline/github.yml", old="    needs: [test, gate, build]\n", new="    needs: [build]\n"
    ),
    "no-rollback": Edit(
        file="pipeline/github.yml",
        old="""\
  rollback:
    runs-on: ubuntu-24.04
    needs: deploy
    if: failure()
    environment: production
    timeout-minutes: 15
    steps:
      - run: printf '%s' "$ACCESS" > "$RUNNER_TEMP/kubeconfig"
        env: {ACCESS: "${{ secrets.KUBECONFIG }}"}
      - run: kubectl --namespace phasegate-demo rollout undo deployment/controller
        env: {KUBECONFIG: "${{ runner.temp }}/kubeconfig"}
""",
    ),
    "alert-missing": Edit(
        file="monitoring/rules.yml",
        old="""\
      - alert: ControllerErrorBudgetBurnSlow
        expr: >-
          job:slo_errors_per_request:ratio_rate6h{job="controller"} > (6 * 0.001)
          and job:slo_errors_per_request:ratio_rate30m{job="controller"} > (6 * 0.001)
        for: 15m
        labels: {severity: ticket}
        annotations:
          summary: "The controller uses up its error budget 6 times too fast"
          runbook_url: ../RUNBOOK.md#errors
""",
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
