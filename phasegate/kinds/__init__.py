"""The check kinds: ours, listed here, and those of other packages; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from phasegate.base.errors import PlanError, Problem
from phasegate.kinds.offers import KindError, offers, refuse_clash

if TYPE_CHECKING:
    from phasegate.kinds.base import Kind

_T = TypeVar("_T")

_KINDS: Mapping[str, tuple[str, str]] = {
    "health": (
        "phasegate.kinds.health:Health",
        "a URL, probed a number of times, at intervals, or while other checks run",
    ),
    "api": ("phasegate.kinds.api:Api", "a suite of API requests in flows, with expectations and captures"),
    "e2e": ("phasegate.kinds.e2e:E2e", "a pytest suite in the user's environment"),
    "load": ("phasegate.kinds.load.kind:Load", "requests at a rate or over connections"),
    "command": (
        "phasegate.kinds.command.kind:CommandKind",
        "a program, by its exit code, its output and the JUnit files it writes",
    ),
    "resources": (
        "phasegate.kinds.resources.kind:ResourcesKind",
        "what the target's containers use, looked at while other checks run",
    ),
    "containers": (
        "phasegate.kinds.containers.kind:ContainersKind",
        "the target's containers: present, running, healthy by a check that can fail; logs",
    ),
    "image": (
        "phasegate.kinds.image.kind:ImageKind",
        "an image: user, healthcheck, ports, secrets, base, labels, files, how it stops",
    ),
    "openapi": (
        "phasegate.kinds.openapi.kind:OpenApiKind",
        "whether an API holds its contract: each operation of its OpenAPI document, answers, errors",
    ),
    "security": (
        "phasegate.kinds.security.kind:SecurityKind",
        "what the target gives away: headers, cookies, TLS, error pages, files that are served",
    ),
    "prometheus": (
        "phasegate.kinds.prometheus.kind:PrometheusKind",
        "what Prometheus says of the target: numbers, targets that are up, alerts that fire",
    ),
    "query": ("phasegate.kinds.query:QueryKind", "numbers in what a server answers with JSON"),
    "logs": (
        "phasegate.kinds.logs.kind:LogsKind",
        "whether lines arrive where logs are kept, and what they hold",
    ),
    "database": (
        "phasegate.kinds.database.kind:DatabaseKind",
        "a database: numbers, violations, migrations, schema",
    ),
    "kubernetes": (
        "phasegate.kinds.kubernetes.kind:KubernetesKind",
        "manifests of Kubernetes: valid for a version, and fit for production",
    ),
    "dockerfile": (
        "phasegate.kinds.dockerfile.kind:DockerfileKind",
        "Dockerfiles and Compose files: what they make and start is fit for production",
    ),
    "pipeline": (
        "phasegate.kinds.pipeline.kind:PipelineKind",
        "workflows of GitHub Actions and GitLab CI: valid, gated before they deploy, with a way back",
    ),
    "monitoring": (
        "phasegate.kinds.monitoring.kind:MonitoringKind",
        "files of Prometheus, Alertmanager, Loki and Grafana: rules, routes, dashboards, SLOs",
    ),
    "documents": (
        "phasegate.kinds.documents.kind:DocumentsKind",
        "documents: required procedures, links, leftovers, commands, reviews",
    ),
    "scan": ("phasegate.kinds.scan.kind:ScanKind", "what scanners found, and whether they looked at all"),
}
"""Where the kind is, and what it observes, by name: to list kinds, none is imported."""


class _Registry(Mapping[str, "Kind[Any]"]):
    """Kinds by name, our own first; a plan that uses two of them imports two of them."""

    def __init__(self, own: Mapping[str, tuple[str, str]]) -> None:
        self._own = own
        self._loaded: dict[str, Kind[Any] | KindError] = {}

    def __getitem__(self, name: str) -> Kind[Any]:
        """Errors: KindError where another package is in the way, or has a kind that cannot be used."""
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(name)
            except KindError as error:
                self._loaded[name] = error
        found = self._loaded[name]
        if isinstance(found, KindError):
            raise found
        return found

    def _load(self, name: str) -> Kind[Any]:
        refuse_clash(name, own=name in self._own)
        if name not in self._own:
            from phasegate.kinds.foreign import load_offer

            return load_offer(offers()[name][0])
        place, about = self._own[name]
        module, _, attribute = place.partition(":")
        kind: type[Kind[Any]] = getattr(import_module(module), attribute)
        kind.about = about
        return kind()

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in offers()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._own, *offers())))

    def __len__(self) -> int:
        return len(list(iter(self)))


KINDS: Mapping[str, Kind[Any]] = _Registry(_KINDS)


def every_kind() -> Mapping[str, Kind[Any]]:
    """All kinds, imported. Errors: PlanError with what is wrong with each of other packages."""
    return _of_each(KINDS.__getitem__)


def overview() -> Mapping[str, str]:
    """What each kind observes, and its package where it is not our own; only those are imported.

    Errors: as of `every_kind`.
    """
    return _of_each(_about)


def _about(name: str) -> str:
    """Errors: KindError."""
    if name in _KINDS:
        refuse_clash(name, own=True)
        return _KINDS[name][1]
    kind = KINDS[name]
    return f"{kind.about}{package_note(kind)}"


def package_note(kind: Kind[Any]) -> str:
    """The package of a kind that is not phasegate's own; empty for those."""
    return "" if kind.package is None else f" ({kind.package.name} {kind.package.version})"


def _of_each(get: Callable[[str], _T]) -> dict[str, _T]:
    found, problems = {}, []
    for name in KINDS:
        try:
            found[name] = get(name)
        except KindError as error:
            problems.append(Problem(message=error.message, help=error.help))
    if problems:
        raise PlanError(problems)
    return found
