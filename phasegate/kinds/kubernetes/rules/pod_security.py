"""What the controls of the Pod Security Standards have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phasegate.base.tree import TreePath
from phasegate.kinds.kubernetes.objects import Container, Pod, at

STANDARD = "concepts/security/pod-security-standards/"


def settings(pod: Pod, *steps: str) -> Iterator[tuple[Pod | Container, TreePath, Any]]:
    """What the security contexts of a pod and of its containers say, where they say something."""
    subjects: list[tuple[Pod | Container, TreePath, Any]]
    subjects = [(pod, pod.spec_path, pod.spec), *((one, one.path, one.tree) for one in pod.containers)]
    for subject, path, tree in subjects:
        if (value := at(tree, "securityContext", *steps)) is not None:
            yield subject, (*path, "securityContext", *steps), value


def shown(value: Any) -> str:
    """A value as a sentence shows it."""
    return value if isinstance(value, str) else repr(value)[:80]
