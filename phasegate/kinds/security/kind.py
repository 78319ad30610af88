"""Security of what is served: headers, cookies, TLS, error pages, files that should not be there."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Duration, Text, Texts
from phasegate.base.marks import Demand
from phasegate.inspection.finding import Finding, Inspection, Looked, Rule
from phasegate.kinds.base import CheckParams
from phasegate.kinds.inspection import FindingKind, FindingParams
from phasegate.kinds.security import rules
from phasegate.kinds.security.rules import RULES, Page
from phasegate.wire.tls_versions import TlsSeen, look_at_tls
from phasegate.world import Cause, HttpFailure, HttpReply, HttpRequest, World, header

ORIGIN = "https://phasegate.invalid"
"""An origin that no target knows (RFC 2606)."""
KEPT = 1 << 20
_WRONG = ("/phasegate-no-such-page", "/%ff%fe", "/?id=%27%22%3Cphasegate%3E")
"""Requests that an error page may answer."""
_DAY = 86_400.0


class SecurityParams(FindingParams):
    pages: Annotated[Texts, Demand.MUST_BE] = ("/",)
    """Pages to look at: paths on the target's default entry, or URLs of the target. Nothing else is asked."""
    plain: Text = ""
    """The address of plain HTTP that should lead to HTTPS; port 80 of the same host unless given, where the
    target is on port 443."""
    certificate: Annotated[Duration, Field(gt=0), Demand.MORE] = 21 * _DAY
    """How long the certificate must hold yet."""
    timeout: Annotated[Duration, Field(gt=0), Demand.LESS] = 30.0
    """The longest that one request may take."""

    rules: ClassVar[tuple[Rule, ...]] = RULES


@dataclass(slots=True)
class _Seen:
    findings: list[Finding] = field(default_factory=list)
    looked: Counter[Rule] = field(default_factory=Counter)
    unproven: dict[str, Message] = field(default_factory=dict)

    def take(self, rule: Rule, finding: Finding | None) -> None:
        self.looked[rule] += 1
        if finding is not None:
            self.findings.append(finding)


class SecurityKind(FindingKind[SecurityParams]):
    name: ClassVar[str] = "security"
    Params: ClassVar[type[CheckParams]] = SecurityParams
    example: ClassVar[Mapping[str, Any]] = {"pages": ["/", "/login"], "certificate": "30d"}
    by_address: ClassVar[bool] = True
    of_files: ClassVar[bool] = False

    def summary(self, params: SecurityParams) -> Message:
        return fact(Code.FILES_OF, names=params.pages)

    def targets(self, params: SecurityParams) -> tuple[str, ...]:
        return (*params.pages, *((params.plain,) if params.plain else ()))

    async def find(self, params: SecurityParams, world: World) -> Inspection:
        """Errors: ObservationError where a page does not answer at all."""
        seen, pages = _Seen(), [await _page(page, params, world) for page in params.pages]
        for page, written in zip(pages, params.pages, strict=True):
            status = page.reply.status
            if 300 <= status < 400 or status in (404, 410) or status >= 500:
                # Nobody asked about such an answer: the page itself is elsewhere, or was not shown.
                answered = fact(Code.ANSWER_STATUS, url=page.reply.url, status=status, text="")
                seen.unproven[f"page{page.path}"] = answered
            if status >= 500:
                continue
            await _look_at_cors(page, written, params, world, seen)
            for rule, finding in (*rules.headers_of(page), *rules.cookies_of(page), *rules.versions_of(page)):
                seen.take(rule, finding)
        roots = {
            urljoin(page.reply.url, "/"): written for page, written in zip(pages, params.pages, strict=True)
        }
        for root, written in roots.items():
            await _probe(root, written, params, world, seen)
            if root.startswith("https:"):
                await _look_at_tls(root, written, params, world, seen)
        looked = {rule.id: Looked(n=n, of="answer", family=rule.family) for rule, n in seen.looked.items()}
        return Inspection(
            files=None, findings=tuple(dict.fromkeys(seen.findings)), looked=looked, unproven=seen.unproven
        )


async def _ask(
    url: str, written: str, params: SecurityParams, world: World, method: str = "GET", **headers: str
) -> HttpReply | HttpFailure:
    """One request for reading, to the entry that a page of the plan is of."""
    entry = world.target.destination(written).entry
    return await world.http.send(
        HttpRequest(
            method=method,
            url=url,
            entry=entry,
            headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
            timeout=params.timeout,
            keep=KEPT,
        )
    )


async def _page(written: str, params: SecurityParams, world: World) -> Page:
    url = world.target.destination(written).url
    if not world.target.declares(url):
        raise ObservationError(fact(Code.NOT_OF_TARGET, url=url))
    reply = await _ask(url, written, params, world)
    if isinstance(reply, HttpFailure):
        raise ObservationError(reply.message)
    return Page(path=urlsplit(url).path or "/", secure=url.startswith("https:"), reply=reply)


