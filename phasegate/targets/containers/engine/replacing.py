"""A container like another one, on another image. Pure: from what the engine tells to what it is to make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from phasegate.base.dataclass import dataclass

REPLACES = "phasegate.replaces"
"""The label that says of a container which one it stands for."""
_MAPPINGS = ("Labels", "ExposedPorts", "Volumes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the engine is to make."""

    config: dict[str, Any]
    """The body of its request; the container begins in one network."""
    further: tuple[tuple[str, dict[str, Any]], ...]
    """Further networks to connect it to before it starts, with its place there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What is another than before; what is empty stays the same."""

    image: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def another(told: Mapping[str, Any], old_image: Mapping[str, Any], version: Version) -> Wanted:
    """The container as it was asked for, which is what it is less what its old image brings, as `version`."""
    config = _less(told["Config"], old_image.get("Config") or {})
    if version.command:
        config["Cmd"] = [*version.command]
    if version.env:
        kept = [one for one in config.get("Env") or () if one.partition("=")[0] not in version.env]
        config["Env"] = [*kept, *(f"{name}={value}" for name, value in version.env.items())]
    config["Labels"] = {**config.get("Labels", {}), REPLACES: told["Id"]}
    if str(config.get("Hostname", "")) == told["Id"][:12]:
        del config["Hostname"]  # the engine's own choice, by its id
    host = dict(told["HostConfig"])
    host["Binds"] = [*(host.get("Binds") or ()), *_anonymous_volumes(told)]
    networks = dict(told["NetworkSettings"]["Networks"] or {})
    first = host.get("NetworkMode") if host.get("NetworkMode") in networks else next(iter(networks), None)
    config |= {"Image": version.image or told["Config"]["Image"], "HostConfig": host}
    if first is not None:
        config["NetworkingConfig"] = {"EndpointsConfig": {first: endpoint_config(told, first)}}
    further = tuple((name, as_connected(told, name)) for name in networks if name != first)
    return Wanted(config=config, further=further)


def as_connected(told: Mapping[str, Any], network: str) -> dict[str, Any]:
    """A container's place in a network, as the SDK wants it for connecting to it again.

    An address that the engine chose itself cannot be asked for; it gives the lowest one that is free, which
    usually is the same.
    """
    wanted = endpoint_config(told, network)
    links = [tuple(link.split(":", 1)) for link in wanted.get("Links", ())]
    addresses = wanted.get("IPAMConfig", {})
    place = {
        "aliases": wanted.get("Aliases"),
        "links": links,
        "driver_opt": wanted.get("DriverOpts"),
        "ipv4_address": addresses.get("IPv4Address"),
        "ipv6_address": addresses.get("IPv6Address"),
    }
    return {key: value for key, value in place.items() if value}


def endpoint_config(told: Mapping[str, Any], network: str) -> dict[str, Any]:
    """A container's place in a network as the engine is asked for it: less what the engine chose itself."""
    if network == "bridge":
        return {}  # the default network knows neither names nor addresses that one asks for
    place = told["NetworkSettings"]["Networks"][network]
    aliases = [alias for alias in place.get("Aliases") or () if alias != told["Id"][:12]]
    wanted = {key: place.get(key) for key in ("IPAMConfig", "Links", "DriverOpts")} | {"Aliases": aliases}
    return {key: value for key, value in wanted.items() if value}


def _less(config: Mapping[str, Any], brought: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what the image brings to it."""
    own: dict[str, Any] = {}
    for key, value in config.items():
        base = brought.get(key)
        if key == "Env":
            own[key] = [one for one in value or () if one not in (base or ())]
        elif key in _MAPPINGS:
            own[key] = {
                name: item for name, item in (value or {}).items() if (base or {}).get(name, _NONE) != item
            }
        elif value != base:
            own[key] = value
    return own


_NONE = object()


def _anonymous_volumes(told: Mapping[str, Any]) -> list[str]:
    """Volumes that it has because its image asks for some: the other one works on the same data."""
    host = told["HostConfig"]
    asked = {bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind}
    asked |= {mount["Target"] for mount in host.get("Mounts") or ()}
    return [
        f"{mount['Name']}:{mount['Destination']}"
        for mount in told.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount["Destination"] not in asked
    ]
