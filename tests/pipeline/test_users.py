"""Entries at one host and port that differ in who asks: no request goes out as somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.load.certificates import Authority
from tests.office import Office, office
from tests.pipeline.bench import Desk

USERS = ("admin", "viewer")
LITERAL = "fits the entries admin and viewer, which have different credentials"


@dataclass
class Site:
    """Two users of one office, told apart by headers or by certificates; a third at another one."""

    one: Office
    other: Office
    own: dict[str, str]
    """By user: what the entry has beside its URL."""

    @property
    def entries(self) -> str:
        lines = [f'    {user}: {{url: "{self.one.url}", {self.own[user]}}}' for user in USERS]
        return "\n".join(
            ["  external:", *lines, f'    third: {{url: "{self.other.url}", {self.own["third"]}}}']
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["headers", "certificates"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    users = (*USERS, "third")
    if request.param == "headers":
        own = {user: f'headers: {{Authorization: "Bearer {user}"}}' for user in users}
        with office() as one, office() as other:
            yield Site(one, other, own)
        return
    authority: Authority = request.getfixturevalue("authority")
    own = {user: f"tls: {{ca: {authority.ca}, cert: {authority.certificate(user)}}}" for user in users}
    context = authority.server(authority.certificate("server"), asks_for_client=True)
    with office(context) as one, office(context) as other:
        yield Site(one, other, own)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


SUITE = """\
suite: 1
base: "${target.viewer.url}/viewer"
setup:
  - {id: begin, url: /set-up, expect: {status: 200}}
teardown:
  - {id: end, url: "${target.viewer.url}/viewer/torn-down", expect: {status: 200}}
flows:
  - id: viewing
    requests:
      - {id: path, url: /path, expect: {status: 200}}
      - id: named
        url: "SCHEME://${target.viewer.host}:${target.viewer.port}/viewer/named"
        expect: {status: 200}
      - id: list
        url: "${target.viewer.url}/viewer/list"
        query: {next: "${target.admin.url}/viewer/next"}
        expect: {status: 200}
        capture: {next: $.next}
      - {id: next, url: "${next}", expect: {status: 200}}
      - {id: moved, url: "/moved?to=${target.admin.url}/viewer/after", expect: {status: 200}, follow: true}
"""
MORE = """\
      - id: rows
        url: "${each}/row"
        expect: {status: 200}
        each: ["${target.admin.url}/admin", "${target.viewer.url}/viewer"]
      - {id: other, url: "${target.admin.url}/admin/api", expect: {status: 200}}
      - id: away
        url: "/list?next=${target.third.url}/third/captured"
        expect: {status: 200}
        capture: {next: $.next}
      - {id: third, url: "${next}", expect: {status: 200}}
      - {id: gone, url: "/moved?to=${target.third.url}/third/moved", expect: {status: 200}, follow: true}
"""
PLAN = """\
target:
  default: admin
ENTRIES
  processes:
    app:
      command: [python, -c, "import time; time.sleep(600)"]
      ready: {url: "${target.viewer.url}/viewer/ready"}
steps:
  - id: one
    checks:
      - {id: default, kind: health, url: /admin/default}
      - {id: by-url, kind: health, url: "${target.viewer.url}/viewer/health"}
      - id: by-host
        kind: health
        url: "SCHEME://${target.viewer.host}:${target.viewer.port}/viewer/health-named"
      - id: users
        kind: health
        url: "${each}"
        each: {a: "${target.admin.url}/admin/each", v: "${target.viewer.url}/viewer/each"}
      - id: moved
        kind: health
        follow: true
        url: "${each}"
        each:
          here: "${target.viewer.url}/viewer/moved?to=/viewer/health-after"
          away: "${target.viewer.url}/viewer/moved?to=${target.third.url}/third/health"
      - {id: suite, kind: api, suite: api.yaml}
      - id: load
        kind: load
        url: "${target.viewer.url}/viewer/load"
        rate: 20/s
        duration: 500ms
        criteria: [success_rate == 100%]
      - id: followed
        kind: load
        url: "${target.viewer.url}/viewer/moved?to=SCHEME://localhost:${target.admin.port}/viewer/load-after"
        follow: true
        rate: 20/s
        duration: 500ms
        criteria: [success_rate == 100%]
      - id: journeys
        kind: load
        flow: load.yaml
        rate: 20/s
        duration: 500ms
        criteria: [success_rate == 100%]
      - id: rows
        kind: load
        url: "${target.viewer.url}/viewer/${name}"
        data: {csv: names.csv}
        rate: 20/s
        duration: 500ms
        criteria: [success_rate == 100%]
      - {id: steady, kind: health, url: "${target.viewer.url}/viewer/steady", probes: 20, every: 50ms}
    faults:
      - id: pause
        pause: app
        during: steady
        at: 200ms
        for: 100ms
        probe: {url: "${target.viewer.url}/viewer/probe"}
