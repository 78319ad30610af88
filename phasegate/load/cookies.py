"""The cookies of one journey, which talks to one host: paths and expiry by RFC 6265."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit


class Cookies:
    """What `Set-Cookie` brought."""

    __slots__ = ("_host", "_kept", "_secure")

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._host = (parts.hostname or "").lower()
        self._secure = parts.scheme == "https"
        self._kept: dict[tuple[str, str], tuple[str, float]] = {}
        """Value, and when it ends on the monotonic clock, by name and path."""

    def keep(self, header: str, request_path: str) -> None:
        """Take in one header; a cookie for another host, or for HTTPS where there is none, is ignored."""
        pair, *attributes = header.split(";")
        name, equals, value = pair.strip().partition("=")
        if not equals or not name:
            return
        path, ends, maximum = _default_path(request_path), float("inf"), None
        for attribute in attributes:
            key, _, given = attribute.strip().partition("=")
            match key.lower():
                case "path" if given.startswith("/"):
                    path = given
                case "domain" if given and not _on_domain(self._host, given):
                    return
                case "secure" if not self._secure:
                    return
                case "max-age":
                    maximum = _end_after(given)
                case "expires":
                    ends = _end_at(given)
        if maximum is not None:
            ends = maximum  # it wins over Expires (RFC 6265, 5.3)
        if ends <= time.monotonic():
            self._kept.pop((name.strip(), path), None)
        else:
            self._kept[name.strip(), path] = (value.strip(), ends)

    def header(self, path: str) -> str:
        """The value of `Cookie` for a path, longest paths first; empty without any."""
        now = time.monotonic()
        fitting = [
            (of, f"{name}={value}")
            for (name, of), (value, ends) in self._kept.items()
            if ends > now and _path_matches(path, of)
        ]
        return "; ".join(text for _, text in sorted(fitting, key=lambda one: -len(one[0])))


def _default_path(request_path: str) -> str:
    return request_path.rpartition("/")[0] or "/"


def _path_matches(path: str, of: str) -> bool:
    return path == of or (path.startswith(of) and (of.endswith("/") or path[len(of)] == "/"))


def _on_domain(host: str, domain: str) -> bool:
    domain = domain.lstrip(".").lower()
    return host == domain or host.endswith(f".{domain}")


def _end_after(seconds: str) -> float | None:
    try:
        return time.monotonic() + int(seconds)
    except ValueError:
        return None


def _end_at(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time() + time.monotonic()
    except (ValueError, TypeError, OverflowError):
        return float("inf")
