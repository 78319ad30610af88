"""What carries a label on an engine, taken away: containers, networks and volumes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from phasegate.base.facts import Message
from phasegate.targets.containers.acts import GRACE
from phasegate.targets.containers.engine.client import Engine, EngineError

ROUNDS = 8
"""Looks at what is left: what was being made while it was taken away is found by the next."""
_BETWEEN = 0.2


async def there(engine: Engine, label: str) -> dict[str, tuple[str, ...]]:
    """The names of what carries a label, by what it is; nothing without any. Errors: EngineError."""
    return await engine.call(_there, engine.api, label)


async def stop(engine: Engine, label: str) -> None:
    """Ask all containers at once to stop, each with the time that it wants for it. Errors: EngineError when
    the engine has gone."""
    running = await engine.call(engine.api.containers, filters={"label": [label]})
    await asyncio.gather(*(_complaint_of(engine, _stop, engine.api, one["Id"]) for one in running))


def _stop(api: Any, id: str) -> None:
    """Said to the SDK too, which else waits for an answer no longer than for any other."""
    wanted = api.inspect_container(id)["Config"].get("StopTimeout")
    api.stop(id, timeout=GRACE if wanted is None else wanted)


async def remove(engine: Engine, label: str, *, images: Iterable[str] = ()) -> tuple[Message, ...]:
    """Remove everything that carries a label, anonymous volumes included, and images by their tags.

    Shape: what could not be removed, one line each. Errors: EngineError when the engine has gone.
    """
    troubles: dict[Message, None] = {}
    for number in range(ROUNDS):
        found = await engine.call(_there, engine.api, label, True)
        if not found and number:
            break
        troubles = dict.fromkeys(await _remove_all(engine, found))
        await asyncio.sleep(_BETWEEN if found or not number else 0)
    for image in images:
        await _complaint_of(engine, engine.api.remove_image, image)
    return tuple(troubles) if await there(engine, label) else ()


async def _remove_all(engine: Engine, found: dict[str, tuple[str, ...]]) -> list[Message]:
    """Containers first: what they use cannot be removed before them."""
    api = engine.api
    removers: tuple[tuple[str, Callable[..., Any], dict[str, bool]], ...] = (
        ("containers", api.remove_container, {"v": True, "force": True}),
        ("networks", api.remove_network, {}),
        ("volumes", api.remove_volume, {"force": True}),
    )
    troubles: list[Message] = []
    for group, function, options in removers:
        answers = await asyncio.gather(
            *(_complaint_of(engine, function, name, **options) for name in found.get(group, ()))
        )
        troubles += [answer for answer in answers if answer]
    return troubles


async def _complaint_of(engine: Engine, function: Callable[..., Any], *args: Any, **options: Any) -> Message:
    """What the engine says against it; empty when it is done."""
    try:
        await engine.call(function, *args, **options)
    except EngineError as error:
        return error.message
    return ""


def _there(api: Any, label: str, ids: bool = False) -> dict[str, tuple[str, ...]]:
    filters = {"label": [label]}
    containers = api.containers(all=True, filters=filters)
    networks = api.networks(filters=filters)
    found = {
        "containers": tuple(
            one["Id"] if ids or not one.get("Names") else one["Names"][0].removeprefix("/")
            for one in containers
        ),
        "networks": tuple(one["Id" if ids else "Name"] for one in networks),
        "volumes": tuple(one["Name"] for one in api.volumes(filters=filters)["Volumes"] or ()),
    }
    return {group: names for group, names in found.items() if names}
