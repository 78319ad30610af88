"""What is wrong with an image, aspect by aspect; pure."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from phasegate.base.units import format_seconds
from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.kinds.image.params import Aspect, ImageParams
from phasegate.kinds.image.secrets import secrets_of
from phasegate.model.containers import Image, ImageFile
from phasegate.world import Stopped

BASE_NAME = "org.opencontainers.image.base.name"
_SECRET_FILES = (
    "id_rsa",
    "id_ecdsa",
    "id_ed25519",
    "id_dsa",
    ".netrc",
    ".pgpass",
    ".npmrc",
    ".git-credentials",
)
_SECRET_PATHS = ("*/.aws/credentials", "*/.docker/config.json", "*/.kube/config", "*/.env", "/.env")


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    aspect: Aspect
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that is known of an image."""

    image: Image
    asked_as: str
    """Its name as the plan, or the container, has it."""
    files: tuple[ImageFile, ...] | None = None
    """None where nobody looked."""
    accounts: str | None = None
    """The content of /etc/passwd."""
    base: Image | None = None
    stopped: Stopped | None = None


def findings_of(seen: Seen, params: ImageParams) -> dict[Aspect, tuple[Finding, ...]]:
    """What was found, for every aspect that is looked at."""
    return {aspect: tuple(_LOOK[aspect](seen, params)) for aspect in params.aspects}


def unproven_of(seen: Seen, aspect: Aspect) -> str:
    """Why nothing could be found out about an aspect; empty where it could."""
    if aspect is Aspect.STOP and seen.stopped is not None and seen.stopped.before:
        return f"it could not be asked to stop: {seen.stopped.before}"
    return ""


def _error(aspect: Aspect, message: str) -> Finding:
    return Finding(aspect=aspect, severity=Severity.ERROR, message=message)


def _warning(aspect: Aspect, message: str) -> Finding:
    return Finding(aspect=aspect, severity=Severity.WARNING, message=message)


def _user(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    written = seen.image.user
    name = written.partition(":")[0]
    if not name:
        yield _error(Aspect.USER, "it runs as root, as it names no user")
    elif name == "root" or (name.isdecimal() and int(name) == 0):
        yield _error(Aspect.USER, f"it runs as root: its user is {written!r}")
    elif not name.isdecimal():
        yield from _check_user_name(name, _uids(seen.accounts or ""))


def _check_user_name(name: str, uids: Mapping[str, str]) -> Iterator[Finding]:
    uid = uids.get(name)
    if uid is None:
        yield _error(Aspect.USER, f"its user {name!r} is not in its /etc/passwd, so it cannot start as that")
    elif not uid.isdecimal() or int(uid) == 0:
        yield _error(Aspect.USER, f"it runs as root: its user {name!r} has uid {uid}")
    else:
        message = f"its user is {name!r}, which is uid {uid} by its own /etc/passwd only; write the number"
        yield _warning(Aspect.USER, message)


def _uids(accounts: str) -> dict[str, str]:
    rows = (line.split(":") for line in accounts.splitlines())
    return {row[0]: row[2].strip() for row in rows if len(row) > 2}


def _healthcheck(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    why = why_it_proves_nothing(seen.image.healthcheck)
    if why:
        yield _error(Aspect.HEALTHCHECK, f"it has {why}")


def _ports(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for port in seen.image.exposed:
        name = f"{port.number}/{port.protocol}"
        if name not in params.allowed_ports:
            yield _error(Aspect.PORTS, f"it exposes {name}, which ports does not name")


def _secrets(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for secret in secrets_of(seen.image):
        yield _error(Aspect.SECRETS, str(secret))
    for file in seen.files or ():
        name = file.path.rpartition("/")[2]
        if not file.folder and (name in _SECRET_FILES or _matches(file.path, _SECRET_PATHS)):
            yield _warning(Aspect.SECRETS, f"{file.path} is a file that usually holds secrets")


def _tag(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    if "@" in seen.asked_as or seen.asked_as.startswith("sha256:"):
        return
    _, colon, tag = seen.asked_as.rpartition("/")[2].partition(":")
    if not colon:
        yield _warning(Aspect.TAG, f"{seen.asked_as} has no tag, so it means another image from day to day")
    elif tag == "latest":
        yield _warning(Aspect.TAG, f"{seen.asked_as} means another image from day to day; name a version")


def _base(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    label = seen.image.labels.get(BASE_NAME, "")
    if label and label == params.base:
        return
    if seen.base is None:
        said = f"its label {BASE_NAME} says {label!r}" if label else f"it has no label {BASE_NAME}"
        yield _error(
            Aspect.BASE,
            f"nothing shows that it is built on {params.base}: {said}, and that image is not here",
        )
    elif not seen.base.layers or seen.image.layers[: len(seen.base.layers)] != seen.base.layers:
        yield _error(Aspect.BASE, f"it is not built on {params.base}: its layers do not begin with those")


def _labels(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for name, wanted in params.labels.items():
        actual = seen.image.labels.get(name)
        if actual is None or not actual:
            yield _error(Aspect.LABELS, f"it has no label {name}")
        elif wanted is not None and actual != wanted:
            yield _error(Aspect.LABELS, f"its label {name} is {actual[:80]!r}, not {wanted!r}")


def _files(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for file in seen.files or ():
        if _matches(file.path, params.allow_files):
            continue
        open_to_all = file.mode & stat.S_IWOTH and not (file.folder and file.mode & stat.S_ISVTX)
        kind = "folder" if file.folder else "file"
        if open_to_all:
            yield _error(Aspect.FILES, f"everybody may write the {kind} {file.path} ({file.mode:04o})")
        if not file.folder and file.mode & (stat.S_ISUID | stat.S_ISGID):
            who = "setuid" if file.mode & stat.S_ISUID else "setgid"
            yield _warning(Aspect.FILES, f"{file.path} is {who} ({file.mode:04o})")


def _architecture(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    image = seen.image
    if not {image.architecture, f"{image.os}/{image.architecture}"} & set(params.architecture):
        wanted = " or ".join(params.architecture)
        yield _error(Aspect.ARCHITECTURE, f"it is for {image.os}/{image.architecture}, not {wanted}")


def _stop(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    stopped, within = seen.stopped, params.stops_within or 0.0
    if stopped is None or stopped.before:
        return
    signal = seen.image.stop_signal
    if stopped.killed:
        message = f"it went on for {format_seconds(within)} after {signal}, and had to be killed"
        yield _error(Aspect.STOP, message)
    elif stopped.exit_code == 137:
        yield _error(Aspect.STOP, f"it was killed after {signal} (exit code 137)")
    elif stopped.exit_code not in (0, 130, 143):
        yield _warning(Aspect.STOP, f"it ended with exit code {stopped.exit_code} after {signal}")


_LOOK = {
    Aspect.USER: _user,
    Aspect.HEALTHCHECK: _healthcheck,
    Aspect.PORTS: _ports,
    Aspect.SECRETS: _secrets,
    Aspect.TAG: _tag,
    Aspect.BASE: _base,
    Aspect.LABELS: _labels,
    Aspect.FILES: _files,
    Aspect.ARCHITECTURE: _architecture,
    Aspect.STOP: _stop,
}


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