"""
SEEN = {
    "admin": ["default", "each", "row", "api"],
    "viewer": [
        *("ready", "health", "health-named", "each", "moved", "health-after", "set-up", "torn-down", "path"),
        *("named", "list", "next", "after", "row", "load", "load-after", "in-a-row", "steady", "probe"),
    ],
    "third": ["captured", "moved", "health"],
}


def test_every_request_goes_out_as_the_user_that_its_address_names(desk: Desk, site: Site) -> None:
    desk.write("load.yaml", SUITE.replace("SCHEME", site.one.scheme))
    desk.write("api.yaml", (SUITE + MORE).replace("SCHEME", site.one.scheme))
    desk.write("names.csv", "name\nin-a-row\n")
    desk.plan(PLAN.replace("ENTRIES", site.entries).replace("SCHEME", site.one.scheme))
    ran = desk.run()
    wrong = {
        (path, user) for path, user in (*site.one.came, *site.other.came) if not path.startswith(f"/{user}/")
    }
    assert not wrong
    assert ran.code == 0, ran.err
    for user, paths in SEEN.items():
        place = site.other if user == "third" else site.one
        assert [path for path in paths if place.who_asked(f"/{user}/{path}") != {user}] == []


LITERALS = (
    '{id: x, kind: health, url: "URL/admin"}',
    '{id: x, kind: health, url: "${each}", each: {a: "URL/admin"}}',
    '{id: x, kind: health, url: "LOCALHOST/admin"}',
    '{id: x, kind: health, url: "${written}/admin"}',
    '{id: x, kind: load, url: "URL/admin", rate: 10/s, duration: 1s}',
    '{id: x, kind: load, url: "${there}", rate: 10/s, duration: 1s, data: {csv: rows.csv}}',
    "{id: x, kind: load, rate: 10/s, duration: 1s, mix: [{url: URL/admin}]}",
)
IN_SUITES = (
    'base: "URL"\nflows: [{id: f, requests: [{id: r, url: /admin, expect: {status: 200}}]}]',
    'flows: [{id: f, requests: [{id: r, url: "URL/${each}", expect: {status: 200}, each: [a]}]}]',
    'flows: [{id: f, requests: [{id: r, url: "${each}/x", expect: {status: 200}, each: ["URL"]}]}]',
    'flows: [{id: f, requests: [{id: r, url: "${there}", expect: {status: 200}, each: {csv: rows.csv}}]}]',
    'setup: [{id: r, url: "URL/x", expect: {status: 200}}]\nflows: []',
)


def test_a_literal_address_that_fits_both_is_refused_when_the_plan_is_read(desk: Desk, site: Site) -> None:
    def filled(text: str) -> str:
        near = site.one.url.replace("127.0.0.1", "localhost")
        return text.replace("URL", site.one.url).replace("LOCALHOST", near)

    desk.write("rows.csv", f"there\n{site.one.url}/admin\n")
    checks = [filled(line).replace("id: x", f"id: x{number}") for number, line in enumerate(LITERALS)]
    for number, text in enumerate(IN_SUITES):
        desk.write(f"suite-{number}.yaml", f"suite: 1\n{filled(text)}\n")
        checks.append(f"{{id: s{number}, kind: api, suite: suite-{number}.yaml}}")
    lines = "".join(f"      - {line}\n" for line in checks)
    desk.plan(
        f"variables: {{written: '{site.one.url}'}}\ntarget:\n  default: admin\n{site.entries}\n"
        "  processes:\n    app:\n      command: [python, -c, pass]\n"
        f"      ready: {{url: '{site.one.url}/admin'}}\nsteps:\n  - id: one\n    checks:\n{lines}"
    )
    for command in ("validate", "run"):
        done = desk.phasegate(command, "plan.yaml")
        assert done.code == 2
        assert done.err.count(LITERAL) == len(checks) + 1, done.err
        assert done.err.count(
            "name the entry that is meant: ${target.admin.url} or ${target.viewer.url}"
        ) == (len(checks) + 1)
        assert all(f"suite-{number}.yaml:" in done.err for number in range(len(IN_SUITES)))
    assert not site.one.came


def test_an_address_from_elsewhere_that_fits_both_fails_by_name_and_is_not_sent(
    desk: Desk, site: Site
) -> None:
    desk.write(
        "suite.yaml",
        f"""\
        suite: 1
        base: "${{target.third.url}}/third"
        flows:
          - id: f
            requests:
              - id: list
                url: /list
                query: {{next: "{site.one.url}/admin/x"}}
                expect: {{status: 200}}
                capture: {{next: $.next}}
              - {{id: next, url: "${{next}}", expect: {{status: 200}}}}
        """,
    )
    desk.plan(
        f"""\
