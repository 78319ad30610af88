"""What stands before jobs that deploy: found on every path, and able to stop them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phasegate.render.sentences import sentence
from tests.kinds.pipeline.looking import (
    BACK,
    DEPLOY,
    GATED,
    TEST,
    Files,
    github,
    gitlab,
    look,
    rules_of,
    sentences,
)

GATE, TOLERATED, BYPASSED = "pipeline-gate", "pipeline-gate-tolerated", "pipeline-gate-bypassed"
STOPS = "let the failure of the test fail its job, and its job the pipeline"
ENVIRONMENT = "environment: production, script: deploy.sh"


def workflow(name: str, on: str, jobs: str) -> Files:
    return {
        f".github/workflows/{name}.yml": github(jobs, on)[".github/workflows/ci.yml"].replace(
            "name: CI", f"name: {name}"
        )
    }


def gates(root: Path, files: Files, **params: Any) -> list[str]:
    """Rules about gates that are tripped, and `?` for what is not known."""
    seen = look(root, files, **params)
    return [rule for rule in rules_of(seen) if rule.startswith("pipeline-gate")] + ["?"] * len(seen.unproven)


# GitHub Actions: what the test says.


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("pytest", "pytest || true", "pytest || true"),
        ("run: pytest", "run: pytest, continue-on-error: true", "continue-on-error: true"),
        ("run: pytest", "run: pytest, if: false", "if: false"),
        ("run: pytest", "run: pytest | tee log", "pytest | tee log"),
        ("test:\n  runs-on: x", "test:\n  runs-on: x\n  continue-on-error: true", "continue-on-error: true"),
        ("test:\n  runs-on: x", "test:\n  runs-on: x\n  if: ${{ false }}", "if: false"),
        ("pytest", "echo tested", "echo tested"),
    ],
)
def test_a_test_that_cannot_stop_the_deploy_is_shown_as_written(
    old: str, new: str, why: str, tmp_path: Path
) -> None:
    seen = look(tmp_path, github(GATED.replace(old, new)))
    assert sentences(seen, TOLERATED) == [f"deploy deploys although the test in test fails: {why}; {STOPS}"]


@pytest.mark.parametrize("shell", ["bash", "bash -eo pipefail {0}"])
def test_a_pipe_fails_in_a_shell_with_pipefail(shell: str, tmp_path: Path) -> None:
    test = TEST.replace("run: pytest", f"run: pytest | tee log, shell: '{shell}'")
    assert gates(tmp_path, github(test + DEPLOY + BACK)) == []


@pytest.mark.parametrize(
    ("written", "tripped"),
    [
        ("${{ matrix.new }}", []),
        ("${{ runner.os == 'Windows' }}", []),
        ("false", []),
        ("'true'", [TOLERATED]),
        ("${{ true }}", [TOLERATED]),
        ("${{ !false }}", [TOLERATED]),
        ("${{ always() }}", [TOLERATED]),
        ("${{ 1 == 1 }}", [TOLERATED]),
        ("${{ github.ref == 'x' || true }}", [TOLERATED]),
        ("${{ env.LAX }}", [TOLERATED]),
        ("${{ github.event_name == 'push' }}", ["?"]),
        ("${{ inputs.lax }}", ["?"]),
        ("${{ vars.LAX }}", ["?"]),
    ],
)
def test_what_an_expression_tolerates_counts_as_far_as_it_is_known(
    written: str, tripped: list[str], tmp_path: Path
) -> None:
    test = TEST.replace("runs-on: x", f"runs-on: x\n  env: {{LAX: true}}\n  continue-on-error: {written}")
    assert gates(tmp_path, github(test + DEPLOY + BACK)) == tripped


@pytest.mark.parametrize(
    ("test", "deploy", "tripped"),
    [
        ("inputs.test", "", ["?"]),
        ("github.event_name == 'pull_request'", "", ["?"]),
        ("github.ref == 'x'", "github.ref == 'x'", []),
        ("matrix.os == 'linux'", "", []),
        ("success()", "", []),
    ],
)
def test_a_test_that_may_be_left_out_where_it_is_deployed_is_not_verified(
    test: str, deploy: str, tripped: list[str], tmp_path: Path
) -> None:
    condition = f'\n  if: "{deploy}"' if deploy else ""
    jobs = TEST.replace("{run: pytest}", f'{{run: pytest, if: "{test}"}}')
    jobs += DEPLOY.replace("\n  needs: test", f"\n  needs: test{condition}") + BACK
    assert gates(tmp_path, github(jobs)) == tripped


def test_why_a_gate_is_in_doubt_is_shown_as_written(tmp_path: Path) -> None:
    seen = look(tmp_path, github(GATED.replace("{run: pytest}", "{run: pytest, if: inputs.test}")))
    assert [sentence(why) for why in seen.unproven.values()] == [
        "not verified: whether the test in test stops deploy depends on if: inputs.test"
    ]


# GitHub Actions: what the job that deploys says.


@pytest.mark.parametrize(
    ("condition", "tripped"),
    [
        ("always()", [BYPASSED]),
        ("!cancelled()", [BYPASSED]),
        ("Always()", [BYPASSED]),
        ("Success()", []),
        ("failure()", [BYPASSED]),
        ("${{ always() && github.ref == 'x' }}", [BYPASSED]),
        ("success() || failure()", [BYPASSED]),
        ("github.ref == 'always()'", []),
        ("success()", []),
        ("${{ !failure() && !cancelled() }}", []),
        ("always() && needs.test.result == 'success'", []),
        ("always() && (needs.test.result == 'success')", []),
        ("always() && (needs.test.result == 'success' || github.ref == 'x')", [BYPASSED]),
        ("always() && !contains(needs.*.result, 'failure')", []),
        ("startsWith(github.ref, 'refs/tags/')", []),
    ],
)
def test_a_condition_lets_it_go_on_or_not(condition: str, tripped: list[str], tmp_path: Path) -> None:
    deploy = DEPLOY.replace("  needs: test", f'  needs: test\n  if: "{condition}"')
    assert gates(tmp_path, github(TEST + deploy + BACK)) == tripped


def test_a_job_between_that_always_runs_does_not_open_the_gate(tmp_path: Path) -> None:
    between = "build: {runs-on: x, needs: test, if: always(), steps: [{run: make}]}\n"
    assert (
        gates(tmp_path, github(TEST + between + DEPLOY.replace("needs: test", "needs: build") + BACK)) == []
    )


def test_steps_before_the_one_that_deploys_are_a_gate(tmp_path: Path) -> None:
    steps = "steps: [{run: pytest}, {run: kubectl apply -f k8s}]"
    whole = f"deploy: {{runs-on: x, environment: p, {steps}}}"
    assert gates(tmp_path, github(whole)) == []
    assert gates(tmp_path, github(whole.replace("{run: kubectl", "{if: always(), run: kubectl"))) == [GATE]
    after = "steps: [{run: kubectl apply -f k8s}, {run: pytest}]"
    assert gates(tmp_path, github(f"deploy: {{runs-on: x, environment: p, {after}}}")) == [GATE]


def test_on_windows_a_script_is_for_powershell(tmp_path: Path) -> None:
    test = TEST.replace("runs-on: x", "runs-on: [self-hosted, Windows]").replace("pytest", "pytest; exit 0")
    assert gates(tmp_path, github(test + DEPLOY + BACK)) == [TOLERATED]
    assert gates(tmp_path, github(test.replace("; exit 0", "") + DEPLOY + BACK)) == []


def test_every_step_that_deploys_needs_a_gate(tmp_path: Path) -> None:
    steps = "[{run: pytest}, {run: kubectl apply -f a}, {if: always(), run: kubectl apply -f b}]"
    assert gates(tmp_path, github(f"deploy: {{runs-on: x, environment: p, steps: {steps}}}")) == [GATE]


def test_a_tolerated_test_whose_outcome_is_asked_is_a_gate(tmp_path: Path) -> None:
    steps = "[{run: pytest, id: t, continue-on-error: true}, {run: kubectl apply -f a, if: IF}]"
    whole = f"deploy: {{runs-on: x, environment: p, steps: {steps}}}"
    asked = "steps.t.outcome == 'success'"
    assert gates(tmp_path, github(whole.replace("IF", asked))) == []
    assert gates(tmp_path, github(whole.replace("IF", "steps.t.conclusion == 'success'"))) == [TOLERATED]


@pytest.mark.parametrize(
    "step",
    [
        "{uses: appleboy/ssh-action@v1}",
        "{uses: easingthemes/ssh-deploy@v5}",
        "{uses: jakejarvis/s3-sync-action@v0.5}",
        "{uses: SamKirkland/FTP-Deploy-Action@v4}",
        "{uses: pulumi/actions@v6, with: {command: up}}",
        "{uses: docker/build-push-action@v6, with: {push: true, tags: 'shop/web:production'}}",
        "{run: 'docker push shop/web:prod'}",
        "{run: 'rsync -a dist/ ${{ secrets.HOST }}:/var/www'}",
        "{run: 'curl -X POST ${{ secrets.RENDER_DEPLOY_HOOK }}'}",
    ],
)
def test_actions_and_commands_that_deploy_are_seen(step: str, tmp_path: Path) -> None:
    assert gates(tmp_path, github(f"go: {{runs-on: x, steps: [{step}]}}")) == [GATE]


@pytest.mark.parametrize(
    "step",
    [
        "{uses: actions/checkout@v5}",
        "{uses: google-github-actions/setup-gcloud@v2}",
        "{uses: superfly/flyctl-actions/setup-flyctl@master}",
        "{uses: pulumi/actions@v6, with: {command: preview}}",
        "{uses: docker/build-push-action@v6, with: {push: true, tags: 'shop/web:${{ github.sha }}'}}",
        "{uses: docker/build-push-action@v6, with: {push: false, tags: 'shop/web:production'}}",
        "{uses: docker/build-push-action@v6, with: {push: true, tags: 'shop/web:latest'}}",
        "{run: 'docker push shop/web:latest'}",
    ],
)
def test_actions_that_do_not_deploy(step: str, tmp_path: Path) -> None:
    assert gates(tmp_path, github(f"go: {{runs-on: x, steps: [{step}]}}")) == []


def test_an_image_without_a_tag_that_stays_deploys_where_the_job_says_so(tmp_path: Path) -> None:
    step = "steps: [{run: docker push shop/web:latest}]"
    assert gates(tmp_path, github(f"to-production: {{runs-on: x, {step}}}")) == [GATE]


def test_a_called_workflow_elsewhere_deploys_where_its_name_says_so(tmp_path: Path) -> None:
    call = "go: {uses: shop/ci/.github/workflows/deploy.yml@v1}"
    assert gates(tmp_path, github(call)) == ["?"]


def test_an_action_that_is_a_program_is_named_as_not_read(tmp_path: Path) -> None:
    steps = "steps: [{uses: ./act}, {run: kubectl apply -f k8s}]"
    files = {
        **github(f"deploy: {{runs-on: x, environment: p, {steps}}}"),
        "act/action.yml": "runs: {using: node20, main: x.js}\n",
    }
    assert gates(tmp_path, files) == ["?"]
    assert any("./act" in sentence(note) for note in look(tmp_path, files).notes)


def test_pipelines_that_one_starts_are_read(tmp_path: Path) -> None:
    parent = "go: {stage: deploy, trigger: {include: ci/child.yml}}"
    files = {**gitlab(parent), "ci/child.yml": f"deploy: {{{ENVIRONMENT}}}"}
    assert gates(tmp_path, files) == [GATE]
    files = {**gitlab(f"test: {{script: pytest}}\n{parent}"), "ci/child.yml": f"deploy: {{{ENVIRONMENT}}}"}
    assert gates(tmp_path, files) == []
    seen = look(tmp_path, {**gitlab(parent)}, files=[".gitlab-ci.yml"])
    assert [one.file for one in seen.findings if one.rule == GATE] == ["ci/child.yml"]


def test_a_job_that_never_runs_deploys_nothing(tmp_path: Path) -> None:
    deploy = DEPLOY.replace("needs: test", "if: false")
    assert gates(tmp_path, github(TEST + deploy)) == []


# Workflows that call others, and that follow others.

CALLED = workflow("called", "workflow_call", DEPLOY.replace("  needs: test\n", ""))


def test_the_caller_of_a_reusable_workflow_is_the_gate_of_its_jobs(tmp_path: Path) -> None:
    call = "ship: {needs: test, uses: ./.github/workflows/called.yml}"
    assert gates(tmp_path, {**CALLED, **github(TEST + call)}) == []
    assert gates(tmp_path, {**CALLED, **github(TEST + call.replace("needs: test, ", ""))}) == [GATE]
    assert gates(tmp_path, {**CALLED, **github(TEST + call.replace("needs", "if: always(), needs"))}) == [
        BYPASSED
    ]


def test_a_test_in_a_reusable_workflow_is_a_gate_of_who_waits_for_its_caller(tmp_path: Path) -> None:
    tests = workflow("tests", "workflow_call", TEST)
    call = "checks: {uses: ./.github/workflows/tests.yml}\n"
    deploy = DEPLOY.replace("needs: test", "needs: checks")
    assert gates(tmp_path, {**tests, **github(call + deploy)}) == []
    seen = look(tmp_path, workflow("tests", "workflow_call", TEST.replace("pytest", "pytest || true")))
    assert sentences(seen, TOLERATED)[0].startswith("deploy deploys although the test in checks / test fails")


def test_who_calls_a_workflow_from_elsewhere_is_not_known(tmp_path: Path) -> None:
    seen = look(tmp_path, CALLED)
    assert rules_of(seen) == ["pipeline-rollback"]
    (why,) = seen.unproven.values()
    assert sentence(why) == (
        "not verified: what deploy waits for is also written elsewhere: .github/workflows/called.yml"
    )
    assert GATE not in seen.looked


def test_what_a_workflow_of_others_does_is_not_known(tmp_path: Path) -> None:
    remote = "build: {uses: o/r/.github/workflows/x.yml@v1}\n"
    assert gates(tmp_path, github(remote + DEPLOY.replace("needs: test", "needs: build"))) == ["?"]
    assert gates(tmp_path, github("deploy: {uses: o/r/.github/workflows/x.yml@v1}\n")) == ["?"]
    named = remote.replace("build", "tests")
    assert gates(tmp_path, github(named + DEPLOY.replace("needs: test", "needs: tests"))) == []


def test_a_composite_action_of_the_repository_is_followed(tmp_path: Path) -> None:
    action = {
        ".github/actions/check/action.yml": "runs: {using: composite, steps: [{run: pytest, shell: bash}]}\n"
    }
    test = TEST.replace("run: pytest", "uses: ./.github/actions/check")
    assert gates(tmp_path, {**action, **github(test + DEPLOY)}) == []
    weak = {".github/actions/check/action.yml": "runs: {steps: [{run: pytest || true, shell: bash}]}\n"}
    assert gates(tmp_path, {**weak, **github(test + DEPLOY)}) == [TOLERATED]


def test_a_composite_action_that_deploys_whatever_failed_before_it_has_no_gate(tmp_path: Path) -> None:
    action = {"d/action.yml": "runs: {using: composite, steps: [{run: kubectl apply -f k, shell: bash}]}\n"}
    steps = "[{run: pytest}, {uses: ./d}]"
    job = f"go:\n  runs-on: x\n  environment: e\n  steps: {steps}\n"
    assert gates(tmp_path, {**action, **github(job)}) == []
    assert gates(tmp_path, {**action, **github(job.replace("./d", "./d, if: always()"))}) == [GATE]


@pytest.mark.parametrize("name", ["action", "gitlab-ci-mirror"])
def test_every_file_in_the_folder_of_workflows_is_a_workflow(name: str, tmp_path: Path) -> None:
    assert gates(tmp_path, workflow(name, "push", DEPLOY.replace("needs: test", ""))) == [GATE]


FOLLOWS = "{workflow_run: {workflows: [CI], types: [completed]}}"
AFTER = DEPLOY.replace("needs: test", "if: ${{ github.event.workflow_run.conclusion == 'success' }}")


def test_a_workflow_that_follows_another_is_gated_by_it_if_it_asks_for_success(tmp_path: Path) -> None:
    assert gates(tmp_path, {**github(TEST), **workflow("cd", FOLLOWS, AFTER)}) == []
    always = AFTER.replace("if:", "name:")
    assert gates(tmp_path, {**github(TEST), **workflow("cd", FOLLOWS, always)}) == [BYPASSED]
    either = AFTER.replace("== 'success'", "== 'success' || github.event_name == 'workflow_dispatch'")
    assert gates(tmp_path, {**github(TEST), **workflow("cd", FOLLOWS, either)}) == [BYPASSED]
    tolerated = github(TEST.replace("pytest", "pytest || true"))
    assert gates(tmp_path, {**tolerated, **workflow("cd", FOLLOWS, AFTER)}) == [TOLERATED]


def test_each_workflow_that_is_followed_must_have_a_gate(tmp_path: Path) -> None:
    both = FOLLOWS.replace("[CI]", "[CI, docs]")
    docs = workflow("docs", "push", "docs: {runs-on: x, steps: [{run: make docs}]}")
    assert gates(tmp_path, {**github(TEST), **docs, **workflow("cd", both, AFTER)}) == [GATE]


def test_a_workflow_may_follow_one_that_follows_the_tests(tmp_path: Path) -> None:
    build = "build: {runs-on: x, if: github.event.workflow_run.conclusion == 'success', steps: [{run: make}]}"
    between = workflow("between", FOLLOWS, build)
    after = workflow("cd", FOLLOWS.replace("CI", "between"), AFTER)
    assert gates(tmp_path, {**github(TEST), **between, **after}) == []
    loose = workflow("between", FOLLOWS, build.replace("if:", "name:"))
    assert gates(tmp_path, {**github(TEST), **loose, **after}) == [GATE]


def test_workflows_that_follow_each_other_end(tmp_path: Path) -> None:
    one = workflow("one", FOLLOWS.replace("CI", "two"), AFTER)
    two = workflow("two", FOLLOWS.replace("CI", "one"), AFTER)
    assert gates(tmp_path, {**one, **two}) == ["?", "?"]


def test_a_workflow_that_follows_what_is_not_there_is_not_proven(tmp_path: Path) -> None:
    assert gates(tmp_path, workflow("cd", FOLLOWS, AFTER)) == ["?"]


# GitLab CI.


@pytest.mark.parametrize(
    ("text", "tripped"),
    [
        ("test: {script: pytest}\ndeploy: {stage: deploy, ENV}", []),
        ("test: {script: pytest, stage: build}\ndeploy: {stage: build, ENV}", [GATE]),
        ("test: {script: pytest}\ndeploy: {stage: deploy, needs: [], ENV}", [GATE]),
        (
            "b: {stage: build, script: x}\ntest: {script: pytest}\ndeploy: {stage: deploy, needs: [b], ENV}",
            [GATE],
        ),
        ("test: {script: pytest}\ndeploy: {stage: deploy, needs: [{job: test}], ENV}", []),
        ("test: {script: pytest, allow_failure: true}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
        (
            "test: {script: pytest, allow_failure: {exit_codes: [1]}}\ndeploy: {stage: deploy, ENV}",
            [TOLERATED],
        ),
        ("test: {script: pytest, allow_failure: {exit_codes: 137}}\ndeploy: {stage: deploy, ENV}", []),
        ("test: {script: pytest, when: manual}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
        ("test: {script: pytest, when: manual, allow_failure: false}\ndeploy: {stage: deploy, ENV}", []),
        ("test: {script: pytest, when: never}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
        ("test: {script: pytest, rules: [{when: never}]}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
        (
            "test: {script: pytest, rules: [{if: $A, allow_failure: true}]}\ndeploy: {stage: deploy, ENV}",
            [TOLERATED],
        ),
        ("test: {script: pytest, rules: [{if: $A, when: manual}]}\ndeploy: {stage: deploy, ENV}", ["?"]),
        ("test: {script: pytest, rules: [{if: $A}]}\ndeploy: {stage: deploy, needs: [test], ENV}", []),
        ("test: {script: pytest, rules: [{if: $A}]}\ndeploy: {stage: deploy, rules: [{if: $A}], ENV}", []),
        ("test: {script: pytest, rules: [{if: $A}]}\ndeploy: {stage: deploy, rules: [{if: $C}], ENV}", ["?"]),
        ("test: {script: pytest, rules: [{if: $A}, {when: on_success}]}\ndeploy: {stage: deploy, ENV}", []),
        ("test: {script: pytest, only: [merge_requests]}\ndeploy: {stage: deploy, only: [main], ENV}", ["?"]),
        ("test: {script: pytest, only: [main, tags]}\ndeploy: {stage: deploy, only: [main], ENV}", []),
        ("test: {script: pytest, except: [main]}\ndeploy: {stage: deploy, ENV}", ["?"]),
        ("test: {script: pytest}\ndeploy: {stage: deploy, when: always, ENV}", [BYPASSED]),
        ("test: {script: pytest}\ndeploy: {stage: deploy, when: manual, ENV}", []),
        ("test: {script: pytest}\ndeploy: {stage: deploy, rules: [{if: $A, when: always}], ENV}", [BYPASSED]),
        (
            "test: {script: pytest}\nb: {when: always, script: x}\ndeploy: {stage: deploy, needs: [b], ENV}",
            [GATE],
        ),
        ("test: {script: [pytest || true]}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
        ("test: {script: [set +e, pytest, echo done]}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
        ("test: {script: 'pytest | tee log'}\ndeploy: {stage: deploy, ENV}", []),
        (".t: {script: pytest}\na: {extends: .t}\ndeploy: {stage: deploy, ENV}", []),
        (".t: {script: pytest}\na: {script: [!reference [.t, script]]}\ndeploy: {stage: deploy, ENV}", []),
        ("default: {before_script: [pytest]}\ndeploy: {ENV}", []),
        ("deploy: {environment: e, script: [pytest, deploy.sh]}", []),
        ("deploy: {environment: e, script: [pytest && deploy.sh]}", []),
        ("deploy: {environment: e, script: [deploy.sh, pytest]}", [GATE]),
        ("deploy: {environment: e, script: [pytest || true, deploy.sh]}", [TOLERATED]),
        ("go: {environment: e, script: [pytest], after_script: [kubectl apply -f k]}", [GATE]),
        (
            "default: {after_script: [kubectl apply -f k]}\ngo: {environment: e, script: [pytest]}",
            [GATE],
        ),
        ("unit: {stage: test, script: [echo 1, sleep 1]}\ndeploy: {stage: deploy, ENV}", [TOLERATED]),
    ],
)
def test_the_gate_of_a_deploy_on_gitlab(text: str, tripped: list[str], tmp_path: Path) -> None:
    assert gates(tmp_path, gitlab(text.replace("ENV", ENVIRONMENT))) == tripped


def test_the_first_document_counts_and_what_follows_a_header(tmp_path: Path) -> None:
    bad, good = "deploy: {stage: deploy, ENV}\n", "test: {script: pytest}\ndeploy: {stage: deploy, ENV}\n"
    for text, tripped in ((f"{bad}---\n{good}", [GATE]), (f"spec: {{inputs: {{}}}}\n---\n{good}", [])):
        assert gates(tmp_path, gitlab(text.replace("ENV", ENVIRONMENT))) == tripped
    many = github(GATED)[".github/workflows/ci.yml"]
    assert "pipeline-shape" in rules_of(look(tmp_path, {".github/workflows/ci.yml": f"{many}---\n{many}"}))


def test_what_is_included_from_elsewhere_may_hold_the_gate(tmp_path: Path) -> None:
    text = f"include: [{{project: a/b, file: x.yml}}]\ndeploy: {{stage: deploy, {ENVIRONMENT}}}"
    seen = look(tmp_path, gitlab(text))
    assert GATE not in rules_of(seen)
    assert list(seen.unproven) == ["pipeline-gate/.gitlab-ci.yml#deploy"]
    assert ".gitlab-ci.yml takes project: a/b, file: x.yml from elsewhere, which was not resolved" in map(
        sentence, seen.notes
    )


def test_a_local_include_is_taken_in_and_what_includes_it_counts_more(tmp_path: Path) -> None:
    files = {
        "ci/base.yml": "test: {script: pytest || true}\n",
        **gitlab(f"include: ci/*.yml\ntest: {{script: pytest}}\ndeploy: {{stage: deploy, {ENVIRONMENT}}}"),
    }
    seen = look(tmp_path, files)
    assert (seen.objects, seen.unproven) == (2, {})
    assert rules_of(seen) == ["pipeline-rollback"]


def test_a_rollback_of_gitlab_is_no_way_back_for_github(tmp_path: Path) -> None:
    deploy = f"test: {{script: pytest}}\ndeploy: {{stage: deploy, {ENVIRONMENT}}}\n"
    jobs = f"{deploy}rollback: {{script: helm rollback web}}"
    seen = look(tmp_path, {**github(TEST + DEPLOY), **gitlab(jobs)})
    assert [(one.rule, one.file) for one in seen.findings] == [
        ("pipeline-rollback", ".github/workflows/ci.yml")
    ]


# What jobs are for.


def notes(root: Path, files: Files, **params: Any) -> list[str]:
    return [sentence(note) for note in look(root, files, **params).notes]


def test_the_report_says_how_each_job_is_known(tmp_path: Path) -> None:
    ship = "ship-it: {runs-on: x, needs: test, environment: live, steps: [{run: make ship}]}\n"
    apply = "apply: {runs-on: x, needs: test, steps: [{run: terraform apply}]}\n"
    deploys, tests, back = notes(tmp_path, github(TEST + ship + apply + BACK))[:3]
    ci = ".github/workflows/ci.yml"
    known = f"{ci}#ship-it (name), {ci}#apply (command: terraform apply)"
    assert deploys == f"2 jobs taken for one that deploys: {known}"
    assert tests == f"1 job taken for one that tests: {ci}#test (name)"
    assert back == f"1 job taken for one that rolls back: {ci}#rollback (name)"


def test_the_plan_says_it_where_names_do_not_tell(tmp_path: Path) -> None:
    jobs = "go-live: {runs-on: x, needs: q, environment: e, steps: [{run: ./go}]}\n"
    jobs += "q: {runs-on: x, steps: [{run: ./q}]}\n"
    assert "no job that deploys was found" in " ".join(
        notes(tmp_path, github(jobs.replace("environment: e, ", "")))
    )
    assert gates(tmp_path, github(jobs), deploys="go-live") == [GATE]
    assert gates(tmp_path, github(jobs), deploys="go-live", tests="q") == []
    assert notes(tmp_path, github(jobs), deploys="go-*", tests="q")[:2] == [
        "1 job taken for one that deploys: .github/workflows/ci.yml#go-live (plan)",
        "1 job taken for one that tests: .github/workflows/ci.yml#q (plan)",
    ]


@pytest.mark.parametrize(
    "name", ["check-deploy", "deploy-preview", "undeploy", "deployment-test", "stop-deploy"]
)
def test_not_every_name_with_deploy_in_it_deploys(name: str, tmp_path: Path) -> None:
    seen = look(tmp_path, github(f"{name}: {{runs-on: x, environment: e, steps: [{{run: make}}]}}"))
    assert "no job that deploys" in " ".join(map(sentence, seen.notes))


@pytest.mark.parametrize(
    "action", ["actions/deploy-pages@v4", "azure/k8s-deploy@v5", "Google-GitHub-Actions/deploy-cloudrun@v2"]
)
def test_actions_that_deploy_tell(action: str, tmp_path: Path) -> None:
    steps = f"steps: [{{run: make}}, {{uses: {action}}}]"
    seen = look(tmp_path, github(f"site: {{runs-on: x, {steps}}}"))
    assert f"(command: {action})" in " ".join(map(sentence, seen.notes))
    assert GATE in rules_of(seen)


def test_what_goes_to_a_cluster_of_the_job_is_no_deploy(tmp_path: Path) -> None:
    steps = "steps: [{run: kind create cluster}, {run: kubectl apply -f k8s}]"
    assert rules_of(look(tmp_path, github(f"e2e: {{runs-on: x, {steps}}}"))) == []


def test_one_finding_a_file_says_that_there_is_no_way_back(tmp_path: Path) -> None:
    second = DEPLOY.replace("deploy:", "deploy-again:")
    assert rules_of(look(tmp_path, github(TEST + DEPLOY + second))) == ["pipeline-rollback"]


def test_a_job_that_rolls_back_is_not_asked_for_a_gate(tmp_path: Path) -> None:
    back = BACK.replace("needs: test", "environment: live").replace("if: failure()", "timeout-minutes: 5")
    assert rules_of(look(tmp_path, github(TEST + DEPLOY + back))) == []
