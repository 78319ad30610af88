"""Images: what they run as, carry, expose and forget, before any of it is in production."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, encode, fact, lines
from phasegate.base.units import Dimension
from phasegate.kinds.base import CheckParams, Kind, Requirement, stopped_early
from phasegate.kinds.engine import ENGINE
from phasegate.kinds.image.findings import Finding, Seen, Severity, findings_of, unproven_of
from phasegate.kinds.image.params import Aspect, ImageParams
from phasegate.kinds.image.secrets import secrets_of
from phasegate.model.cases import select_cases, with_earlier
from phasegate.model.measures import Measure, MeasureSpec, Number
from phasegate.model.observation import Case, CaseStatus, Observation, census, census_by_part
from phasegate.world import Progress, World, sure_wall

NAMED = 10
"""Findings that a message shows; the evidence has all of them."""
PASSWD = "/etc/passwd"


class ImageKind(Kind[ImageParams]):
    name: ClassVar[str] = "image"
    Params: ClassVar[type[CheckParams]] = ImageParams
    example: ClassVar[Mapping[str, Any]] = {
        "service": "controller",
        "ports": [8080],
        "labels": ["org.opencontainers.image.version"],
        "allow_files": ["/usr/bin/su"],
        "stops_within": "10s",
    }
    has_cases: ClassVar[bool] = True

    def measures(self, params: ImageParams) -> Mapping[str, MeasureSpec]:
        found = {
            "pass_rate": MeasureSpec.census("aspects without a finding that fails"),
            "size": MeasureSpec.amount("all layers, shared ones included", Dimension.SIZE),
            "layers": MeasureSpec.amount("layers of its file system"),
            "age": MeasureSpec.amount("since it was built", Dimension.TIME),
            "findings_error": MeasureSpec.amount("findings that are errors"),
            "findings_warning": MeasureSpec.amount("findings that are warnings"),
        }
        if params.stops_within is not None:
            found["stop_time"] = MeasureSpec.amount("from its stop signal to its end", Dimension.TIME)
        return found

    def defaults(self, params: ImageParams) -> tuple[str, ...]:
        return ("pass_rate == 100%",)

    def parts(self, params: ImageParams) -> frozenset[str] | None:
        return frozenset(params.aspects)

    def requirements(self, params: ImageParams) -> tuple[Requirement, ...]:
        return ENGINE

    def summary(self, params: ImageParams) -> Message:
        return fact(Code.OF_IMAGE, image=params.image, service=params.service, left_out=params.ignore)

    async def observe(self, params: ImageParams, world: World) -> Observation:
        """Errors: ObservationError when there is no such image, or no container that runs it."""
        seen = await _look(params, world)
        if not isinstance(seen, Seen):
            return Observation(notes=(stopped_early(seen),))
        for secret in secrets_of(seen.image):
            world.keep_secret(secret.value)
        found = findings_of(seen, params)
        cases = select_cases([_case(seen, params, *item) for item in found.items()], world.cases)
        if not cases:
            raise ObservationError(fact(Code.NO_CASE_NAMED, names=world.cases))
        cases = with_earlier(cases, world.earlier)
        await world.progress(Progress(cases=cases))
        everything = [finding for findings in found.values() for finding in findings]
        evidence = world.evidence.write("image.json", json.dumps(_image_record(seen, everything), indent=2))
        return Observation(
            measures={"pass_rate": census(cases), **_measures(seen, everything, world)},
            parts={part: {"pass_rate": share} for part, share in census_by_part(cases).items()},
            cases=cases,
            evidence=(evidence,),
            notes=tuple(_notes(seen, params, everything, world)),
            causes=Counter(case.message for case in cases if case.status is CaseStatus.FAILED),
        )


async def _look(params: ImageParams, world: World) -> Seen | Message:
    """Everything that the aspects asked for need, or why to stop."""
    reach, aspects = world.containers, params.aspects
    asked_as, reference = await _reference(params, world)
    image = await reach.image(reference)
    if stop := await world.progress(Progress(text=f"looking at {asked_as}")):
        return stop
    named = image.user.partition(":")[0]
    wants_accounts = Aspect.USER in aspects and named and not named.isdecimal()
    accounts = await reach.content(image, PASSWD) if wants_accounts else None
    base = None
    if Aspect.BASE in aspects and params.base is not None:
        try:
            base = await reach.image(params.base)
        except ObservationError:
            base = None  # the label may still tell
    files = await reach.files(image) if {Aspect.FILES, Aspect.SECRETS} & set(aspects) else None
    stopped = None
    if Aspect.STOP in aspects and params.stops_within is not None:
        if stop := await world.progress(Progress(text=f"seeing how {asked_as} stops")):
            return stop
        stopped = await reach.stop_of(image, after=params.stop_after, within=params.stops_within)
    return Seen(
        image=image,
        asked_as=asked_as,
        files=files,
        accounts=None if accounts is None else accounts.decode(errors="replace"),
        base=base,
        stopped=stopped,
    )


async def _reference(params: ImageParams, world: World) -> tuple[str, str]:
    """The image as people name it, and what says which one it is."""
    if params.image is not None:
        return params.image, params.image
    containers = [one for one in await world.containers.all() if one.service == params.service]
    ids = {one.image_id for one in containers}
    if not containers:
        raise ObservationError(fact(Code.IMAGE_UNKNOWN, service=params.service))
    if len(ids) > 1:
        raise ObservationError(fact(Code.IMAGES_DIFFER, service=params.service, n=len(ids)))
    return containers[0].image, containers[0].image_id


def _case(seen: Seen, params: ImageParams, aspect: Aspect, findings: Sequence[Finding]) -> Case:
    failing = [one for one in findings if params.fail_on == "warning" or one.severity is Severity.ERROR]
    status, unproven = CaseStatus.PASSED, unproven_of(seen, aspect)
    if failing:
        status = CaseStatus.FAILED
    elif unproven:
        status = CaseStatus.LOST
    shown = sorted(findings, key=lambda one: one.severity)
    message = unproven or (lines(*map(_of_severity, shown[:NAMED]), _more(shown)) if shown else "")
    return Case(id=aspect, name=aspect, part=aspect, status=status, message=message)


def _of_severity(one: Finding) -> Fact:
    return fact(Code.OF_SEVERITY, severity=one.severity.value, why=one.message)


def _more(findings: Sequence[Finding]) -> Fact | None:
    """How many there are beside those that are shown."""
    more = len(findings) - NAMED
    return fact(Code.AND_MORE, n=more) if more > 0 else None


def _measures(seen: Seen, findings: Sequence[Finding], world: World) -> dict[str, Measure]:
    image, severities = seen.image, Counter(one.severity for one in findings)
    now = sure_wall(world.clock)
    age = None if image.created is None or now is None else (now - image.created).total_seconds()
    found: dict[str, Measure] = {
        "size": Number(value=image.size, dimension=Dimension.SIZE),
        "layers": Number(value=len(image.layers)),
        "age": Number(value=age, dimension=Dimension.TIME),
        "findings_error": Number(value=severities[Severity.ERROR]),
        "findings_warning": Number(value=severities[Severity.WARNING]),
    }
    if seen.stopped is not None:
        ended = not seen.stopped.before and not seen.stopped.killed
        found["stop_time"] = Number(value=seen.stopped.seconds if ended else None, dimension=Dimension.TIME)
    return found


def _notes(seen: Seen, params: ImageParams, findings: Sequence[Finding], world: World) -> list[Fact]:
    notes = [fact(Code.IMAGE_IS, image=seen.asked_as, id=seen.image.id)]
    if sure_wall(world.clock) is None:
        notes.append(fact(Code.AGE_UNKNOWN, of="image"))
    if params.ignore:
        notes.append(fact(Code.NOT_LOOKED_AT, names=params.ignore, by="ignore"))
    warnings = [one for one in findings if one.severity is Severity.WARNING]
    if warnings and params.fail_on == "error":
        named = tuple(one.message for one in warnings[:NAMED])
        notes.append(fact(Code.IMAGE_WARNINGS, named=named, n=len(warnings)))
    if seen.stopped is not None and not seen.stopped.before and not seen.stopped.killed:
        notes.append(fact(Code.STOPPED_AFTER, at=seen.stopped.seconds, signal=seen.image.stop_signal))
    return notes


def _image_record(seen: Seen, findings: Sequence[Finding]) -> dict[str, Any]:
    """What was seen; of the environment only the names, as values may be secrets."""
    image = seen.image
    return {
        "name": seen.asked_as,
        "id": image.id,
        "tags": list(image.tags),
        "digests": list(image.digests),
        "created": image.created.isoformat() if image.created else None,
        "size": image.size,
        "platform": f"{image.os}/{image.architecture}",
        "user": image.user,
        "healthcheck": list(image.healthcheck.test) if image.healthcheck else None,
        "exposed": [f"{port.number}/{port.protocol}" for port in image.exposed],
        "environment": [line.partition("=")[0] for line in image.environment],
        "entrypoint": list(image.entrypoint),
        "command": list(image.command),
        "stop_signal": image.stop_signal,
        "labels": dict(image.labels),
        "layers": list(image.layers),
        "files": None if seen.files is None else len(seen.files),
        "findings": [
            {"aspect": one.aspect, "severity": one.severity, "message": encode(one.message)}
            for one in findings
        ],
    }
