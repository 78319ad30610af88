"""The policies, a file for each family."""

from __future__ import annotations

from phasegate.kinds.kubernetes.rules import (
    availability,
    hardening,
    images,
    pod_security_baseline,
    pod_security_restricted,
    probes,
    references,
    resources,
    secrets,
)
from phasegate.kinds.kubernetes.rules.policy import Policy

_MODULES = (
    resources,
    probes,
    pod_security_baseline,
    pod_security_restricted,
    hardening,
    images,
    secrets,
    references,
    availability,
)
POLICIES: tuple[Policy, ...] = tuple(policy for module in _MODULES for policy in module.policy.policies)
