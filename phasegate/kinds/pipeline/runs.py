"""The last run of a pipeline, by the answer of GitHub's or GitLab's API: did the gate run, and succeed?

Sources: https://docs.github.com/en/rest/actions/workflow-jobs, https://docs.gitlab.com/api/jobs/
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.files import read_file
from phasegate.base.scalars import read_json
from phasegate.inspection.finding import Finding, Inspection, Looked
from phasegate.inspection.report import get, items_of, moment_of, text_of
from phasegate.kinds.answers import ask_json
from phasegate.kinds.pipeline.params import RunsWritten
from phasegate.kinds.pipeline.rules import RUN_JOB
from phasegate.world import World, sure_wall

SIZE = 16 << 20
TIMEOUT = 30.0
_FOLLOWED = 20
"""Runs of one commit whose jobs are asked for."""
_AHEAD = 60.0
"""Seconds that the clock of the system may be ahead of this one."""
_PASSED = frozenset({"success"})
_UNDER_WAY = frozenset(
    ("queued", "in_progress", "waiting", "requested", "pending", "created", "preparing", "running")
)
LEAST_SHORT = 7
"""Digits of a commit by which it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """How a job went."""

    name: str
    outcome: str
    """`success`, `failure`, `skipped` and what else the system says; before its end, its status."""
    commit: str
    ended: datetime | None
    tolerated: bool
    """Whether its failure does not fail the pipeline."""
    workflow: str = ""
    """The workflow of GitHub that it is part of; others may have a job of the same name."""


async def look_at_runs(asked: RunsWritten, world: World) -> Inspection:
    """Whether the named jobs ran for the commit. Errors: ObservationError where there is no answer."""
    answer = await _answer(asked, world)
    findings: list[Finding] = []
    unproven: dict[str, Message] = {}
    jobs = [job async for job in _jobs(answer, asked, world, unproven)]
    for pattern in asked.jobs:
        named = [job for job in jobs if fnmatchcase(job.name, pattern.replace("[", "[[]"))]
        ours = [job for job in named if _is_of(job.commit, asked.commit)]
        if not ours:
            unproven[f"run/{pattern}"] = fact(
                Code.NO_RUN, name=pattern, commit=asked.commit[:12], n=len(named)
            )
        for job in _last_of_each(ours):
            wrong = _why_not(job, asked, world)
            if wrong is not None and wrong.code is Code.RUN_TOO_OLD:
                unproven[f"run/{job.name}"] = wrong
            elif wrong is not None:
                findings.append(RUN_JOB.finding(wrong, place=job.name))
    return Inspection(
        files=None,
        findings=tuple(findings),
        looked={RUN_JOB.id: Looked(n=len(jobs), of="job", family=RUN_JOB.family)} if jobs else {},
        unproven=unproven,
    )


async def _answer(asked: RunsWritten, world: World) -> Any:
    if asked.url:
        return await ask_json(world, asked.url, headers=asked.headers, timeout=TIMEOUT)
    try:
        return read_json(read_file(world.root / asked.file, asked.file, SIZE))
    except ValueError:
        raise ObservationError(fact(Code.NO_REPORT, path=asked.file, why="it is not JSON")) from None


async def _jobs(
    answer: Any, asked: RunsWritten, world: World, unproven: dict[str, Message]
) -> AsyncIterator[JobRun]:
    """The jobs of an answer: a list of GitLab, a page of jobs of GitHub, or one of runs, each asked for.

    `unproven`: gets an entry where there is more than the answer holds.
    """

    def expect(total: Any, n: int) -> None:
        if isinstance(total, int) and total > n:
            unproven["run"] = fact(Code.RUNS_CUT, n=n)

    if isinstance(answer, list):
        query = parse_qs(urlsplit(asked.url or "").query)
        page = next(iter(query.get("per_page", ())), "20")
        # GitLab says only in a header whether there is another page.
        full = asked.url and page.isdecimal() and len(answer) >= int(page)
        expect(len(answer) + 1 if full else 0, len(answer))
        for one in answer:
            yield _gitlab(one)
        return
    if not isinstance(answer, Mapping) or not ({"jobs", "workflow_runs"} & answer.keys()):
        raise ObservationError(fact(Code.NO_RUNS_IN_ANSWER))
    jobs = items_of(answer, "jobs")
    if jobs:
        expect(get(answer, "total_count"), len(jobs))
    for one in jobs:
        yield _github(one)
    everything = items_of(answer, "workflow_runs")
    runs = [run for run in everything if _is_of(text_of(run, "head_sha"), asked.commit)]
    if runs:  # those of other commits on the page are older
        expect(get(answer, "total_count") if runs == everything else len(runs), min(len(runs), _FOLLOWED))
    for run in runs[:_FOLLOWED]:
        place = text_of(run, "jobs_url")
        if asked.url and urlsplit(place).netloc == urlsplit(asked.url).netloc:
            found = await ask_json(world, f"{place}?per_page=100", headers=asked.headers, timeout=TIMEOUT)
            expect(get(found, "total_count"), len(items_of(found, "jobs")))
            for one in items_of(found, "jobs"):
                yield _github(one)


def _github(job: Any) -> JobRun:
    return JobRun(
        name=text_of(job, "name"),
        outcome=text_of(job, "conclusion") or text_of(job, "status"),
        commit=text_of(job, "head_sha"),
        ended=moment_of(text_of(job, "completed_at")),
        tolerated=False,
        workflow=text_of(job, "workflow_name"),
    )


def _gitlab(job: Any) -> JobRun:
    return JobRun(
        name=text_of(job, "name"),
        outcome=text_of(job, "status"),
        commit=text_of(get(job, "commit"), "id"),
        ended=moment_of(text_of(job, "finished_at")),
        tolerated=get(job, "allow_failure") is True,
    )


def _is_of(commit: str, asked: str) -> bool:
    shorter, longer = sorted((commit.lower(), asked.lower()), key=len)
    return len(shorter) >= LEAST_SHORT and longer.startswith(shorter)


def _last_of_each(jobs: Sequence[JobRun]) -> Iterator[JobRun]:
    """Of a job that was run again, the last; one that has not ended counts as later than those that have.
    Another workflow may have a job of the same name."""
    last: dict[tuple[str, str], JobRun] = {}
    for job in jobs:
        known = last.get((job.workflow, job.name))
        if known is None or job.ended is None or (known.ended is not None and job.ended >= known.ended):
            last[job.workflow, job.name] = job
    yield from last.values()


def _why_not(job: JobRun, asked: RunsWritten, world: World) -> Fact | None:
    """Why a job is no gate that was passed; None where it is."""
    if job.outcome not in _PASSED:
        what = "not ended" if job.outcome in _UNDER_WAY else job.outcome or "unknown"
        return fact(Code.RUN_ENDED, name=job.name, state=what)
    if job.tolerated:
        return fact(Code.RUN_TOLERATED, name=job.name)
    now = sure_wall(world.clock)
    age = None if job.ended is None or now is None else (now - job.ended).total_seconds()
    if age is None or age > asked.max_age or age < -_AHEAD:
        return fact(Code.RUN_TOO_OLD, name=job.name, at=age, limit=asked.max_age)
    return None
