"""Which host and port a URL leads to, so that two spellings of one place are the same."""

from __future__ import annotations

from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
LOOPBACK = "127.0.0.1"
_LOOPBACK = {"localhost": LOOPBACK}


def place_of(url: str) -> tuple[str, int] | None:
    """None for what has no host, or no port that could be one."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme.lower(), 0)
    except ValueError:
        return None
    return fold_place(parts.hostname, port) if parts.hostname else None


def origin_of(url: str) -> tuple[str, tuple[str, int]]:
    """The scheme and the place that a URL leads to: what is sent along may be a secret, so neither another
    scheme nor another port gets it. The place of what has none is empty."""
    return url.partition(":")[0].lower(), place_of(url) or ("", 0)


def fold_place(host: str, port: int) -> tuple[str, int]:
    name = host.lower().rstrip(".")
    return _LOOPBACK.get(name, name), port


def address_of(url: str) -> str:
    """`host:port` of a URL for people, or what there is of it."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return url[:100]
    if not parts.hostname:
        return url[:100]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}" if port else host
