"""Secrets that stand where anybody reads them. Their values go into no record."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from phasegate.base.secret_shapes import secrets_in_command, secrets_in_variable
from phasegate.kinds.kubernetes.objects import Cluster, Container, KubeObject, items, strings, text
from phasegate.kinds.kubernetes.rules.policy import CONTAINERS, ERROR, WARNING, Family, Hit, Hits, of_kinds

_PAGE = "concepts/security/secrets-good-practices/"
_LONGEST = 10_000
"""Characters of a value that are looked through."""


policy = Family("secrets", _PAGE)


@policy("secret-in-environment", ERROR, CONTAINERS)
def _environment(container: Container, cluster: Cluster) -> Hits:
    """No variable of a container has a secret as its value."""
    for index, one in container.env:
        for what in _what(text(one.get("name")), text(one.get("value"))):
            yield Hit((*container.path, "env", index, "value"), (container.name, what))


def _what(name: str, value: str) -> Iterator[str]:
    if value and "$(" not in value:
        yield from (one.what for one in secrets_in_variable(name, value[:_LONGEST]))


@policy("secret-in-command", ERROR, CONTAINERS)
def _arguments(container: Container, cluster: Cluster) -> Hits:
    """No secret stands in the command of a container."""
    for field in ("command", "args"):
        words = [text(word) for word in items(container.tree.get(field))]
        ends = list(accumulate(len(word) + 1 for word in words))
        for one in secrets_in_command(" ".join(words)[:_LONGEST]):
            if "$(" not in one.value:
                index = bisect_right(ends, one.start)
                yield Hit((*container.path, field, index), (container.name, field, one.what))


@policy("secret-in-config-map", ERROR, of_kinds("ConfigMap"))
def _config_map(config: KubeObject, cluster: Cluster) -> Hits:
    """No secret stands in a ConfigMap."""
    for key, value in strings(config.tree.get("data")).items():
        name = "" if "\n" in value.strip() else key
        for what in dict.fromkeys(one.what for one in secrets_in_variable(name, value[:_LONGEST])):
            yield Hit(("data", key), (key, what))


@policy("secret-in-file", WARNING, of_kinds("Secret"))
def _written(secret: KubeObject, cluster: Cluster) -> Hits:
    """The values of Secrets are not kept beside the manifests; base64 hides nothing."""
    if text(secret.tree.get("type")).startswith("kubernetes.io/service-account-token"):
        return
    for field in ("data", "stringData"):
        for key, value in strings(secret.tree.get(field)).items():
            if value.strip():
                yield Hit((field, key), (key,))
