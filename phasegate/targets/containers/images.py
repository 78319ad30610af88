"""What is in an image, and how its program takes the wish to stop; whatever is made for it is removed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from phasegate.base.facts import Code, Fact, fact
from phasegate.model.containers import Image, ImageFile
from phasegate.targets.containers.engine.client import Engine, EngineError, NotThereError
from phasegate.targets.containers.engine.facts import ONE_OFF
from phasegate.targets.containers.engine.streaming import stream_answer
from phasegate.targets.processes.process_group import GUARD
from phasegate.world import Stopped

LABEL = "phasegate.throwaway"
"""Carried by every container made here."""
MOST_FILES = 1_000_000
MOST_BYTES = 1 << 36
"""Of the archive of an image that is read through."""
LARGEST = 1 << 20
"""Bytes of one file."""
LOOK = 0.02
"""Seconds between two looks at whether a container has ended."""
_NO_PROGRAM = "-"
"""An image without a command makes no container, even if it is never started."""
_MADE_BY_THE_ENGINE = frozenset({".dockerenv"})
_SAID = 200
_END = bytes(2 * tarfile.BLOCKSIZE)
_BROKE_OFF = fact(Code.ARCHIVE_BROKE_OFF)


async def files_of(engine: Engine, image: Image) -> tuple[ImageFile, ...]:
    """Every file and folder, layers put together; the container made for it is never started.

    What an engine puts into each container (`/dev`, `/proc`, `/sys`) is left out; so are links.
    Errors: EngineError, also when the image is too large to be read through.
    """
    async with _make_container(engine, image, command=[_NO_PROGRAM], entrypoint=[_NO_PROGRAM]) as id:
        enough = threading.Event()
        try:
            return await engine.call(_list_files, engine.api, id, enough)
        finally:
            enough.set()


async def content_of(engine: Engine, image: Image, path: str) -> bytes | None:
    """See `phasegate.world.Containers`."""
    async with _make_container(engine, image, command=[_NO_PROGRAM], entrypoint=[_NO_PROGRAM]) as id:
        try:
            return await engine.call(_content, engine.api, id, path)
        except NotThereError:
            return None


async def stop_of(engine: Engine, image: Image, *, after: float, within: float) -> Stopped:
    """See `phasegate.world.Containers`."""
    try:
        async with _make_container(engine, image, host_config={"network_mode": "none"}) as id:
            await engine.call(engine.api.start, id)
            await asyncio.sleep(after)
            state = await _state(engine, id)
            if not state["Running"]:
                said = await engine.call(engine.api.logs, id, tail=1)
                return Stopped(before=_own_end(state, said))
            begun = time.perf_counter()
            await engine.call(engine.api.kill, id, signal=image.stop_signal)
            return await _ending(engine, id, begun, within)
    except NotThereError:
        raise
    except EngineError as error:
        if error.help:  # the engine has gone
            raise
        return Stopped(before=error.message)


async def _ending(engine: Engine, id: str, begun: float, within: float) -> Stopped:
    while True:
        state = await _state(engine, id)
        taken = time.perf_counter() - begun
        if not state["Running"]:
            return Stopped(exit_code=state["ExitCode"], seconds=taken)
        if taken >= within:
            return Stopped(seconds=taken, killed=True)
        await asyncio.sleep(LOOK)


async def _state(engine: Engine, id: str) -> dict[str, Any]:
    told = await engine.call(engine.api.inspect_container, id)
    state: dict[str, Any] = told["State"]
    return state


def _own_end(state: dict[str, Any], said: bytes) -> Fact:
    line = " ".join(said.decode(errors="replace").split())[:_SAID]
    return fact(Code.ENDED_BY_ITSELF, exit_code=state["ExitCode"], line=line)


@contextlib.asynccontextmanager
async def _make_container(
    engine: Engine, image: Image, host_config: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[str]:
    """A container of an image, not started, removed with its volumes whatever happens."""
    mark = uuid.uuid4().hex
    GUARD.containers(engine.host, f"{LABEL}={mark}")
    making = asyncio.ensure_future(
        engine.call(
            engine.api.create_container,
            image.id,
            host_config=engine.api.create_host_config(**(host_config or {})),
            # An image that Compose built carries the labels of its project: this one is not a part of it.
            labels={LABEL: mark, ONE_OFF: "True"},
            **settings,
        )
    )
    try:
        yield (await asyncio.shield(making))["Id"]
    finally:
        await _to_the_end(_remove_made(engine, making))
        GUARD.forget_containers(engine.host, f"{LABEL}={mark}")


async def _remove_made(engine: Engine, making: asyncio.Future[dict[str, Any]]) -> None:
    """Remove what was made, once it is known; what could not be made needs nothing."""
    await asyncio.wait([making])
    if making.cancelled() or making.exception() is not None:
        return
    with contextlib.suppress(NotThereError):
        await engine.call(engine.api.remove_container, making.result()["Id"], force=True, v=True)


async def _to_the_end(work: Any) -> None:
    """Do something that no cancellation leaves half done; the cancellation follows."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


