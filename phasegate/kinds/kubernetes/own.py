"""Policies of the plan, in CEL: whatever is not true of an object is a finding, also an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phasegate.inspection.finding import Rule, Severity
from phasegate.kinds.kubernetes.objects import Cluster, KubeObject
from phasegate.kinds.kubernetes.params import OwnRule
from phasegate.kinds.kubernetes.rules.policy import Hit, Hits, Policy

SOURCE = "https://kubernetes.io/docs/reference/using-api/cel/"
TOOL = "CEL"
_SHOWN = 200


def own_policy(own: OwnRule) -> Policy:
    """Errors: ImportError without the extra `policies`."""
    holds = _compile(own.cel)

    def find(one: KubeObject, cluster: Cluster) -> Hits:
        value = holds(one.tree)
        if value is not True:
            yield Hit((), (own.message, "false" if value is False else str(value)[:_SHOWN]))

    return Policy(
        rule=Rule(
            id=own.id, severity=Severity(own.severity), about=own.message, source=SOURCE, family="rules"
        ),
        of=" or ".join(own.kinds) or "object",
        subjects=lambda cluster: cluster.of(*own.kinds) if own.kinds else cluster.objects,
        find=find,
        tool=TOOL,
    )


def _compile(text: str) -> Callable[[Any], Any]:
    """What gives the value of an expression for an object, or the text of its error."""
    import cel

    def holds(tree: Any) -> Any:
        try:
            return program.execute({"object": tree})
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the library is no Exception
            return f"{type(error).__name__}: {error}"

    try:
        program = cel.compile(text)
    except Exception as error:
        why = f"{error}"
        return lambda tree: why
    return holds
