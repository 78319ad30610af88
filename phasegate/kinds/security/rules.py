"""What is looked for in answers of a web server, and how each is recognized; pure.

Numbers such as 3.4.1 are of the OWASP Application Security Verification Standard 5.0. What that asks of every
application (level 1) is an error, and so is what gives a secret away; the rest is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Message
from phasegate.inspection.finding import Finding, Rule, Severity
from phasegate.world import HttpReply, header

ASVS = "https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/"
_FRONTEND, _SECURE, _CONFIGURATION = (
    f"{ASVS}0x12-V3-Web-Frontend-Security.md",
    f"{ASVS}0x21-V12-Secure-Communication.md",
    f"{ASVS}0x22-V13-Configuration.md",
)
_E, _W = Severity.ERROR, Severity.WARNING
YEAR = 31_536_000


def _rule(id: str, severity: Severity, family: str, about: str, source: str) -> Rule:
    return Rule(id=id, severity=severity, family=family, about=about, source=source)


HSTS = _rule("web-hsts", _E, "headers", "HTTPS answers ask browsers for HTTPS for a year (3.4.1).", _FRONTEND)
CSP = _rule("web-csp", _W, "headers", "Pages say where content may come from (3.4.3).", _FRONTEND)
NOSNIFF = _rule("web-nosniff", _W, "headers", "Answers forbid guessing the content type (3.4.4).", _FRONTEND)
REFERRER = _rule("web-referrer", _W, "headers", "Pages say what the Referer tells others (3.4.5).", _FRONTEND)
FRAMES = _rule("web-frames", _W, "headers", "Pages say who may show them in a frame (3.4.6).", _FRONTEND)
CORS = _rule(
    "web-cors", _E, "headers", "Answers do not open themselves to any origin that asks (3.4.2).", _FRONTEND
)
COOKIE_SECURE = _rule("web-cookie-secure", _E, "cookies", "Cookies go over HTTPS only (3.3.1).", _FRONTEND)
COOKIE_SAMESITE = _rule("web-cookie-samesite", _W, "cookies", "Cookies say SameSite (3.3.2).", _FRONTEND)
COOKIE_HTTPONLY = _rule(
    "web-cookie-httponly", _W, "cookies", "Scripts cannot read cookies (3.3.4).", _FRONTEND
)
TLS_OLD = _rule("web-tls-old", _E, "tls", "TLS 1.0 and 1.1 are refused (12.1.1, RFC 8996).", _SECURE)
TLS_NEW = _rule("web-tls-new", _W, "tls", "TLS 1.3 is offered (12.1.1).", _SECURE)
CERTIFICATE = _rule("web-certificate", _E, "tls", "The certificate is trusted (12.2.2).", _SECURE)
EXPIRY = _rule("web-certificate-expiry", _E, "tls", "The certificate holds for some time yet.", _SECURE)
HTTPS = _rule("web-https", _E, "tls", "Plain HTTP leads to HTTPS, or is closed (12.2.1).", _SECURE)
TRACE = _rule("web-trace", _E, "leaks", "The method TRACE is closed (13.4.4).", _CONFIGURATION)
EXPOSED = _rule(
    "web-exposed", _E, "leaks", "No .git, .env or debug page is served (13.4.1, 13.4.2).", _CONFIGURATION
)
STACK_TRACE = _rule(
    "web-stack-trace",
    _E,
    "leaks",
    "Error pages show no stack trace or query (16.5.1).",
    f"{ASVS}0x25-V16-Security-Logging-and-Error-Handling.md",
)
VERSION = _rule(
    "web-version", _W, "leaks", "Headers do not name versions of programs (13.4.6).", _CONFIGURATION
)
RULES = (
    *(HSTS, CSP, NOSNIFF, REFERRER, FRAMES, CORS, COOKIE_SECURE, COOKIE_SAMESITE, COOKIE_HTTPONLY),
    *(TLS_OLD, TLS_NEW, CERTIFICATE, EXPIRY, HTTPS, TRACE, EXPOSED, STACK_TRACE, VERSION),
)


def found(rule: Rule, place: str, *details: Message | int) -> Finding:
    return Finding(rule=rule.id, severity=rule.severity, family=rule.family, place=place, details=details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer, and where it came from."""

    path: str
    secure: bool
    """Whether it came over TLS."""
    reply: HttpReply

    def header(self, name: str) -> str:
        return header(self.reply.headers, name) or ""

    @property
    def html(self) -> bool:
        return "html" in self.header("content-type").lower()


def headers_of(page: Page) -> Iterator[tuple[Rule, Finding | None]]:
    """Every rule on headers that applies to a page, with what it found."""
    if page.secure:
        age = re.search(r"max-age\s*=\s*\"?(\d+)", page.header("strict-transport-security"), re.IGNORECASE)
        seconds = int(age[1][:12]) if age else -1
        yield HSTS, None if seconds >= YEAR else found(HSTS, page.path, seconds)
    yield (
        NOSNIFF,
        None if page.header("x-content-type-options").lower() == "nosniff" else found(NOSNIFF, page.path),
    )
    if not page.html:
        return
    policy = page.header("content-security-policy")
    unsafe = next((word for word in ("'unsafe-eval'", "'unsafe-inline'") if word in policy), "")
    if unsafe == "'unsafe-inline'" and re.search(r"'(?:nonce|sha\d+)-", policy):
        unsafe = ""  # a nonce or hash makes browsers ignore it
    yield CSP, None if policy and not unsafe else found(CSP, page.path, unsafe or "none")
    framed = "frame-ancestors" in policy or page.header("x-frame-options").upper() in ("DENY", "SAMEORIGIN")
    yield FRAMES, None if framed else found(FRAMES, page.path)
    referrer = page.header("referrer-policy").lower()
    open_to_all = referrer.rpartition(",")[2].strip() in ("", "unsafe-url")
    yield REFERRER, found(REFERRER, page.path) if open_to_all else None


