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
    why_not = _compile(own.cel)

    def find(one: KubeObject, cluster: Cluster) -> Hits:
        if (why := why_not(one.tree)) is not None:
            yield Hit((), (own.message, why[:_SHOWN]))

    return Policy(
        rule=Rule(
            id=own.id, severity=Severity(own.severity), about=own.message, source=SOURCE, family="rules"
        ),
        of=" or ".join(own.kinds) or "object",
        subjects=lambda cluster: cluster.of(*own.kinds) if own.kinds else cluster.objects,
        find=find,
        tool=TOOL,
    )


def _compile(text: str) -> Callable[[Any], str | None]:
    """What tells why an expression is not true of an object: false, the type of its value, or its error.

    A value itself is not shown, as it may be a secret.
    """
    import cel

    def why_not(tree: Any) -> str | None:
        try:
            value = program.execute({"object": tree})
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the library is no Exception
            return f"{type(error).__name__}: {error}"
        if isinstance(value, bool):
            return None if value else "false"
        return f"no boolean: {type(value).__name__}"

    try:
        program = cel.compile(text)
    except Exception as error:
        broken = f"{error}"
        return lambda tree: broken
    return why_not
