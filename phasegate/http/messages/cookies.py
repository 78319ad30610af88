"""The cookies of a flow or journey, by RFC 6265bis as browsers have them; names and values are bytes.

Left out is what only a browser with several sites open can tell apart: SameSite, HttpOnly, partitions. A
domain of one label (`com`, `internal`) counts as a public suffix; the list of the others is not consulted.
"""

from __future__ import annotations

import contextlib
import re
import time
from calendar import timegm
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import quote

from phasegate.base.facts import Code, Fact, fact

LONGEST = 4_096
"""Bytes of name and value together."""
LONGEST_ATTRIBUTE = 1_024
MOST = 3_000
"""Cookies of a jar; the oldest go first."""
NOTES = 3
"""Cookies kept back that one message names."""
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_AGE = re.compile(rb"-?[0-9]+")
_DELIMITER = re.compile(rb"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(rb"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(rb"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(rb"([0-9]{2,4})(?![0-9])")
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_NEVER = float("inf")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class _Place(NamedTuple):
    """Where a URL leads, as far as cookies care."""

    host: str
    is_name: bool
    """A name, not an IP address."""
    is_secure: bool
    """Over https, or to this machine, which browsers trust as much."""
    path: bytes


class _Cookie(NamedTuple):
    name: bytes
    value: bytes
    domain: str
    host_only: bool
    path: bytes
    secure: bool
    ends: float
    """On the monotonic clock."""
    number: int
    """In the order of creation."""


class CookieJar:
    """Holds what `Set-Cookie` brought."""

    __slots__ = ("_cookies", "_kept_back", "_number")

    def __init__(self) -> None:
        self._cookies: dict[tuple[bytes, str, bool, bytes], _Cookie] = {}
        """By name, domain, whether for that host only, and path."""
        self._kept_back: dict[tuple[str, bytes], Fact] = {}
        """Why a cookie was not taken, by the host that set it and its name."""
        self._number = 0

    def keep(self, url: str, line: bytes) -> None:
        """Take in the value of one `Set-Cookie` line of an answer from an absolute URL."""
        if _CONTROL.search(line):
            return
        pair, _, attributes = line.partition(b";")
        name, equals, value = pair.partition(b"=")
        name, value = (name.strip(b" \t"), value.strip(b" \t")) if equals else (b"", name.strip(b" \t"))
        if not (name or value) or len(name) + len(value) > LONGEST:
            return
        place, given = _place(url), _attributes(attributes)
        domain = _domain(given, place)
        if why := self._refusal(name, value, place, given, domain):
            if len(self._kept_back) < MOST:
                self._kept_back[place.host, name] = _kept_back(name, why, place.host, given.get(b"domain"))
            return
        if self._kept_back:
            self._kept_back.pop((place.host, name), None)
        self._store(
            _Cookie(
                name=name,
                value=value,
                domain=domain or place.host,
                host_only=not domain,
                path=given.get(b"path") or _default_path(place.path),
                secure=b"secure" in given,
                ends=_end(given),
                number=self._number,
            )
        )

    def header(self, url: str) -> bytes:
        """The value of `Cookie` for a request to an absolute URL; empty where there is none to send."""
        if not self._cookies:
            return b""
        place, fitting = _place(url), []
        for cookie in self._cookies.values():
            if not _fits(cookie, place) or (cookie.secure and not place.is_secure):
                continue
            if cookie.ends == _NEVER or cookie.ends > time.monotonic():
                fitting.append(cookie)
        if len(fitting) > 1:
            fitting.sort(key=lambda cookie: (-len(cookie.path), cookie.number))
        return b"; ".join([b"%b=%b" % (one.name, one.value) if one.name else one.value for one in fitting])

    def notes(self, url: str) -> tuple[Fact, ...]:
        """Cookies that a request to a URL goes without where one may expect them, each with the reason."""
        place = _place(url)
        reasons = [why for (host, _), why in self._kept_back.items() if host == place.host]
        reasons += [
            _kept_back(cookie.name, "insecure")
            for cookie in self._cookies.values()
            if cookie.secure and not place.is_secure and _fits(cookie, place)
        ]
        return tuple(reasons[:NOTES])

    def _refusal(
        self, name: bytes, value: bytes, place: _Place, given: Mapping[bytes, bytes], domain: str | None
    ) -> str:
        """Why a cookie is not taken, as `Code.COOKIE_KEPT_BACK` has it; empty where it is."""
        secure, prefix = b"secure" in given, (name or value)[:9].lower()
        if secure and not place.is_secure:
            return "insecure"
        if domain is None:
            return "elsewhere"
        if prefix.startswith((b"__secure-", b"__host-")) and (not name or not secure):
            return "not_secure"
        if prefix.startswith(b"__host-") and (domain or given.get(b"path") != b"/"):
            return "not_of_host"
        if self._cookies and not secure and not place.is_secure and self._hides(name, place, given, domain):
            return "hides"
        return ""

    def _hides(self, name: bytes, place: _Place, given: Mapping[bytes, bytes], domain: str) -> bool:
        """Whether a cookie from an address that is not secure would hide one that is."""
        where = domain or place.host
        path = given.get(b"path") or _default_path(place.path)
        return any(
            cookie.secure
            and cookie.name == name
            and (_on_domain(where, cookie.domain) or _on_domain(cookie.domain, where))
            and _path_matches(path, cookie.path)
            for cookie in self._cookies.values()
        )

    def _store(self, cookie: _Cookie) -> None:
        key = (cookie.name, cookie.domain, cookie.host_only, cookie.path)
        old = self._cookies.get(key)
        if cookie.ends != _NEVER and cookie.ends <= time.monotonic():
            self._cookies.pop(key, None)
            return
        if old is not None:  # it keeps its place in the order
            cookie = cookie._replace(number=old.number)
        elif len(self._cookies) >= MOST:
            del self._cookies[next(iter(self._cookies))]
        self._cookies[key] = cookie
        self._number += 1


@lru_cache(maxsize=1_024)
def _attributes(written: bytes) -> Mapping[bytes, bytes]:
    """Those that count, names in lower case; of one that is given twice, the last counts."""
    given: dict[bytes, bytes] = {}
    for attribute in written.split(b";"):
        key, _, value = attribute.partition(b"=")
        key, value = key.strip(b" \t").lower(), value.strip(b" \t")
        if len(value) > LONGEST_ATTRIBUTE:
            continue
        match key:
            case b"domain":
                given[key] = value.removeprefix(b".").lower()
            case b"path":
                given[key] = value if value.startswith(b"/") else b""
            case b"max-age" if _MAX_AGE.fullmatch(value):
                given[key] = value
            case b"expires" if cookie_date(value) is not None:
                given[key] = value
            case b"secure":
                given[key] = b""
    return given


def _domain(given: Mapping[bytes, bytes], place: _Place) -> str | None:
    """The domain that a cookie is for; empty: the host that set it; None: one that it cannot be set for."""
    written = given.get(b"domain", b"")
    if not written:
        return ""
    try:
        domain = written.decode("ascii")
    except UnicodeDecodeError:
        return None
    if "." not in domain.rstrip("."):  # a public suffix, but for the host of that very name
        return "" if domain == place.host else None
    matches = domain == place.host or (place.is_name and _on_domain(place.host, domain))
    return domain if matches else None


def _end(given: Mapping[bytes, bytes]) -> float:
    if b"max-age" in given:  # it wins over Expires
        age = given[b"max-age"].lstrip(b"0")
        return time.monotonic() + int(age[:12]) if age and not age.startswith(b"-") else 0.0
    if b"expires" in given and (date := cookie_date(given[b"expires"])) is not None:
        return time.monotonic() + (date - time.time())
    return _NEVER


def cookie_date(text: bytes) -> float | None:
    """A date by the lenient algorithm of RFC 6265, 5.1.1, in seconds since 1970; None where it is none."""
    clock = day = month = year = None
    for token in _DELIMITER.split(text):
        if clock is None and (found := _TIME.match(token)):
            clock = tuple(map(int, found.groups()))
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    long = 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    days = (31, long, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    if year < 1601 or not 1 <= day <= days or clock[0] > 23 or clock[1] > 59 or clock[2] > 59:
        return None
    return float(timegm((year, month, day, *clock)))


def _place(url: str) -> _Place:
    if "?" in url or "#" in url:
        url = url.partition("#")[0].partition("?")[0]
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    if not path.isascii():
        path = quote(path, safe=_ASCII, errors="surrogateescape")
    return _Place(*_host(scheme, authority), b"/" + path.encode("ascii"))


@lru_cache(maxsize=1_024)
def _host(scheme: str, authority: str) -> tuple[str, bool, bool]:
    """The host, whether it is a name, and whether it is trusted with what is Secure."""
    host = authority.rpartition("@")[2].lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if not host.isascii():
        with contextlib.suppress(UnicodeError):  # no such host answers
            host = host.encode("idna").decode()
    try:
        address = ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return host, True, scheme.lower() == "https" or name == "localhost" or name.endswith(".localhost")
    return host, False, scheme.lower() == "https" or address.is_loopback


def _fits(cookie: _Cookie, place: _Place) -> bool:
    if cookie.domain != place.host and (
        cookie.host_only or not place.is_name or not place.host.endswith(f".{cookie.domain}")
    ):
        return False
    return cookie.path == b"/" or _path_matches(place.path, cookie.path)


def _on_domain(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _default_path(path: bytes) -> bytes:
    return path.rpartition(b"/")[0] or b"/"


def _path_matches(path: bytes, of: bytes) -> bool:
    return path.startswith(of) and (len(path) == len(of) or of.endswith(b"/") or path[len(of)] == 0x2F)


def _kept_back(name: bytes, why: str, host: str = "", domain: bytes | None = None) -> Fact:
    of = {"host": host, "domain": _show_name(domain or b"")} if why == "elsewhere" else {}
    return fact(Code.COOKIE_KEPT_BACK, name=_show_name(name), why=why, **of)


def _show_name(name: bytes) -> str:
    return name[:40].decode("utf-8", "replace")