async def _probe(root: str, written: str, params: SecurityParams, world: World, seen: _Seen) -> None:
    """What the server gives away when it is asked for more."""
    for path in _WRONG:
        reply = await _ask(urljoin(root, path), written, params, world)
        if isinstance(reply, HttpFailure):
            seen.unproven[f"{rules.STACK_TRACE.id}{path}"] = reply.message
            continue
        whose = rules.trace_in(reply.body)
        seen.take(rules.STACK_TRACE, rules.found(rules.STACK_TRACE, path, whose) if whose else None)
    for path in rules.EXPOSED_FILES:
        reply = await _ask(urljoin(root, path), written, params, world)
        if isinstance(reply, HttpFailure):
            seen.unproven[f"{rules.EXPOSED.id}{path}"] = reply.message
            continue
        exposed = rules.is_exposed(path, reply)
        seen.take(rules.EXPOSED, rules.found(rules.EXPOSED, path, path) if exposed else None)
    path = urlsplit(root).path
    marker = secrets.token_hex(8)
    reply = await _ask(root, written, params, world, method="TRACE", X_Phasegate=marker)
    if isinstance(reply, HttpReply):
        seen.take(rules.TRACE, rules.found(rules.TRACE, path) if rules.is_trace(reply, marker) else None)
    elif reply.cause not in (Cause.RESET, Cause.PROTOCOL):
        seen.unproven[rules.TRACE.id] = reply.message


async def _look_at_cors(page: Page, written: str, params: SecurityParams, world: World, seen: _Seen) -> None:
    reply = await _ask(page.reply.url, written, params, world, Origin=ORIGIN)
    if isinstance(reply, HttpFailure):
        seen.unproven[f"{rules.CORS.id}{page.path}"] = reply.message
    else:
        seen.take(rules.CORS, rules.cors_of(page.path, ORIGIN, reply))


async def _look_at_tls(root: str, written: str, params: SecurityParams, world: World, seen: _Seen) -> None:
    split = urlsplit(root)
    host, port = split.hostname or "", split.port or 443
    tls = world.target.tls(world.target.destination(written).entry)
    try:
        found = await asyncio.to_thread(look_at_tls, host, port, tls, params.timeout)
    except OSError as error:
        seen.unproven["tls"] = fact(Code.NO_HANDSHAKE, host=host, port=port, why=str(error))
        return
    if not any(found.versions.values()):  # yet the page came over one of them
        why = "every handshake was refused"
        seen.unproven["tls"] = fact(Code.NO_HANDSHAKE, host=host, port=port, why=why)
        return
    _judge_tls(found, f"{host}:{port}", params, world, seen)
    plain = params.plain or (f"http://{host}/" if port == 443 else "")
    if plain:
        await _look_at_plain(plain, params, world, seen)


def _judge_tls(found: TlsSeen, place: str, params: SecurityParams, world: World, seen: _Seen) -> None:
    for version in ("TLS 1.0", "TLS 1.1"):
        taken = found.versions[version]
        if taken is None:
            seen.unproven[f"{rules.TLS_OLD.id}/{version}"] = fact(Code.TLS_NOT_OFFERED, version=version)
        else:
            at = f"{place}/{version}"
            seen.take(rules.TLS_OLD, rules.found(rules.TLS_OLD, at, version) if taken else None)
    seen.take(rules.TLS_NEW, None if found.versions["TLS 1.3"] else rules.found(rules.TLS_NEW, place))
    wrong = rules.found(rules.CERTIFICATE, place, found.problem) if found.problem else None
    seen.take(rules.CERTIFICATE, wrong)
    if found.expires is not None:
        left = (found.expires - datetime.now(UTC)).total_seconds()
        soon = rules.found(rules.EXPIRY, place, int(left // _DAY)) if left < params.certificate else None
        seen.take(rules.EXPIRY, soon)


async def _look_at_plain(plain: str, params: SecurityParams, world: World, seen: _Seen) -> None:
    # As an address of its own: headers of the target's entry, such as tokens, do not go over plain HTTP.
    reply = await _ask(plain, plain, params, world)
    if isinstance(reply, HttpFailure):
        if reply.cause in (Cause.REFUSED, Cause.RESET):
            seen.take(rules.HTTPS, None)  # closed is as good
        else:
            seen.unproven[rules.HTTPS.id] = reply.message
        return
    leads = reply.status in (301, 302, 303, 307, 308)
    secure = (header(reply.headers, "location") or "").startswith("https://")
    wrong = None if leads and secure else rules.found(rules.HTTPS, plain, reply.status)
    seen.take(rules.HTTPS, wrong)
