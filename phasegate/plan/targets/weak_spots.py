"""What in a compose file keeps a stack from proving that it is up, or from coming up at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from phasegate.base.errors import Problem
from phasegate.base.facts import Code, fact
from phasegate.kinds.dockerfile.compose import Compose, why_healthcheck_proves_nothing
from phasegate.plan.reading.compose_file import ComposeFile

_MOST = 3
"""Problems of one sort: this is no report, which the kind `dockerfile` makes."""


def weak_spots(file: ComposeFile, folder: Path, up: Mapping[str, object]) -> Iterator[Problem]:
    """Warnings of healthchecks that cannot fail or are waited for in vain, and of missing files of secrets.

    `up`: the services that come up; `folder`: where the paths of the file start from.
    """
    compose = Compose(document=file.document, folder=folder)
    yield from islice(_fake_healthchecks(compose, up), _MOST)
    yield from _missing_healthchecks(compose, up)
    yield from islice(_missing_secrets(compose, up), _MOST)


def _fake_healthchecks(compose: Compose, up: Mapping[str, object]) -> Iterator[Problem]:
    for service in compose.services:
        why = why_healthcheck_proves_nothing(service) if service.name in up else None
        if why is not None:
            at = compose.document.value_at((*service.path, "healthcheck", "test"))
            message = fact(Code.COMPOSE_HEALTHCHECK, service=service.name, why=why)
            yield compose.document.problem(message, at, help="let it ask the program", warning=True)


def _missing_healthchecks(compose: Compose, up: Mapping[str, object]) -> Iterator[Problem]:
    """Only of services that others wait for: else nothing but a check of the plan asks for health."""
    waited = compose.waited_for("service_healthy")
    missing = [one for one in compose.services if one.name in waited & up.keys()]
    missing = [one for one in missing if compose.has_no_healthcheck(one)]
    if missing:
        message = fact(Code.COMPOSE_NO_HEALTHCHECK, names=tuple(one.name for one in missing))
        help = "Compose refuses to wait for a service without one; give it one, unless its image has one"
        at = compose.document.key_at(missing[0].path)
        yield compose.document.problem(message, at, help=help, warning=True)


def _missing_secrets(compose: Compose, up: Mapping[str, object]) -> Iterator[Problem]:
    used = {name for one in compose.services if one.name in up for name in one.secrets}
    for kind, name, path in compose.named_files:
        if kind == "secrets" and name in used and compose.lacks(path):
            at = compose.document.value_at((kind, name, "file"))
            message = fact(Code.COMPOSE_SECRET_MISSING, name=name, path=path)
            help = "make it, or correct the path, which starts at the folder of the compose file"
            yield compose.document.problem(message, at, help=help, warning=True)