def _list_files(api: Any, id: str, enough: threading.Event) -> tuple[ImageFile, ...]:
    """In a thread: read the container's file system through."""
    found: list[ImageFile] = []
    with stream_answer(api, f"/containers/{id}/export") as pieces:
        source = _Pieces(pieces, enough)
        with _whole(), tarfile.open(fileobj=source, mode="r|") as archive:  # type: ignore[call-overload]
            while (member := archive.next()) is not None:
                archive.members.clear()
                if len(found) > MOST_FILES or source.bytes > MOST_BYTES:
                    raise EngineError(fact(Code.IMAGE_TOO_LARGE))
                if (member.isfile() or member.isdir() or member.islnk()) and not _of_the_engine(member.name):
                    found.append(_file(member))
            source.drain()
    if not source.ended_well:
        raise EngineError(_BROKE_OFF)
    return tuple(found)


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """Errors: EngineError for an archive that is none, or not to its end."""
    try:
        yield
    except tarfile.TarError:
        raise EngineError(_BROKE_OFF) from None


def _file(member: tarfile.TarInfo) -> ImageFile:
    return ImageFile(
        path=f"/{member.name.strip('/')}",
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size,
        folder=member.isdir(),
    )


def _of_the_engine(name: str) -> bool:
    return name in _MADE_BY_THE_ENGINE or name.strip("/").split("/")[0] in ("dev", "proc", "sys")


def _content(api: Any, id: str, path: str) -> bytes:
    """In a thread: the first file in the archive of a path, cut to a length."""
    pieces, _ = api.get_archive(id, path)
    archive = b"".join(_up_to(pieces, LARGEST + 10 * tarfile.BLOCKSIZE))
    with _whole(), tarfile.open(fileobj=io.BytesIO(archive), mode="r|") as opened:
        member = opened.next()
        file = opened.extractfile(member) if member is not None and member.isfile() else None
        return file.read(LARGEST) if file is not None else b""


def _up_to(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    left = most
    for piece in pieces:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


class _Pieces:
    """Pieces of bytes as a file that can only be read."""

    def __init__(self, pieces: Iterator[bytes], enough: threading.Event) -> None:
        self._pieces = pieces
        self._enough = enough
        self._rest = b""
        self._tail = b""
        self.bytes = 0

    def read(self, size: int) -> bytes:
        taken = [self._rest]
        have = len(self._rest)
        while have < size and not self._enough.is_set():
            piece = next(self._pieces, b"")
            if not piece:
                break
            taken.append(piece)
            have += len(piece)
            self._tail = (self._tail + piece)[-len(_END) :]
        whole = b"".join(taken)
        self._rest = whole[size:]
        self.bytes += min(have, size)
        return whole[:size]

    def drain(self) -> None:
        while self.read(tarfile.RECORDSIZE):
            pass

    @property
    def ended_well(self) -> bool:
        """Whether the archive came to its end: a reader takes one that is cut between two members for whole.

        Source: POSIX, pax, "ustar Interchange Format": two blocks of zeros.
        """
        return self._tail == _END