target:
  default: admin
{site.entries}
steps:
  - id: one
    checks:
      - {{id: suite, kind: api, suite: suite.yaml}}
      - id: moved
        kind: health
        follow: true
        url: "${{target.third.url}}/third/moved?to={site.one.url}/admin/x"
"""
    )
    ran = desk.run()
    assert ran.code == 1
    (failed,) = (case for case in ran.check("suite")["attempts"][0]["cases"] if case["status"] == "failed")
    assert failed["id"] == "f/next"
    assert failed["message"] == f"not sent: {site.one.url}/admin/x {LITERAL}"
    assert f"redirect not followed ({site.one.url}/admin/x {LITERAL})" in ran.err
    assert not site.one.came


def test_entries_with_the_same_credentials_share_what_is_written_out(desk: Desk) -> None:
    with office() as one:
        same = 'headers: {Authorization: "Bearer viewer"}'
        desk.plan(
            f"""\
target:
  external:
    a: {{url: "{one.url}", {same}}}
    b: {{url: "{one.url}", {same.lower().replace("bearer", "Bearer")}}}
steps:
  - id: one
    checks: [{{id: up, kind: health, url: "{one.url.replace("127.0.0.1", "localhost")}/viewer/x"}}]
"""
        )
        assert desk.run().code == 0
        assert one.who_asked("/viewer/x") == {"viewer"}


def test_journeys_of_one_load_do_not_mix_certificates(desk: Desk, site: Site) -> None:
    lines = [f'{{url: "${{target.{user}.url}}/{user}/x"}}' for user in USERS]
    desk.plan(
        f"""\
target:
{site.entries}
steps:
  - id: one
    checks:
      - id: mixed
        kind: load
        rate: 40/s
        duration: 500ms
        mix: [{", ".join(lines)}]
        criteria: [success_rate == 100%]
"""
    )
    ran = desk.run()
    if site.one.scheme == "https":
        assert ran.code == 3
        assert "the entries 'admin' and 'viewer' have different certificates" in ran.err
        assert not site.one.came
    else:
        assert ran.code == 0, ran.err
        assert site.one.who_asked("/admin/x") == {"admin"}
        assert site.one.who_asked("/viewer/x") == {"viewer"}


PROTECTED = """\
target:
  external:
    admin: {{url: "{admin}", protected: true}}
    viewer: {{url: "{viewer}"}}
steps:
  - id: one
    checks:
      - id: steady
        kind: load
        url: "{url}"
        rate: 20/s
        duration: 200ms
        criteria: [success_rate == 100%]
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1"])
def test_protection_of_one_entry_holds_for_all_at_its_host_and_port(desk: Desk, host: str) -> None:
    with office() as one:
        viewer = f"http://{host}:{one.port}/nobody"
        desk.plan(PROTECTED.format(admin=one.url, viewer=viewer, url="${target.viewer.url}/x"))
        ran = desk.run()
        assert ran.code == 2
        assert "check 'steady' puts load on the protected target 'admin', where 'viewer' leads too" in ran.err
        assert "--confirm admin" in ran.err
        assert not one.came
        if host in ("127.0.0.1", "localhost"):
            assert desk.run("--confirm", "admin").code == 0
            assert desk.run("--confirm", "viewer").code == 0


def test_confirming_one_user_does_not_confirm_another_that_is_protected_too(desk: Desk) -> None:
    with office() as one:
        text = PROTECTED.format(admin=one.url, viewer=one.url, url="${target.viewer.url}/nobody/x")
        desk.plan(text.replace(f'viewer: {{url: "{one.url}"', f'viewer: {{url: "{one.url}", protected: true'))
        assert desk.run("--confirm", "admin").code == 2
        assert not one.came
        assert desk.run("--confirm", "viewer").code == 0
