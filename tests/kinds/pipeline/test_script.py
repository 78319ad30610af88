"""Commands in scripts, and whether the failure of a test in them fails the job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.kinds.pipeline.model import Shell
from phasegate.kinds.pipeline.script import Role, can_fail, excuse_of, find_commands

STRICT = Shell()
PIPEFAIL = Shell(pipefail=True)
LAX = Shell(strict=False)


@pytest.mark.parametrize(
    "line",
    [
        "pytest -q",
        "python3 -m pytest",
        "CI=1 npm test",
        "cd web && npm run test:unit",
        "poetry run pytest",
        "./mvnw -B verify",
        "./gradlew clean check",
        "make -C api test",
        "make unit-tests",
        "go test ./...",
        "docker compose run --rm web pytest",
        'sh -c "go test ./..."',
        "sudo -E phasegate run plan.yaml",
        "/opt/bin/phasegate run plan.yaml",
        "if ! pytest; then exit 1; fi",
        "for x in a b; do\n  (cd $x; cargo test)\ndone",
        "uv run --locked \\\n  tox run",
        "pytest --cov=shop",
        "mvn verify -DskipTests=false",
    ],
)
def test_commands_that_test(line: str) -> None:
    assert find_commands(line, Role.TESTS)


@pytest.mark.parametrize(
    "line",
    [
        "pip install pytest",
        "echo pytest",
        'echo "now; npm test"',
        "# npm test",
        "make latest",
        "npm install",
        "cat pytest.ini",
        "pytest --help",
        "phasegate validate plan.yaml",
        "git commit -m pytest",
        "mvn -B package -DskipTests",
        "./mvnw verify -Dmaven.test.skip=true",
        "./gradlew build -x test",
        "cargo test --no-run",
        "pytest --co",
        "ctest -N",
        "make -n test",
        "command -v pytest",
        "which pytest",
        "pytest -h",
        "cat <<EOF\npytest\nEOF",
    ],
)
def test_commands_that_do_not_test(line: str) -> None:
    assert not find_commands(line, Role.TESTS)


@pytest.mark.parametrize(
    "line",
    [
        "kubectl apply -f k8s",
        "kubectl -n web set image deployment/web web=web:1",
        "helm -n web upgrade --install web ./chart",
        "cat <<EOF | kubectl apply -f -",
        "ssh host 'docker stack deploy -c stack.yml web'",
        "terraform -chdir=infra apply -auto-approve",
        "./scripts/deploy.sh production",
        "flyctl deploy --remote-only",
        "helm upgrade --install web ./chart --version 1.2.3",
        "kubectl apply --dry-run=none -f k8s",
        "rsync -avz dist/ user@host:/var/www",
        "rsync -a dist/ $HOST:/var/www --delete",
        "scp -r dist user@host:/var/www",
        "ssh user@host 'systemctl restart web'",
        "ssh host <<EOF\ndocker compose up -d\nEOF",
        "sshpass -e ssh host ./start.sh",
        "aws s3 sync dist s3://shop",
        "aws --profile p ecs update-service --cluster c",
        "gcloud --project p run deploy web",
        "az webapp deploy --name web",
        "npx netlify-cli deploy --prod",
        "vercel --token x --prod",
        "serverless deploy",
        "ansible-playbook site.yml",
        "docker push shop/web:latest",
        "docker push shop/web",
        "docker -H ssh://host compose up -d",
        "kamal deploy",
        "git push dokku main",
        "make prod-deploy",
        "npm run deploy:prod",
        "./bin/deploy production",
        "python scripts/deploy.py",
    ],
)
def test_commands_that_deploy(line: str) -> None:
    assert find_commands(line, Role.DEPLOYS)


@pytest.mark.parametrize(
    "line",
    [
        "kubectl get pods",
        "helm lint",
        "terraform plan",
        "kubectl apply --dry-run=client -f x",
        "echo kubectl apply",
        "rsync -a src/ dst/",
        "scp host:/var/log/web.log .",
        "aws s3 sync s3://shop dist",
        "aws s3 sync coverage s3://reports/coverage",
        "ssh -T git@github.com",
        "ssh host uptime",
        "docker push localhost:5000/web:latest",
        "docker push $IMAGE",
        "docker compose up -d",
        "helm plugin install diff",
        "cd deploy",
        "ruff check deploy",
        "make deploy-check",
        "cat <<EOF\nkubectl apply -f x\nEOF",
    ],
)
def test_commands_that_do_not_deploy(line: str) -> None:
    assert not find_commands(line, Role.DEPLOYS)


def test_commands_that_roll_back() -> None:
    assert find_commands("kubectl -n web rollout undo deployment/web", Role.ROLLS_BACK)
    assert find_commands("helm upgrade web ./chart --atomic", Role.ROLLS_BACK)
    assert not find_commands("helm history web", Role.ROLLS_BACK)


@pytest.mark.parametrize(
    ("script", "shell"),
    [
        ("pytest", STRICT),
        ("pytest\necho done", STRICT),
        ("npm ci\nnpm test && echo fine", STRICT),
        ("pytest || exit 1", STRICT),
        ("pytest || { echo failed; exit 1; }", LAX),
        ("pytest || (echo failed; exit 3)", STRICT),
        ("pytest || pytest --last-failed", STRICT),
        ("pytest | tee log", PIPEFAIL),
        ("set -o pipefail\npytest | tee log", STRICT),
        ("set -e\npytest\necho done", LAX),
        ("if ! pytest; then\n  echo failed\n  exit 1\nfi", STRICT),
        ("if pytest; then echo fine; else exit 1; fi", LAX),
        ("set +e\npytest\ncode=$?\nset -e\nexit $code", STRICT),
        ("for d in a b; do\n  pushd $d\n  go test\n  popd\ndone", STRICT),
        ("pytest || true\nnpm test", STRICT),
        ("bash -c 'pytest'", STRICT),
        ("(cd web && npm test)", STRICT),
        ("docker run web <<< x | pytest", STRICT),
        ("echo nothing here", STRICT),
        ("all=(a b)\npytest", STRICT),
        ("all=(a b)\npytest | tee log", PIPEFAIL),
        ("trap 'rm -rf x' EXIT\npytest", STRICT),
        ("trap 'echo failed; exit 1' ERR\npytest", STRICT),
        ("pytest & pid=$!; wait $pid", STRICT),
        ("pytest 2>&1 | tee log; exit ${PIPESTATUS[0]}", STRICT),
        ("t() { pytest; }\nt", STRICT),
        ("out=$(pytest)", STRICT),
        ("for i in 1 2 3; do pytest && break; done", STRICT),
        ("make -k test", STRICT),
        ("pytest || { cat log; exit 1; }", STRICT),
        ("until pytest; do n=$((n+1)); [ $n -gt 3 ] && exit 1; done", STRICT),
        ("all=(a b)\nset +e\npytest\nexit $?", STRICT),
        ("all=(a b)\nset +e\nmake\nset -e\npytest", STRICT),
    ],
)
def test_a_test_that_can_fail_has_no_excuse(script: str, shell: Shell) -> None:
    assert excuse_of(script, shell) == ""


@pytest.mark.parametrize(
    ("script", "shell", "excuse"),
    [
        ("npm ci\npytest || true", STRICT, "pytest || true"),
        ("pytest || :", STRICT, "pytest || :"),
        ("pytest || echo 'some failed'", STRICT, "pytest || echo 'some failed'"),
        ("pytest || exit 0", STRICT, "pytest || exit 0"),
        ("pytest; true", LAX, "pytest; true"),
        ("set +e\npytest\necho done", STRICT, "pytest"),
        ("trap 'exit 0' EXIT\npytest", STRICT, "pytest"),
        ('trap "exit 0" ERR\npytest', STRICT, "pytest"),
        ("end() { exit 0; }\ntrap end EXIT\npytest", STRICT, "pytest"),
        ("npm test --if-present", STRICT, "npm test --if-present"),
        ("npx jest --passWithNoTests", STRICT, "npx jest --passWithNoTests"),
        ("make -i test", STRICT, "make -i test"),
        ("make --ignore-errors test", STRICT, "make --ignore-errors test"),
        ("mvn -B verify -fn", STRICT, "mvn -B verify -fn"),
        ("mvn test -Dmaven.test.failure.ignore=true", STRICT, "mvn test -Dmaven.test.failure.ignore=true"),
        ("bash -c 'pytest || true'", STRICT, "bash -c 'pytest || true'"),
        ("pytest || cat log", STRICT, "pytest || cat log"),
        ("pytest || return 0", STRICT, "pytest || return 0"),
        ("pytest || npm test || true", STRICT, "pytest || npm test || true"),
        ("until pytest; do break; done", STRICT, "until pytest; do break; done"),
        ("echo $(pytest)", STRICT, "echo $(pytest)"),
        ("export X=$(pytest)", STRICT, "export X=$(pytest)"),
        ("t() { pytest; }", STRICT, "t() { pytest; }"),
        ("t() { pytest; }\nt || true", STRICT, "t() { pytest; }"),
        ("exit 0\npytest", STRICT, "pytest"),
        ("false && pytest", STRICT, "false && pytest"),
        ("if false; then pytest; fi", STRICT, "if false; then pytest; fi"),
        ("pytest & wait", STRICT, "pytest & wait"),
        ("pytest; exit 0", Shell(posix=False), "pytest; exit 0"),
        ("pytest || exit /b 0", Shell(posix=False), "pytest || exit /b 0"),
        ("pytest\necho done", LAX, "pytest"),
        ("pytest && echo fine\necho done", STRICT, "pytest && echo fine"),
        ("pytest | tee log", STRICT, "pytest | tee log"),
        ("pytest &\nwait", STRICT, "pytest &"),
        ("! pytest", STRICT, "! pytest"),
        ("{ pytest; } || true", STRICT, "{ pytest; } || true"),
        ("(cd web; npm test) || true", STRICT, "(cd web; npm test) || true"),
        ("if pytest; then echo fine; fi", STRICT, "if pytest; then echo fine; fi"),
        ("if ! pytest; then echo failed; fi", STRICT, "if ! pytest; then echo failed; fi"),
        ("while ! pytest; do sleep 1; done\necho done", LAX, "while ! pytest; do sleep 1; done"),
        ("select x in a; do :; done\npytest || true", STRICT, "pytest || true"),
        ("all=(a b)\nset +e\npytest\necho done", STRICT, "pytest"),
        ("all=(a b)\npytest | tee log", STRICT, "pytest | tee log"),
    ],
)
def test_a_test_that_cannot_fail_is_shown_as_written(script: str, shell: Shell, excuse: str) -> None:
    assert excuse_of(script, shell) == excuse


def test_a_script_of_nothing_but_words_cannot_fail() -> None:
    assert not can_fail("echo testing\nsleep 60\necho done", STRICT)
    assert can_fail("./run everything", STRICT)
    assert can_fail("Invoke-Pester", Shell(posix=False))
    assert not can_fail("  ", Shell(posix=False))


PIECES = [
    "pytest",
    "npm test",
    "||",
    "&&",
    ";",
    "\n",
    "true",
    "(",
    ")",
    "{",
    "}",
    "if",
    "then",
    "fi",
    "!",
    "|",
    "'",
    '"',
    "$(",
    "`",
    "echo",
    "set +e",
    "exit 1",
    "a/b/c",
    "X=1",
    "-x",
    "<<EOF",
    "\\",
    "for x in y; do",
    "done",
    "ssh",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.booleans(), st.booleans())
def test_no_script_is_too_odd(pieces: list[str], strict: bool, pipefail: bool) -> None:
    script = " ".join(pieces)
    shell = Shell(strict=strict, pipefail=pipefail)
    assert isinstance(excuse_of(script, shell), str)
    assert isinstance(can_fail(script, shell), bool)
    for role in Role:
        assert all(0 <= one.start <= len(script) for one in find_commands(script, role))


@pytest.mark.parametrize(
    "text", ["a/" * 400 + "x", "timeout 1 " * 100, "X=1 " * 300 + "y", "helm " + "a " * 450, "-x " * 300]
)
def test_long_commands_are_read_in_time_that_grows_with_them(text: str) -> None:
    assert not find_commands(text, Role.TESTS)
    assert not find_commands(text, Role.DEPLOYS)