def cookies_of(page: Page) -> Iterator[tuple[Rule, Finding | None]]:
    for name, value in page.reply.headers:
        if name.lower() != "set-cookie":
            continue
        first, *rest = value.split(";")
        # Without `=` it has no name, and what stands there is its value (RFC 6265bis, 5.6).
        cookie = first.partition("=")[0].strip()[:80] if "=" in first else ""
        flags = {
            word.partition("=")[0].strip().lower(): word.partition("=")[2].strip().lower() for word in rest
        }
        place = f"{page.path}/{cookie}"
        if page.secure:
            yield COOKIE_SECURE, None if "secure" in flags else found(COOKIE_SECURE, place, cookie)
        site = flags.get("samesite", "")
        open_to_all = site not in ("lax", "strict") and not (site == "none" and "secure" in flags)
        yield COOKIE_SAMESITE, found(COOKIE_SAMESITE, place, cookie) if open_to_all else None
        yield COOKIE_HTTPONLY, None if "httponly" in flags else found(COOKIE_HTTPONLY, place, cookie)


_VERSIONED = re.compile(r"[A-Za-z][\w .-]*/\d|\d+\.\d+")


def versions_of(page: Page) -> Iterator[tuple[Rule, Finding | None]]:
    for name in ("server", "x-powered-by", "x-aspnet-version", "x-generator"):
        value = page.header(name)
        if value:
            yield (
                VERSION,
                found(VERSION, f"{page.path}/{name}", name, value[:80])
                if _VERSIONED.search(value[:1000])
                else None,
            )


TRACES: Mapping[str, re.Pattern[bytes]] = {
    "Python": re.compile(
        rb"Traceback \(most recent call last\)|Werkzeug Debugger"
        rb"|You're seeing this error because you have <code>DEBUG"
    ),
    "Java": re.compile(rb"\bat [\w$.<>]+\([\w$]+\.(?:java|kt|scala):\d+\)"),
    "Node.js": re.compile(rb"\bat .{1,200}\.[cm]?[jt]s:\d+:\d+"),
    ".NET": re.compile(rb"\bat System\.[\w.]+\(|Server Error in '/' Application"),
    "PHP": re.compile(rb"(?:Fatal error|Warning|Notice)</b>?:.{1,300} on line|Stack trace:\s*#0 "),
    "Ruby": re.compile(rb"\.rb:\d+:in [`']"),
    "Go": re.compile(rb"goroutine \d+ \[running\]"),
    "Rust": re.compile(rb"thread '[^']*' (?:\(\d+\) )?panicked at"),
    "SQL": re.compile(
        rb"SQLSTATE\[|ORA-\d{5}|syntax error at or near|You have an error in your SQL syntax"
        rb"|SQLITE_ERROR|sqlite3\.OperationalError"
    ),
}
LOOKED_AT = 256 << 10
"""Bytes of an error page that are looked at: a line without an end takes long to search."""


def trace_in(body: bytes) -> str:
    """Whose stack trace or message of a database a page shows; empty for none."""
    start = body[:LOOKED_AT]
    return next((name for name, pattern in TRACES.items() if pattern.search(start)), "")


_ENV = re.compile(rb"\A(?:\s|#.*\n)*+(?:export )?[A-Za-z_][A-Za-z0-9_]*=")
EXPOSED_FILES: Mapping[str, re.Pattern[bytes]] = {
    "/.git/HEAD": re.compile(rb"\A(?:ref: refs/|[0-9a-f]{40}\s*\Z)"),
    "/.git/config": re.compile(rb"^\[core\]", re.MULTILINE),
    "/.env": _ENV,
    "/.env.production": _ENV,
    "/.aws/credentials": re.compile(rb"^\[[\w-]+\]\s*$[\s\S]{0,200}aws_", re.MULTILINE),
    "/docker-compose.yml": re.compile(rb"^services:", re.MULTILINE),
    "/phpinfo.php": re.compile(rb"<title>phpinfo\(\)"),
    "/server-status": re.compile(rb"Apache Server Status"),
    "/actuator/env": re.compile(rb"\"propertySources\""),
    "/debug/pprof/": re.compile(rb"/debug/pprof/|Types of profiles available"),
}
"""Paths, and what tells the real thing from a page that answers everything."""


def is_exposed(path: str, reply: HttpReply) -> bool:
    return reply.status == 200 and EXPOSED_FILES[path].search(reply.body[:LOOKED_AT]) is not None


def cors_of(path: str, origin: str, reply: HttpReply) -> Finding | None:
    """A foreign origin that gets its own name back is let in, with credentials where these are allowed."""
    allowed = header(reply.headers, "access-control-allow-origin") or ""
    with_credentials = (header(reply.headers, "access-control-allow-credentials") or "").lower() == "true"
    if allowed != origin and not (allowed == "null" and with_credentials):
        return None
    return found(CORS, path, "with credentials" if with_credentials else "without credentials")


def is_trace(reply: HttpReply, marker: str) -> bool:
    """Whether a server sends back what it was sent."""
    return reply.status == 200 and marker.encode() in reply.body
