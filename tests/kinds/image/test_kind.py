"""`kind: image`: every finding on images a test describes, and real ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.image.kind import ImageKind
from phasegate.kinds.image.params import Aspect, ImageParams
from phasegate.model.containers import Healthcheck, Image, ImageFile, ImageStep, Port
from phasegate.model.measures import Number
from phasegate.model.observation import CaseStatus, Observation
from phasegate.runner.clock import RunClock
from phasegate.targets.containers.reach import TargetContainers
from phasegate.world import Stopped
from tests.engines import ENGINE, busybox, nothing_left
from tests.kinds.containers.test_kind import MovedClock, number, statuses, world
from tests.kinds.scripted_containers import FAKE, NOW, REAL, ScriptedContainers, container
from tests.telling import in_english, raises

__all__ = ["nothing_left"]
PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST
GOOD = Image(
    id="sha256:good",
    size=5 << 20,
    created=NOW - timedelta(days=2),
    user="1000:1000",
    healthcheck=REAL,
    architecture="amd64",
    os="linux",
    layers=("sha256:a", "sha256:b"),
    labels={"org.opencontainers.image.version": "1"},
    exposed=(Port(number=8080),),
)


def file(path: str, mode: int, *, folder: bool = False) -> ImageFile:
    return ImageFile(path=path, mode=mode, uid=0, gid=0, size=1, folder=folder)


@pytest.fixture
def look(tmp_path: Path):  # type: ignore[no-untyped-def]
    async def look(
        image: Image = GOOD, params: Mapping[str, Any] | None = None, **script: Any
    ) -> Observation:
        known = {"shop/web:1": image, image.id: image, **script.pop("images", {})}
        settings = {"clock": script.pop("clock")} if "clock" in script else {}
        scripted = ScriptedContainers(images=known, **script)
        wanted = ImageParams.model_validate({"image": "shop/web:1", **(params or {})})
        look.world = world(tmp_path, scripted, **settings)  # type: ignore[attr-defined]
        look.scripted = scripted  # type: ignore[attr-defined]
        return in_english(await ImageKind().observe(wanted, look.world))  # type: ignore[attr-defined]

    return look


def said(observation: Observation, aspect: str) -> tuple[CaseStatus, str]:
    (case,) = [case for case in observation.cases if case.id == aspect]
    return case.status, case.message


async def test_an_image_without_findings_passes_every_aspect(look: Any) -> None:
    seen = await look()
    assert set(statuses(seen).values()) == {PASSED}
    assert set(statuses(seen)) == {"user", "healthcheck", "secrets", "tag", "files"}
    assert number(seen, "size") == 5 << 20
    assert number(seen, "layers") == 2
    assert number(seen, "age") == 2 * 86400
    assert number(seen, "findings_error") == number(seen, "findings_warning") == 0
    assert seen.notes == ("shop/web:1 is sha256:good",)


async def test_the_age_of_an_image_is_not_known_once_the_calendar_was_set(look: Any) -> None:
    seen = await look(clock=MovedClock())
    assert number(seen, "age") is None
    assert "its age is not known: the calendar clock moved during the run" in seen.notes


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("", "error: it runs as root, as it names no user"),
        ("root", "error: it runs as root: its user is 'root'"),
        ("0", "error: it runs as root: its user is '0'"),
        ("000:1000", "error: it runs as root: its user is '000:1000'"),
        ("toor", "error: it runs as root: its user 'toor' has uid 0"),
        ("ghost", "error: its user 'ghost' is not in its /etc/passwd, so it cannot start as that"),
    ],
)
async def test_root_is_found_by_name_and_by_uid(look: Any, user: str, message: str) -> None:
    contents = {"/etc/passwd": b"root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbroken\n"}
    seen = await look(replace(GOOD, user=user), contents=contents)
    assert said(seen, "user") == (FAILED, message)
    assert number(seen, "findings_error") == 1


async def test_a_named_user_is_no_more_than_a_warning(look: Any) -> None:
    named, contents = replace(GOOD, user="app"), {"/etc/passwd": b"app:x:1000:1000::/:/bin/sh\n"}
    seen = await look(named, contents=contents)
    assert said(seen, "user")[0] is PASSED
    assert said(seen, "user")[1].startswith("warning: its user is 'app', which is uid 1000")
    assert number(seen, "findings_warning") == 1
    assert any(note.startswith("warnings: its user is 'app'") for note in seen.notes)
    strict = await look(named, {"fail_on": "warning"}, contents=contents)
    assert said(strict, "user")[0] is FAILED


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (None, "error: it has no healthcheck"),
        (FAKE, "error: it has a healthcheck that cannot fail: `exit 0`"),
    ],
)
async def test_a_healthcheck_that_proves_nothing_is_found(
    look: Any, check: Healthcheck | None, message: str
) -> None:
    assert said(await look(replace(GOOD, healthcheck=check)), "healthcheck") == (FAILED, message)


async def test_ports_that_nobody_named_are_found(look: Any) -> None:
    image = replace(GOOD, exposed=(Port(number=8080), Port(number=53, protocol="udp"), Port(number=22)))
    seen = await look(image, {"ports": [8080, "53/udp"]})
    assert said(seen, "ports") == (FAILED, "error: it exposes 22/tcp, which ports does not name")
    assert said(await look(image, {"ports": [8080, "53/udp", 22]}), "ports")[0] is PASSED
    assert said(await look(image, {"ports": []}), "ports")[1].count("exposes") == 3


async def test_secrets_are_named_and_their_values_kept_out_of_the_record(look: Any, tmp_path: Path) -> None:
    image = replace(
        GOOD,
        environment=("DB_PASSWORD=hunter22", "MODE=production"),
        history=(ImageStep(created_by="|1 NPM_TOKEN=abc123 /bin/sh -c npm ci"),),
    )
    seen = await look(image, listing=[file("/root/.ssh/id_rsa", 0o600), file("/app/.env", 0o644)])
    status, message = said(seen, "secrets")
    assert status is FAILED
    assert message.splitlines() == [
        "error: DB_PASSWORD=*** in the environment",
        "error: NPM_TOKEN=*** in the history",
        "warning: /root/.ssh/id_rsa is a file that usually holds secrets",
        "warning: /app/.env is a file that usually holds secrets",
    ]
    assert look.world.secrets == ["hunter22", "abc123"]
    written = (tmp_path / "evidence" / "image.json").read_text()
    assert "hunter22" not in written + repr(seen)
    assert "abc123" not in written + repr(seen)
    assert json.loads(written)["environment"] == ["DB_PASSWORD", "MODE"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shop/web", "warning: shop/web has no tag, so it can be another image every day"),
        ("registry:5000/web", "warning: registry:5000/web has no tag"),
        ("shop/web:latest", "warning: shop/web:latest can be another image every day; name a version"),
        ("shop/web:1.2", ""),
        ("registry:5000/web:1.2", ""),
        ("shop/web@sha256:abc", ""),
        ("sha256:abc", ""),
    ],
)
async def test_a_name_that_moves_is_a_warning(look: Any, name: str, message: str) -> None:
    seen = await look(params={"image": name}, images={name: GOOD})
    status, actual = said(seen, "tag")
    assert status is PASSED
    assert actual.startswith(message)
    assert bool(actual) is bool(message)


BASE = Image(id="sha256:base", size=1, layers=("sha256:a",))


@pytest.mark.parametrize(
    ("image", "base", "message"),
    [
        (GOOD, BASE, ""),
        (replace(GOOD, labels={"org.opencontainers.image.base.name": "base:1"}), None, ""),
        (GOOD, replace(BASE, layers=("sha256:b",)), "error: it is not built on base:1: its layers do not"),
        (GOOD, replace(BASE, layers=()), "error: it is not built on base:1: its layers do not"),
        (GOOD, None, "error: nothing shows that it is built on base:1: it has no label"),
        (
            replace(GOOD, labels={"org.opencontainers.image.base.name": "other:1"}),
            None,
            "error: nothing shows that it is built on base:1: its label org.opencontainers",
        ),
    ],
)
async def test_the_base_is_told_by_layers_or_by_label(
    look: Any, image: Image, base: Image | None, message: str
) -> None:
    seen = await look(image, {"base": "base:1"}, images={"base:1": base} if base else {})
    status, actual = said(seen, "base")
    assert status is (FAILED if message else PASSED)
    assert actual.startswith(message)


async def test_labels_must_be_there_with_their_values(look: Any) -> None:
    version = "org.opencontainers.image.version"
    assert said(await look(params={"labels": [version]}), "labels")[0] is PASSED
    assert said(await look(params={"labels": {version: 1}}), "labels")[0] is PASSED
    wrong = await look(params={"labels": {version: "2", "team": None}})
    assert said(wrong, "labels") == (
        FAILED,
        f"error: its label {version} is '1', not '2'\nerror: it has no label team",
    )


async def test_files_open_to_everybody_or_setuid_are_found(look: Any) -> None:
    listing = [
        file("/tmp", 0o1777, folder=True),
        file("/data", 0o777, folder=True),
        file("/etc/app.conf", 0o666),
        file("/usr/bin/su", 0o4755),
        file("/usr/bin/wall", 0o2755),
        file("/var/mail", 0o2775, folder=True),
        file("/bin/sh", 0o755),
    ]
    seen = await look(listing=listing)
    assert said(seen, "files")[0] is FAILED
    assert said(seen, "files")[1].splitlines() == [
        "error: everybody may write to the folder /data (0777)",
        "error: everybody may write to the file /etc/app.conf (0666)",
        "warning: /usr/bin/su is setuid (4755)",
        "warning: /usr/bin/wall is setgid (2755)",
    ]
    allowed = await look(params={"allow_files": ["/data", "/etc/*", "/usr/bin/*"]}, listing=listing)
    assert said(allowed, "files") == (PASSED, "")


async def test_many_findings_are_counted_and_kept_as_evidence(look: Any, tmp_path: Path) -> None:
    seen = await look(listing=[file(f"/data/{index}", 0o666) for index in range(500)])
    lines = said(seen, "files")[1].splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 490 more"
    assert number(seen, "findings_error") == 500
    assert len(json.loads((tmp_path / "evidence" / "image.json").read_text())["findings"]) == 500


async def test_the_architecture_is_that_which_is_asked_for(look: Any) -> None:
    for right in ("amd64", "linux/amd64", ["arm64", "amd64"]):
        assert said(await look(params={"architecture": right}), "architecture")[0] is PASSED
    wrong = await look(params={"architecture": "linux/arm64"})
    assert said(wrong, "architecture") == (FAILED, "error: it is for linux/amd64, not linux/arm64")


@pytest.mark.parametrize(
    ("stopped", "status", "message", "time"),
    [
        (Stopped(exit_code=0, seconds=0.5), PASSED, "", 0.5),
        (Stopped(exit_code=143, seconds=0.5), PASSED, "", 0.5),
        (Stopped(exit_code=1, seconds=0.5), PASSED, "warning: it ended with exit code 1 after SIGTERM", 0.5),
        (
            Stopped(exit_code=137, seconds=0.5),
            FAILED,
            "error: it was killed after SIGTERM (exit code 137)",
            0.5,
        ),
        (
            Stopped(seconds=3.0, killed=True),
            FAILED,
            "error: it ran on for 3 s after SIGTERM, and had to be killed",
            None,
        ),
        (
            Stopped(before="it ended by itself with exit code 3"),
            LOST,
            "it could not be asked to stop: it ended by itself with exit code 3",
            None,
        ),
    ],
)
async def test_how_it_stops_is_looked_at_where_asked(
    look: Any, stopped: Stopped, status: CaseStatus, message: str, time: float | None
) -> None:
    seen = await look(params={"stops_within": "3s", "stop_after": "2s"}, stopped=stopped)
    assert said(seen, "stop") == (status, message)
    measure = seen.measures["stop_time"]
    assert isinstance(measure, Number)
    assert measure.value == time
    assert look.scripted.asked == ["files", "stop after 2.0 within 3.0"]


async def test_what_is_ignored_is_not_looked_at_and_said(look: Any) -> None:
    image = replace(GOOD, user="", healthcheck=None)
    seen = await look(image, {"ignore": ["user", "healthcheck", "files", "secrets"]})
    assert statuses(seen) == {"tag": PASSED}
    assert "not looked at, as ignore says: user, healthcheck, files, secrets" in seen.notes
    assert look.scripted.asked == []


async def test_the_image_of_a_service_is_the_one_that_runs(look: Any) -> None:
    old = replace(GOOD, id="sha256:old", user="")
    web = container("web", image="shop/web:1", image_id="sha256:old")
    service = {"image": None, "service": "web"}
    seen = await look(params=service, containers=[web], images={"sha256:old": old})
    assert said(seen, "user")[0] is FAILED
    assert seen.notes[0] == "shop/web:1 is sha256:old"
    with raises(ObservationError, match="there is no container of web"):
        await look(params=service)
    with raises(ObservationError, match="the containers of web run 2 different images"):
        await look(params=service, containers=[web, container("web", number=2)])


async def test_an_image_that_is_not_there_is_an_error(look: Any) -> None:
    with raises(ObservationError, match="there is no image 'nowhere:1'"):
        await look(params={"image": "nowhere:1"})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "exactly one of image and service"),
        ({"image": "a", "service": "b"}, "exactly one of image and service"),
        ({"image": "a", "ports": ["http"]}, "'http' is not a port"),
        ({"image": "a", "ports": [0]}, "greater than or equal to 1"),
        ({"image": "a", "ignore": ["everything"]}, "Input should be 'user'"),
        ({"image": "a", "ports": [1], "ignore": ["ports"]}, "ports is ignored, and ports asks for it"),
        ({"image": "a", "stop_after": "1s"}, "stop_after goes with stops_within"),
        ({"image": "a", "ignore": list(Aspect)}, "everything is ignored"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageParams.model_validate(params)


def test_parts_are_the_aspects_looked_at() -> None:
    params = ImageParams.model_validate({"image": "a", "ports": [], "ignore": ["files"]})
    assert ImageKind().parts(params) == {"user", "healthcheck", "ports", "secrets", "tag"}


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.engine
@pytest.mark.skipif(*ENGINE[1].args, reason=ENGINE[1].kwargs["reason"])
async def test_a_real_image_is_looked_through(tmp_path: Path) -> None:
    image = busybox(
        "RUN mkdir -p /etc /data && echo app:x:0:0::/:/bin/sh > /etc/passwd && chmod 0777 /data",
        "ENV API_KEY=topsecret1",
        "EXPOSE 8080",
        "USER app",
        "HEALTHCHECK CMD wget -q http://127.0.0.1/ || true",
        'CMD ["sh", "-c", "trap \'exit 0\' TERM; while true; do sleep 0.05; done"]',
    )
    reach = TargetContainers(os.environ)
    settings = replace(world(tmp_path, reach), clock=RunClock())
    asked = {"image": image, "ports": [], "stops_within": "10s", "stop_after": "300ms", "base": busybox()}
    try:
        seen = in_english(await ImageKind().observe(ImageParams.model_validate(asked), settings))
    finally:
        reach.close()
    assert said(seen, "user") == (FAILED, "error: it runs as root: its user 'app' has uid 0")
    assert said(seen, "healthcheck")[1].endswith(
        "as it hides every failure of `wget -q http://127.0.0.1/`: `wget -q http://127.0.0.1/ || true`"
    )
    assert said(seen, "ports")[0] is FAILED
    assert said(seen, "secrets") == (FAILED, "error: API_KEY=*** in the environment")
    assert "everybody may write to the folder /data (0777)" in said(seen, "files")[1]
    assert said(seen, "stop") == (PASSED, "")
    assert said(seen, "base") == (PASSED, "")
    assert (number(seen, "layers") or 0) >= 3
    assert (number(seen, "size") or 0) > 500_000
