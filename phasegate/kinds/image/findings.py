"""What is wrong with an image, aspect by aspect; pure."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact
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
    message: Fact


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


def unproven_of(seen: Seen, aspect: Aspect) -> Fact | None:
    """Why nothing could be found out about an aspect; None where it could."""
    if aspect is Aspect.STOP and seen.stopped is not None and seen.stopped.before:
        return fact(Code.CANNOT_STOP, why=seen.stopped.before)
    return None


def _error(aspect: Aspect, message: Fact) -> Finding:
    return Finding(aspect=aspect, severity=Severity.ERROR, message=message)


def _warning(aspect: Aspect, message: Fact) -> Finding:
    return Finding(aspect=aspect, severity=Severity.WARNING, message=message)


def _user(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    written = seen.image.user
    name = written.partition(":")[0]
    if not name:
        yield _error(Aspect.USER, fact(Code.AS_ROOT))
    elif name == "root" or (name.isdecimal() and int(name) == 0):
        yield _error(Aspect.USER, fact(Code.AS_ROOT, user=written))
    elif not name.isdecimal():
        yield from _check_user_name(name, _uids(seen.accounts or ""))


def _check_user_name(name: str, uids: Mapping[str, str]) -> Iterator[Finding]:
    uid = uids.get(name)
    if uid is None:
        yield _error(Aspect.USER, fact(Code.USER_UNKNOWN, user=name))
    elif not uid.isdecimal() or int(uid) == 0:
        yield _error(Aspect.USER, fact(Code.UID_OF_ROOT, user=name, uid=uid))
    else:
        yield _warning(Aspect.USER, fact(Code.USER_BY_NAME, user=name, uid=uid))


def _uids(accounts: str) -> dict[str, str]:
    rows = (line.split(":") for line in accounts.splitlines())
    return {row[0]: row[2].strip() for row in rows if len(row) > 2}


def _healthcheck(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    why = why_it_proves_nothing(seen.image.healthcheck)
    if why:
        yield _error(Aspect.HEALTHCHECK, fact(Code.IMAGE_HAS, why=why))


def _ports(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for port in seen.image.exposed:
        name = f"{port.number}/{port.protocol}"
        if name not in params.allowed_ports:
            yield _error(Aspect.PORTS, fact(Code.PORT_EXPOSED, port=name))


def _secrets(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for secret in secrets_of(seen.image):
        yield _error(Aspect.SECRETS, fact(Code.SECRET, what=secret.what, where=secret.where))
    for file in seen.files or ():
        name = file.path.rpartition("/")[2]
        if not file.folder and (name in _SECRET_FILES or _matches(file.path, _SECRET_PATHS)):
            yield _warning(Aspect.SECRETS, fact(Code.SECRET_FILE, path=file.path))


def _tag(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    if "@" in seen.asked_as or seen.asked_as.startswith("sha256:"):
        return
    _, colon, tag = seen.asked_as.rpartition("/")[2].partition(":")
    if not colon:
        yield _warning(Aspect.TAG, fact(Code.NO_TAG, image=seen.asked_as))
    elif tag == "latest":
        yield _warning(Aspect.TAG, fact(Code.TAG_LATEST, image=seen.asked_as))


def _base(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    label = seen.image.labels.get(BASE_NAME, "")
    if label and label == params.base:
        return
    if seen.base is None:
        found = fact(Code.BASE_UNKNOWN, base=params.base, label=BASE_NAME, value=label)
        yield _error(Aspect.BASE, found)
    elif not seen.base.layers or seen.image.layers[: len(seen.base.layers)] != seen.base.layers:
        yield _error(Aspect.BASE, fact(Code.BASE_OTHER, base=params.base))


def _labels(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for name, wanted in params.labels.items():
        actual = seen.image.labels.get(name)
        if actual is None or not actual:
            yield _error(Aspect.LABELS, fact(Code.NO_LABEL, label=name))
        elif wanted is not None and actual != wanted:
            yield _error(Aspect.LABELS, fact(Code.LABEL_OTHER, label=name, value=actual[:80], right=wanted))


def _files(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    for file in seen.files or ():
        if _matches(file.path, params.allow_files):
            continue
        open_to_all = file.mode & stat.S_IWOTH and not (file.folder and file.mode & stat.S_ISVTX)
        kind = "folder" if file.folder else "file"
        mode = f"{file.mode:04o}"
        if open_to_all:
            yield _error(Aspect.FILES, fact(Code.WRITABLE_BY_ALL, kind=kind, path=file.path, mode=mode))
        if not file.folder and file.mode & (stat.S_ISUID | stat.S_ISGID):
            who = "setuid" if file.mode & stat.S_ISUID else "setgid"
            yield _warning(Aspect.FILES, fact(Code.RUNS_AS_OWNER, path=file.path, what=who, mode=mode))


def _architecture(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    image = seen.image
    if not {image.architecture, f"{image.os}/{image.architecture}"} & set(params.architecture):
        found = f"{image.os}/{image.architecture}"
        yield _error(
            Aspect.ARCHITECTURE, fact(Code.OTHER_ARCHITECTURE, found=found, right=tuple(params.architecture))
        )


def _stop(seen: Seen, params: ImageParams) -> Iterator[Finding]:
    stopped, within = seen.stopped, params.stops_within or 0.0
    if stopped is None or stopped.before:
        return
    signal = seen.image.stop_signal
    if stopped.killed:
        yield _error(Aspect.STOP, fact(Code.WENT_ON, within=within, signal=signal))
    elif stopped.exit_code == 137:
        yield _error(Aspect.STOP, fact(Code.KILLED_AFTER, signal=signal, exit_code=137))
    elif stopped.exit_code not in (0, 130, 143):
        yield _warning(Aspect.STOP, fact(Code.ENDED_AFTER, exit_code=stopped.exit_code, signal=signal))


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
