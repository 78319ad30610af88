"""`kind: security`: each rule trips on a server that is made for it, and holds on one that is not."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.inspection.finding import Finding
from phasegate.kinds.security import rules
from phasegate.kinds.security.kind import SecurityKind, SecurityParams
from phasegate.kinds.security.rules import EXPOSED_FILES, RULES, TRACES, Page
from phasegate.model.observation import CaseStatus, Observation
from phasegate.wire.tls_versions import VERSIONS
from phasegate.world import HttpReply
from tests.answering import Asked, Reply, answering
from tests.load.certificates import Authority
from tests.telling import in_english, raises
from tests.worlds import StaticAddresses, world_at

PASSED, FAILED = CaseStatus.PASSED, CaseStatus.FAILED
GOOD = {
    "Content-Type": "text/html; charset=utf-8",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Set-Cookie": "session=1; Secure; HttpOnly; SameSite=Lax",
}


def page(secure: bool = True, **changed: str | None) -> Page:
    """A page with good headers, but for those that are changed; `_` in a name is `-`."""
    headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    kept = tuple((name, value) for name, value in headers.items() if value is not None)
    reply = HttpReply(status=200, headers=kept, body=b"", elapsed=0.1, url="https://x/")
    return Page(path="/", secure=secure, reply=reply)


def tripped(page: Page) -> set[str]:
    pairs = (*rules.headers_of(page), *rules.cookies_of(page), *rules.versions_of(page))
    return {finding.rule for _, finding in pairs if finding is not None}


def looked(page: Page) -> set[str]:
    pairs = (*rules.headers_of(page), *rules.cookies_of(page), *rules.versions_of(page))
    return {rule.id for rule, _ in pairs}


TRIPS: list[tuple[str, dict[str, str | None]]] = [
    ("web-hsts", {"Strict_Transport_Security": None}),
    ("web-hsts", {"Strict_Transport_Security": "max-age=300"}),
    ("web-hsts", {"Strict_Transport_Security": "nonsense"}),
    ("web-csp", {"Content_Security_Policy": "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"}),
    ("web-csp", {"Content_Security_Policy": "script-src 'nonce-a' 'unsafe-eval'; frame-ancestors 'none'"}),
    ("web-nosniff", {"X_Content_Type_Options": None}),
    ("web-referrer", {"Referrer_Policy": None}),
    ("web-referrer", {"Referrer_Policy": "no-referrer, unsafe-url"}),
    ("web-frames", {"Content_Security_Policy": "default-src 'self'"}),
    ("web-cookie-secure", {"Set_Cookie": "session=1; HttpOnly; SameSite=Lax"}),
    ("web-cookie-samesite", {"Set_Cookie": "session=1; Secure; HttpOnly"}),
    ("web-cookie-httponly", {"Set_Cookie": "session=1; Secure; SameSite=Strict"}),
    ("web-version", {"Server": "nginx/1.22.1"}),
    ("web-version", {"X_Powered_By": "PHP/8.2"}),
    ("web-version", {"X_AspNet_Version": "4.0.30319"}),
]
HOLDS: list[tuple[str, dict[str, str | None]]] = [
    ("web-hsts", {"Strict_Transport_Security": 'max-age="31536000"'}),
    ("web-csp", {"Content_Security_Policy": "script-src 'nonce-a' 'unsafe-inline'; frame-ancestors 'none'"}),
    ("web-nosniff", {}),
    ("web-referrer", {"Referrer_Policy": "unsafe-url, no-referrer"}),
    ("web-frames", {"Content_Security_Policy": "default-src 'self'", "X_Frame_Options": "deny"}),
    ("web-cookie-secure", {}),
    ("web-cookie-samesite", {"Set_Cookie": "a=1; samesite=none; secure; httponly"}),
    ("web-cookie-httponly", {}),
    ("web-version", {"Server": "nginx"}),
]


@pytest.mark.parametrize(("rule", "headers"), TRIPS)
def test_a_rule_trips(rule: str, headers: dict[str, str | None]) -> None:
    assert tripped(page(**headers)) == {rule}


@pytest.mark.parametrize(("rule", "headers"), HOLDS)
def test_a_rule_holds(rule: str, headers: dict[str, str | None]) -> None:
    changed = page(**headers)
    assert rule in looked(changed)
    assert tripped(changed) == set()


def test_rules_for_pages_say_nothing_of_other_answers_and_those_of_tls_nothing_of_plain_http() -> None:
    json = page(Content_Type="application/json", Content_Security_Policy=None, Referrer_Policy=None)
    assert tripped(json) == set()
    plain = page(secure=False, Strict_Transport_Security=None, Set_Cookie="a=1; HttpOnly; SameSite=Lax")
    assert tripped(plain) == set()


def test_the_value_of_a_cookie_without_a_name_is_not_shown() -> None:
    findings = [finding for _, finding in rules.cookies_of(page(Set_Cookie="s3cr3t; Path=/")) if finding]
    assert findings
    assert "s3cr3t" not in repr(findings)


def test_a_page_of_blank_lines_and_a_long_header_are_looked_at_at_once() -> None:
    blank = HttpReply(status=200, headers=(), body=b"\n" * 100_000 + b"<html>", elapsed=0.1, url="https://x/")
    assert not rules.is_exposed("/.env", blank)
    assert tripped(page(Server="a" * 1_000_000)) == set()


STACKS = {
    "Python": b"Traceback (most recent call last):\n  File x",
    "Java": b"  at com.acme.shop.Cart.total(Cart.java:41)",
    "Node.js": b"TypeError: x\n    at Cart.total (/app/cart.js:10:5)",
    ".NET": b"  at System.Data.SqlClient.Open()",
    "PHP": b"<b>Fatal error</b>: Uncaught Error: x in /a.php on line 3",
    "Ruby": b"app/cart.rb:12:in `total'",
    "Go": b"panic: x\n\ngoroutine 1 [running]:",
    "Rust": b"thread 'main' panicked at src/main.rs:3",
    "SQL": b'ERROR: syntax error at or near "\'"',
}


@pytest.mark.parametrize("whose", sorted(TRACES))
def test_a_stack_trace_is_known_by_its_form(whose: str) -> None:
    assert rules.trace_in(b"<html>" + STACKS[whose]) == whose
    assert rules.trace_in(b"<h1>Not found</h1> at 10:30 on line 3 of the menu") == ""


REAL = {
    "/.git/HEAD": b"ref: refs/heads/main\n",
    "/.git/config": b"[core]\n\tbare = false\n",
    "/.env": b"# local\nDB_PASSWORD=x\n",
    "/.env.production": b"export KEY=1\n",
    "/.aws/credentials": b"[default]\naws_access_key_id = x\n",
    "/docker-compose.yml": b"version: '3'\nservices:\n  web: {}\n",
    "/phpinfo.php": b"<html><title>phpinfo()</title>",
    "/server-status": b"<h1>Apache Server Status for x</h1>",
    "/actuator/env": b'{"propertySources": []}',
    "/debug/pprof/": b"<title>/debug/pprof/</title>",
}


@pytest.mark.parametrize("path", sorted(EXPOSED_FILES))
def test_a_file_is_exposed_where_it_is_the_real_thing(path: str) -> None:
    def reply(status: int, body: bytes) -> HttpReply:
        return HttpReply(status=status, headers=(), body=body, elapsed=0.1, url="http://x/")

    assert rules.is_exposed(path, reply(200, REAL[path]))
    assert not rules.is_exposed(path, reply(403, REAL[path]))
    assert not rules.is_exposed(path, reply(200, b"<!doctype html><p>Welcome to a=b shop</p>"))


@given(st.binary(max_size=200))
def test_no_body_is_a_defect(body: bytes) -> None:
    rules.trace_in(body)
    for path in EXPOSED_FILES:
        rules.is_exposed(path, HttpReply(status=200, headers=(), body=body, elapsed=0.1, url="http://x/"))


async def look(url: str, folder: Path, tls: dict[str, str] | None = None, **params: Any) -> Observation:
    target = StaticAddresses({"app": url}, tls_settings=tls)
    async with world_at(url, folder, target=target) as world:
        written = SecurityParams.model_validate(params)
        return in_english(await SecurityKind().observe(written, world))


def statuses(seen: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in seen.cases}


def good(asked: Asked) -> Reply:
    if asked.method != "GET" or asked.path != "/":
        return Reply(status=404, body=b"not found", headers={"Content-Type": "text/plain", **NOSNIFF})
    return Reply(body=b"<html>", headers=GOOD)


NOSNIFF = {"X-Content-Type-Options": "nosniff"}


async def test_a_good_server_has_no_findings_and_every_rule_says_what_it_looked_at(tmp_path: Path) -> None:
    with answering(good) as url:
        seen = await look(url, tmp_path)
    assert set(statuses(seen).values()) == {PASSED}
    assert {"web-exposed", "web-stack-trace", "web-cors", "web-trace", "web-csp"} <= set(statuses(seen))
    assert "web-tls-old" not in statuses(seen)


async def test_a_server_that_gives_everything_away(tmp_path: Path) -> None:
    def bad(asked: Asked) -> Reply:
        headers = {"Content-Type": "text/html", "Server": "Apache/2.4.1"}
        if origin := asked.headers.get("Origin"):
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
        if asked.method == "TRACE":
            return Reply(body=repr(asked.headers).encode(), headers=headers)
        if asked.path == "/.git/HEAD":
            return Reply(body=REAL["/.git/HEAD"], headers=headers)
        status, body = (500, STACKS["Java"]) if "id=" in asked.path else (200, b"<html>")
        return Reply(status=status, body=body, headers=headers)

    with answering(bad) as url:
        seen = await look(url, tmp_path)
    failed = {id for id, status in statuses(seen).items() if status is FAILED}
    assert failed == {
        "web-cors#/",
        "web-trace#/",
        "web-exposed#/.git/HEAD",
        "web-stack-trace#/?id=%27%22%3Cphasegate%3E",
    }
    texts = {case.id: case.message for case in seen.cases}
    assert texts["web-exposed#/.git/HEAD"] == (
        "/.git/HEAD is served to everybody; take it out of what is served"
    )
    assert "web-version#//server" in texts


@pytest.mark.parametrize("status", [302, 404, 502])
async def test_a_page_that_is_elsewhere_or_not_shown_is_not_verified(tmp_path: Path, status: int) -> None:
    with answering(lambda asked: Reply(status=status, headers={**GOOD, "Location": "https://x/"})) as url:
        seen = await look(url, tmp_path)
    (page,) = (case for case in seen.cases if case.id.startswith("page/"))
    assert page.status is CaseStatus.LOST
    assert f"answered with status {status}" in str(page.message)


async def test_every_page_is_asked_from_a_foreign_origin(tmp_path: Path) -> None:
    def reply(asked: Asked) -> Reply:
        if asked.path != "/api":
            return good(asked)
        return Reply(headers={**GOOD, "Access-Control-Allow-Origin": asked.headers.get("Origin", "")})

    with answering(reply) as url:
        seen = await look(url, tmp_path, pages=["/", "/api"])
    assert statuses(seen)["web-cors#/api"] is FAILED


async def test_an_origin_that_gets_no_answer_is_not_verified(tmp_path: Path) -> None:
    def reply(asked: Asked) -> Reply:
        if "Origin" in asked.headers:
            time.sleep(1)
        return good(asked)

    with answering(reply) as url:
        seen = await look(url, tmp_path, timeout="300ms")
    assert statuses(seen)["web-cors/"] is CaseStatus.LOST


async def test_a_server_that_refuses_all_handshakes_after_the_page_is_not_verified(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasegate.wire.tls_versions._takes", lambda *of: False)  # as one that counts them
    with answering(good, authority.server(authority.certificate("count"))) as url:
        seen = await look(url, tmp_path, {"ca": str(authority.ca)}, certificate="1h")
    assert statuses(seen)["tls"] is CaseStatus.LOST
    assert "web-tls-old" not in statuses(seen)


async def test_headers_of_the_target_do_not_go_over_plain_http(authority: Authority, tmp_path: Path) -> None:
    heard: list[Asked] = []

    def plain(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply(status=308, headers={"Location": "https://x/"})

    context = authority.server(authority.certificate("token"))
    with answering(good, context) as url, answering(plain) as there:
        target = StaticAddresses(
            {"app": url}, extra_headers={"Authorization": "t0ken"}, tls_settings={"ca": str(authority.ca)}
        )
        async with world_at(url, tmp_path, target=target) as world:
            await SecurityKind().observe(SecurityParams(plain=f"{there}/"), world)
    (asked,) = heard
    assert "Authorization" not in asked.headers


async def test_only_the_target_is_asked(tmp_path: Path) -> None:
    with answering(good) as url, raises(ObservationError, match="is not part of the target"):
        await look(url, tmp_path, pages=["http://127.0.0.2:1/"])


async def test_a_target_that_is_down_is_an_error(tmp_path: Path) -> None:
    with raises(ObservationError, match="refused"):
        await look("http://127.0.0.1:9", tmp_path)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"))


async def test_tls_of_a_server_is_looked_at_by_handshakes(authority: Authority, tmp_path: Path) -> None:
    context = authority.server(authority.certificate("short", days=2))
    with answering(good, context) as url:
        seen = await look(
            url, tmp_path, {"ca": str(authority.ca)}, certificate="1d", plain="http://127.0.0.1:9/"
        )
        soon = await look(url, tmp_path, {"ca": str(authority.ca)}, certificate="30d")
    place = url.removeprefix("https://")
    assert statuses(seen)["web-certificate"] is PASSED
    assert statuses(seen)["web-tls-old"] is PASSED
    assert statuses(seen)["web-tls-new"] is PASSED
    assert statuses(seen)["web-https"] is PASSED
    assert statuses(soon)[f"web-certificate-expiry#{place}"] is FAILED


async def test_old_versions_of_tls_are_found(authority: Authority, tmp_path: Path) -> None:
    context = authority.server(authority.certificate("old"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = VERSIONS["TLS 1.0"], VERSIONS["TLS 1.2"]
    context.set_ciphers("ALL:@SECLEVEL=0")
    with answering(good, context) as url:
        seen = await look(url, tmp_path, {"ca": str(authority.ca)}, certificate="1h")
    place = url.removeprefix("https://")
    assert statuses(seen)[f"web-tls-old#{place}/TLS 1.0"] is FAILED
    assert statuses(seen)[f"web-tls-old#{place}/TLS 1.1"] is FAILED
    assert f"web-tls-new#{place}" in statuses(seen)


async def test_plain_http_must_lead_to_https(authority: Authority, tmp_path: Path) -> None:
    context = authority.server(authority.certificate("plain"))
    ca = {"ca": str(authority.ca)}
    redirect = Reply(status=308, headers={"Location": "https://x/"})
    with (
        answering(good, context) as url,
        answering(lambda asked: redirect) as leading,
        answering(good) as plain,
    ):
        right = await look(url, tmp_path, ca, certificate="1h", plain=f"{leading}/")
        wrong = await look(url, tmp_path, ca, certificate="1h", plain=f"{plain}/")
    assert statuses(right)["web-https"] is PASSED
    assert statuses(wrong)[f"web-https#{plain}/"] is FAILED


def test_every_rule_is_tripped_by_one_of_these_tests() -> None:
    by_headers = {rule for rule, _ in TRIPS}
    by_server = {
        "web-cors",
        "web-trace",
        "web-exposed",
        "web-stack-trace",
        "web-tls-old",
        "web-tls-new",
        "web-https",
    }
    assert {rule.id for rule in RULES} == by_headers | by_server | {
        "web-certificate",
        "web-certificate-expiry",
    }


def test_a_certificate_that_is_not_trusted_is_a_finding() -> None:
    from phasegate.kinds.security.kind import _judge_tls, _Seen
    from phasegate.wire.tls_versions import TlsSeen

    seen = _Seen()
    versions = {"TLS 1.0": None, "TLS 1.1": False, "TLS 1.2": True, "TLS 1.3": True}
    found = TlsSeen(versions=versions, problem="self-signed certificate")
    _judge_tls(found, "x:443", SecurityParams(), None, seen)  # type: ignore[arg-type]
    (finding,) = seen.findings
    assert isinstance(finding, Finding)
    assert finding.rule == "web-certificate"
    assert list(seen.unproven) == ["web-tls-old/TLS 1.0"]
