"""A container engine, through the docker SDK: calls in threads, errors as one line with a way out."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.model.containers import Container, Image
from phasegate.targets.containers.engine.facts import container_of, image_of

if TYPE_CHECKING:
    import docker

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT = 30
"""Seconds that one call may take."""
THREADS = 64
"""Made when needed. An engine takes a second to say what a container uses, so many are asked at once."""
DEFAULT = "unix:///var/run/docker.sock"
INSTALL = "pip install 'phasegate[containers]'"
_NO_ENGINE = fact(Code.START_ENGINE)


class EngineError(ObservationError):
    """The engine is not there, has gone, or does not do what it was asked; one line, and a way out."""


class Engine:
    """One engine. Calls are blocking and go through `call`."""

    def __init__(self, client: docker.DockerClient, host: str) -> None:
        self.host = host
        """Where it is, as in `DOCKER_HOST`."""
        self._client = client
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")

    @classmethod
    async def connect(cls, environment: Mapping[str, str]) -> Self:
        """The engine that `DOCKER_HOST` names, or the one of this machine.

        Errors: EngineError when the SDK is not installed or no engine answers.
        """
        where = environment.get("DOCKER_HOST") or DEFAULT
        return cls(await asyncio.to_thread(_connect, where, environment), where)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the SDK in a thread.

        Errors: EngineError for what the engine refuses and for an engine that has gone; NotThereError.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: _translate(function, *args, **kwargs))

    @property
    def client(self) -> docker.DockerClient:
        return self._client

    @property
    def api(self) -> Any:
        """The SDK's calls as they are, which have no types."""
        return self._client.api

    async def containers(self, labels: Sequence[str]) -> tuple[Container, ...]:
        """Every container that carries all labels (`name` or `name=value`), ended ones included, by service
        and number."""
        return await self.call(self._inspect, tuple(labels))

    async def image(self, reference: str) -> Image:
        """Errors: EngineError, with what would be right, when there is no such image here."""
        return await self.call(self._image, reference)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _inspect(self, labels: tuple[str, ...]) -> tuple[Container, ...]:
        import docker.errors

        api = self.api
        found = []
        for listed in api.containers(all=True, filters={"label": list(labels)}):
            try:
                found.append(_understand(container_of, api.inspect_container(listed["Id"])))
            except docker.errors.NotFound:
                continue  # it was removed between the two questions
        return tuple(sorted(found, key=lambda one: (one.service, one.number, one.name)))

    def _image(self, reference: str) -> Image:
        import docker.errors

        api = self.api
        try:
            return _understand(image_of, api.inspect_image(reference), api.history(reference))
        except docker.errors.ImageNotFound:
            raise NotThereError(fact(Code.NO_IMAGE, image=reference), help=fact(Code.GET_IMAGE)) from None


class NotThereError(EngineError):
    """A container, image or network that the engine does not know (any more)."""


def _connect(where: str, environment: Mapping[str, str]) -> docker.DockerClient:
    try:
        import docker
        import docker.errors
    except ImportError:
        raise EngineError(fact(Code.NO_SDK), help=fact(Code.INSTALLS_IT, command=INSTALL)) from None
    _knock(where)
    try:
        client = docker.DockerClient.from_env(
            environment=dict(environment), timeout=TIMEOUT, max_pool_size=THREADS
        )
        # A socket of this machine has no proxy, and looking for one takes a sixth of each call.
        client.api.trust_env = not where.startswith("unix:")
        return client
    except docker.errors.DockerException as error:
        message = fact(Code.ENGINE_UNUSABLE, at=where, why=_line(str(error)))
        raise EngineError(message, help=_NO_ENGINE) from None


def _knock(where: str) -> None:
    """Connect once ourselves: the SDK hides the system's own error, and leaves sockets open on it.

    Errors: EngineError.
    """
    scheme, _, place = where.partition("://")
    try:
        match scheme:
            case "unix":
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.settimeout(TIMEOUT)
                    probe.connect(place)
            case "tcp" | "http" | "https":
                parts = urlsplit(where)
                socket.create_connection((parts.hostname or "", parts.port or 2375), TIMEOUT).close()
    except PermissionError:
        raise EngineError(fact(Code.ENGINE_DENIED, at=where), help=fact(Code.JOIN_GROUP)) from None
    except FileNotFoundError:
        raise EngineError(fact(Code.NO_ENGINE, at=where), help=_NO_ENGINE) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = fact(Code.ENGINE_SILENT, at=where, why=reason.lower())
        raise EngineError(message, help=_NO_ENGINE) from None


def _understand(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Errors: EngineError for an answer that is not in the form of the Engine API."""
    try:
        return read(*args, **kwargs)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise EngineError(fact(Code.ENGINE_ANSWERED_OTHERWISE, why=what)) from None


def _translate(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    try:
        return function(*args, **kwargs)
    except EngineError:
        raise
    except docker.errors.NotFound as error:
        raise NotThereError(_line(error.explanation or str(error))) from None
    except docker.errors.APIError as error:
        message = fact(Code.ENGINE_REFUSED, why=_line(error.explanation or str(error)))
        raise EngineError(message) from None
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as error:
        raise EngineError(fact(Code.ENGINE_GONE, why=_reason(error)), help=_NO_ENGINE) from None


def _reason(error: BaseException) -> str:
    """The system's own word where there is one: the libraries on the way wrap it in their representations."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return _line(str(error))


def _line(text: str) -> str:
    """The engine's own words on one line of bounded length."""
    return re.sub(r"\s+", " ", text).strip()[:300]
