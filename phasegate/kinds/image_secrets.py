"""Secrets that an image carries in its environment and its history; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from phasegate.model.containers import Image

_NAMES = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|passphrase|pwd|pass|secret|token|credentials?|api_?key|access_?key"
    r"|private_?key|secret_?key|auth_?key|encryption_?key|signing_?key|apikey)(?:$|_)"
)
_NOT_THE_THING = re.compile(r"(?i)_(?:file|path|dir|url|uri|name|id|type|ttl|length|min|max|policy|expiry)$")
_NO_SECRETS = frozenset({"PWD", "OLDPWD", "PROXY_PASS"})
_ASSIGNED = re.compile(r"(?<![\w$])([A-Za-z_][\w-]*)=(\"[^\"]*\"|'[^']*'|[^\s\"'|;&]+)")
_SHAPES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]{0,4096}"),
    "an AWS access key": re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{40,}\b"),
    "a GitLab token": re.compile(r"\bglpat-[\w-]{20,}"),
    "a Slack token": re.compile(r"\bxox[abprs]-[\w-]{10,}"),
    "a Google API key": re.compile(r"\bAIza[\w-]{35}\b"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in a URL": re.compile(r"(?<=://)[^\s/:@'\"]*:[^\s/:@'\"$]+(?=@[\w.\[-])"),
}
_PLACEHOLDERS = frozenset({"", "none", "null", "true", "false", "unset", "0", "1", "yes", "no", "on", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One that was found; its value goes into no record."""

    where: str
    """`environment`, or `history`."""
    what: str
    """Its name, or what its shape is."""
    value: str

    def __str__(self) -> str:
        return f"{self.what} in the {self.where}"


def secrets_of(image: Image) -> tuple[Secret, ...]:
    """Each secret once, under the first place that it was found in."""
    found: dict[str, Secret] = {}
    for line in image.environment:
        for what, value in _in_variable(line):
            found.setdefault(value, Secret(where="environment", what=what, value=value))
    for step in image.history:
        for what, value in _in_text(step.created_by):
            found.setdefault(value, Secret(where="history", what=what, value=value))
    return tuple(found.values())


def _in_variable(line: str) -> Iterator[tuple[str, str]]:
    name, _, value = line.partition("=")
    if _is_secret(name, value):
        yield f"{name}=***", value
    else:
        yield from _shaped(value, f"{name}: ")


def _in_text(text: str) -> Iterator[tuple[str, str]]:
    for match in _ASSIGNED.finditer(text):
        value = match[2].strip("\"'")
        if _is_secret(match[1], value):
            yield f"{match[1]}=***", value
    yield from _shaped(text, "")


def _shaped(text: str, before: str) -> Iterator[tuple[str, str]]:
    for what, shape in _SHAPES.items():
        for match in shape.finditer(text):
            yield before + what, match[0]


def _is_secret(name: str, value: str) -> bool:
    """A name that tells of a secret, with a value that is one: no reference, no flag."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|-", "_", name)
    if name.upper() in _NO_SECRETS or not _NAMES.search(words) or _NOT_THE_THING.search(words):
        return False
    return value.lower() not in _PLACEHOLDERS and not value.startswith(("$", "/run/secrets/"))
