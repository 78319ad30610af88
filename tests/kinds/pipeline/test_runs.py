"""`runs:` of a pipeline: the gate ran for this commit, was not skipped, succeeded, and not long ago."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.inspection.finding import Inspection
from phasegate.kinds.pipeline.params import RunsWritten
from phasegate.kinds.pipeline.runs import look_at_runs
from phasegate.render.sentences import sentence
from tests.answering import Asked, Reply, answering
from tests.telling import raises
from tests.worlds import world_at

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def moment(hours: float = 0.1) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def job(name: str = "test", conclusion: str | None = "success", **more: Any) -> dict[str, Any]:
    ended = {"completed_at": moment() if conclusion else None}
    return {"name": name, "conclusion": conclusion, "head_sha": COMMIT, **ended, **more}


async def look(answer: Any, folder: Path, **asked: Any) -> Inspection:
    (folder / "runs.json").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    written = {"file": "runs.json", "jobs": ["test"], "commit": COMMIT, **asked}
    async with world_at("http://127.0.0.1:9", folder) as world:
        return await look_at_runs(RunsWritten.model_validate(written), world)


def wrong(seen: Inspection) -> list[str]:
    return [sentence(finding.message).partition(";")[0] for finding in seen.findings]


def unproven(seen: Inspection) -> dict[str, str]:
    return {name: sentence(why) for name, why in seen.unproven.items()}


async def test_a_job_that_succeeded_for_the_commit_is_looked_at(tmp_path: Path) -> None:
    seen = await look({"jobs": [job(), job("other", "failure")]}, tmp_path)
    assert (wrong(seen), unproven(seen)) == ([], {})
    assert seen.looked["pipeline-run-job"].n == 2


@pytest.mark.parametrize("outcome", ["failure", "skipped", "cancelled", "neutral"])
async def test_a_job_that_did_not_succeed_is_a_finding(tmp_path: Path, outcome: str) -> None:
    assert wrong(await look({"jobs": [job(conclusion=outcome)]}, tmp_path)) == [f"job 'test' is {outcome}"]


async def test_a_job_that_goes_on_is_not_ended(tmp_path: Path) -> None:
    running = job(conclusion=None, status="in_progress")
    assert wrong(await look({"jobs": [job(), running]}, tmp_path)) == ["job 'test' is not ended"]


async def test_of_a_job_that_was_run_again_the_last_counts(tmp_path: Path) -> None:
    before = job(conclusion="failure", completed_at=moment(2))
    assert wrong(await look({"jobs": [before, job()]}, tmp_path)) == []
    assert (
        wrong(await look({"jobs": [job(conclusion="failure"), job(completed_at=moment(2))]}, tmp_path)) != []
    )


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        ([], "no data: no job 'test' ran for commit 0123456789ab"),
        ([job("other")], "no data: no job 'test' ran for commit 0123456789ab"),
        ([job(head_sha="f" * 40)], "1 job of that name ran for others"),
    ],
)
async def test_no_run_for_the_commit_is_no_data(tmp_path: Path, jobs: list[Any], why: str) -> None:
    seen = await look({"jobs": jobs}, tmp_path)
    assert why in unproven(seen)["run/test"]


async def test_an_old_run_is_not_verified(tmp_path: Path) -> None:
    seen = await look({"jobs": [job(completed_at=moment(30))]}, tmp_path)
    assert (
        "at most 1d 00h is allowed" in unproven(seen)["run/test"]
        or "is allowed" in unproven(seen)["run/test"]
    )
    assert unproven(await look({"jobs": [job(completed_at=moment(30))]}, tmp_path, max_age="2d")) == {}
    undated = await look({"jobs": [job(completed_at="")]}, tmp_path)
    assert "at an unknown time" in unproven(undated)["run/test"]


async def test_jobs_of_gitlab(tmp_path: Path) -> None:
    def gitlab(name: str, status: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "status": status, "commit": {"id": COMMIT}, "finished_at": moment(), **more}

    seen = await look([gitlab("test", "success"), gitlab("e2e", "manual")], tmp_path, jobs=["*"])
    assert wrong(seen) == ["job 'e2e' is manual"]
    tolerated = await look([gitlab("test", "success", allow_failure=True)], tmp_path)
    assert wrong(tolerated) == ["job 'test' may fail without failing its pipeline"]


async def test_runs_of_github_are_followed_to_their_jobs_on_the_same_server(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def reply(request: Asked) -> Reply:
        asked.append(request)
        here = f"http://{request.headers['Host']}"
        runs = [
            {"head_sha": COMMIT, "jobs_url": f"{here}/jobs/1"},
            {"head_sha": "f" * 40, "jobs_url": f"{here}/jobs/2"},
            {"head_sha": COMMIT, "jobs_url": "http://127.0.0.1:9/jobs/3"},
        ]
        body = {"workflow_runs": runs} if request.path.startswith("/runs") else {"jobs": [job()]}
        return Reply(body=json.dumps(body).encode())

    with answering(reply) as url:
        headers = {"Authorization": "Bearer x"}
        seen = await look("", tmp_path, file="", url=f"{url}/runs?head_sha={COMMIT}", headers=headers)
    assert (wrong(seen), unproven(seen)) == ([], {})
    assert [request.path for request in asked] == [f"/runs?head_sha={COMMIT}", "/jobs/1?per_page=100"]
    assert asked[1].headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    "answer",
    [{"total_count": 31, "jobs": [job()]}, {"total_count": 31, "workflow_runs": [{"head_sha": COMMIT}]}],
)
async def test_jobs_on_another_page_are_not_verified(tmp_path: Path, answer: Any) -> None:
    assert "the first page only, with 1 entry" in unproven(await look(answer, tmp_path))["run"]
    assert "run" not in unproven(await look({**answer, "total_count": 1}, tmp_path))


async def test_a_full_page_of_gitlab_may_not_be_the_last(tmp_path: Path) -> None:
    one = {"name": "test", "status": "success", "commit": {"id": COMMIT}, "finished_at": moment()}
    with answering(lambda request: Reply(body=json.dumps([one] * 20).encode())) as url:
        full = await look("", tmp_path, file="", url=f"{url}/jobs")
        whole = await look("", tmp_path, file="", url=f"{url}/jobs?per_page=100")
    assert (list(unproven(full)), unproven(whole)) == (["run"], {})


async def test_a_job_of_the_same_name_in_another_workflow_is_another_job(tmp_path: Path) -> None:
    failed = job(conclusion="failure", completed_at=moment(2), workflow_name="CI")
    assert wrong(await look({"jobs": [failed, job(workflow_name="docs")]}, tmp_path)) != []
    assert wrong(await look({"jobs": [failed, job(workflow_name="CI")]}, tmp_path)) == []


async def test_a_run_in_the_future_is_not_verified(tmp_path: Path) -> None:
    assert "run/test" in unproven(await look({"jobs": [job(completed_at=moment(-5))]}, tmp_path))


@pytest.mark.parametrize("answer", ["{}", '{"message": "Not Found"}', "<html>", ""])
async def test_what_is_no_answer_is_an_error(tmp_path: Path, answer: str) -> None:
    with raises(ObservationError, match="no jobs and no runs|is not JSON"):
        await look(answer, tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": "http://x"}, "exactly one of url and file"),
        ({"jobs": []}, "name at least one job"),
        ({"commit": "main"}, "'main' is not a commit"),
        ({"commit": "012345"}, "is not a commit"),
    ],
)
def test_parameters_that_make_no_sense(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RunsWritten.model_validate({"file": "a", "jobs": ["test"], "commit": COMMIT, **changed})


async def test_jobs_of_one_name_in_two_workflows_are_two(tmp_path: Path) -> None:
    failed = job(conclusion="failure", completed_at=moment(2), workflow_name="a")
    assert wrong(await look({"jobs": [failed, job(workflow_name="b")]}, tmp_path)) == [
        "job 'test' is failure"
    ]


async def test_a_run_that_ends_in_days_to_come_is_not_verified(tmp_path: Path) -> None:
    seen = await look({"jobs": [job(completed_at=moment(-48))]}, tmp_path)
    assert "run/test" in unproven(seen)
