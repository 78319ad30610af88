"""Healthchecks that cannot fail, and those that look alike but can."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.kinds.healthchecks.shell.status import read_line
from phasegate.model.containers import Healthcheck
from phasegate.render.sentences import sentence
from phasegate.targets.processes.members import MARK, find_marked, kill_marked
from tests.examples import examples

CANNOT_FAIL = [
    "",
    "# curl -f http://localhost/",
    "exit 0",
    "  exit   0  ",
    "exit 0 # later: curl -f http://localhost/health",
    "true",
    "/bin/true",
    "/usr/bin/true",
    "busybox true",
    "/bin/busybox true",
    ":",
    "echo ok",
    "echo",
    "echo $(curl -f http://localhost/)",
    "echo `curl -f http://localhost/`",
    'echo "$(curl -f http://localhost/)" "$HOME"',
    "printf ok",
    "printf 'up: %s\\n' \"$(uptime)\"",
    "X=1 true",
    "true > /dev/null 2>&1",
    "command true",
    "exec true",
    "curl -f http://localhost/ || true",
    "curl -f http://localhost/||true",
    "curl -f http://localhost/ || exit 0",
    "curl -f http://localhost/ || :",
    "curl -f http://localhost/ || echo down",
    "curl -f http://localhost/ || /bin/true",
    "curl -f http://localhost/ 2>/dev/null || true",
    "curl -f http://localhost/ || \\\n true",
    "curl -f http://localhost/ ||\n  true",
    "curl -f 'http://localhost/?a=1&b=2' || true",
    'curl -f "http://localhost:${PORT}/" || true',
    "pg_isready -U postgres; exit 0",
    "pg_isready -U postgres; true",
    "pg_isready -U postgres\nexit 0",
    "pg_isready; exit 0; curl -f http://localhost/",
    "curl -f http://localhost/ && exit 0; exit 0",
    "curl -f http://localhost/ && true || true",
    "curl -f http://localhost/ || wget -q http://localhost/ || true",
    "curl -f http://localhost/ | cat",
    "curl -f http://localhost/ | head -n 1",
    "curl -f http://localhost/ | tee /dev/null",
    "curl -f http://localhost/ | cat || exit 1",
    "(curl -f http://localhost/ || exit 1); true",
    "(curl -f http://localhost/; exit 0)",
    "{ curl -f http://localhost/ || true; }",
    "curl -f http://localhost/ &",
    "! false",
    "false || true",
    "exit 0 || curl -f http://localhost/",
    "true || exit 1",
    "sh -c 'exit 0'",
    "/bin/sh -c 'curl -f http://localhost/ || true'",
    "sh -c 'exit 1' || true",
    "bash -c \"sh -c 'curl -f http://localhost/; exit 0'\"",
    "if curl -f http://localhost/; then echo up; fi",
    "if curl -f http://localhost/; then exit 0; else exit 0; fi",
    "if curl -f http://localhost/; then exit 0; elif wget -q http://x/; then true; else echo down; fi",
    "X=1; echo $X",
    "exit",
    "exit $?",
    "cat <<EOF\nok\nEOF",
    "cat <<-'END' | head -n 1\n\t$(curl -f http://localhost/)\n\tEND",
    "[ 1 = 1 ]",
    "[ 1 -eq 1 ]",
    "test -n x",
    "test x",
    "! test -z x",
    "test 1 -lt 2 -a 2 -gt 1",
    "[[ a == a ]]",
    "[[ a == a && 1 -lt 2 ]]",
    "((1))",
    "(( 2 > 1 ))",
    "let 1",
    "expr 1",
    "expr 1 + 1",
    ": $((0))",
    "exit $((0))",
    "exit $((1 - 1))",
    "curl -f http://localhost/ || exit $((0))",
    "curl -f http://localhost/ || return 0",
    "sleep 1",
    "sleep 0.1; exit 0",
    "curl -f http://localhost/ & wait",
    "curl -f http://localhost/ & sleep 1",
    "curl -f http://localhost/ & wait $! || true",
    "trap 'exit 0' EXIT; curl -f http://localhost/",
    "(trap 'exit 0' EXIT; curl -f http://localhost/)",
    "trap true TERM; exit 0",
    "eval 'curl -f http://localhost/ || true'",
    "eval exit 0",
    "check() { curl -f http://localhost/; return 0; }; check",
    "check() { curl -f http://localhost/ || return 0; }; check || true",
    "check() ( curl -f http://localhost/; exit 0 ); check",
    "check() { local found; found=$(curl -f http://localhost/); return 0; }; check",
    "rc=0; curl -f http://localhost/; exit $rc",
    "curl -f http://localhost/; rc=$?; echo $rc; exit 0",
    "curl -f http://localhost/; echo $?",
    "ok=1; curl -f http://localhost/ || ok=1; [ $ok = 1 ]",
    "X=$(curl -f http://localhost/ || true)",
    "export STATE=$(curl -f http://localhost/)",
    "case x in x) exit 0;; esac; curl -f http://localhost/",
    "case $(curl http://localhost/) in ok) exit 0;; *) exit 0;; esac",
    "case $STATE in up) ;; down) echo down;; esac",
    "for i in 1 2 3; do curl -f http://localhost/ && break; done; exit 0",
    "for i in 1 2 3; do curl -f http://localhost/ || true; done",
    "while false; do curl -f http://localhost/; done",
    "while curl -f http://localhost/; do break; done",
    "while :; do curl -f http://localhost/; exit 0; done",
    "! exit 0",
    "timeout 5 true",
    "timeout 5 curl -f http://localhost/ || true",
    "kill -0 1 || true",
    "env X=1 true",
    "exec 2>/dev/null; curl -f http://localhost/; true",
    "set -x; curl -f http://localhost/; true",
    "set -e; true; exit 0",
    "sh -c 'curl -f http://localhost/ || return 0'",
    "sh -c \"sh -c 'curl -f http://localhost/; :'\"",
    "{ curl -f http://localhost/; } 2>/dev/null; true",
    "if [ 1 = 2 ]; then curl -f http://localhost/; fi",
    "if curl -f http://localhost/; then X=0; else X=0; fi; exit $X",
]
CAN_FAIL = [
    "[ 1 = 2 ]",
    "[ a == b ]",
    "test -f /ready",
    '[ -n "$READY" ]',
    "[ $(curl http://localhost/) = ok ]",
    "[ 1 = 1 ] && curl -f http://localhost/",
    "[ 1 = 2 ] || curl -f http://localhost/",
    "[[ a == a ]] && exit 0; curl -f http://localhost/",
    "curl -f http://localhost/ || [[ a == a ]]",
    "[[ $(curl http://localhost/) == ok ]]",
    "((1)) || curl -f http://localhost/",
    "((0))",
    "(( $(curl http://localhost/) > 1 ))",
    "expr 0",
    "expr $(curl http://localhost/) : ok",
    ": ${READY:?}",
    ": $((READY))",
    "curl -f http://localhost/ || exit $((1))",
    "curl -f http://localhost/ || return 1",
    "sleep 1; curl -f http://localhost/",
    "sleep 1 && curl -f http://localhost/",
    "curl -f http://localhost/ & wait $!",
    "curl -f http://localhost/ & wait -n",
    "trap 'exit 0' EXIT; exec curl -f http://localhost/",
    "trap 'echo done' EXIT; curl -f http://localhost/",
    "trap 'exit 0' TERM; curl -f http://localhost/",
    "curl -f http://localhost/ || exit 1; trap 'exit 0' EXIT",
    "curl -f http://localhost/ && trap 'exit 0' EXIT; false",
    "eval 'curl -f http://localhost/'",
    "check() { curl -f http://localhost/; }; check",
    "check() { curl -f http://localhost/ || return 1; }; check",
    "curl -f http://localhost/ && true() { return 1; }; true",
    "rc=0; curl -f http://localhost/ || rc=1; exit $rc",
    "rc=1; curl -f http://localhost/ && rc=0; exit $rc",
    "curl -f http://localhost/; rc=$?; echo $rc; exit $rc",
    "curl -f http://localhost/; [ $? -eq 0 ]",
    "ok=0; curl -f http://localhost/ && ok=1; [ $ok = 1 ]",
    "ok=1; curl -f http://localhost/ | while read line; do ok=0; done; [ $ok = 1 ]",
    "case $(curl http://localhost/) in ok) exit 0;; *) exit 1;; esac",
    "case $STATE in up) true;; *) curl -f http://localhost/;; esac",
    "for i in 1 2 3; do curl -f http://localhost/ && exit 0; done; exit 1",
    "for i in 1 2 3; do curl -f http://localhost/ && break; done",
    "until curl -f http://localhost/; do sleep 1; done",
    "while :; do curl -f http://localhost/ && exit 0; done",
    "(until curl -f http://localhost/; do sleep 1; done); exit 0",
    "(until curl -f http://localhost/; do sleep 1; done) & wait",
    "while true; do continue; break; done",
    "curl -f http://localhost/ || kill 1; true",
    "curl -f http://localhost/ || kill -9 $$; exit 0",
    "curl -f http://localhost/ || sh -c 'kill -s 15 -1 && (sleep 10; kill -s 9 -1)'; true",
    "set -e; X=$(curl -f http://localhost/); exit 0",
    "set -u; echo $READY",
    "readonly X=1; X=2; exit 0",
    "exec 3</ready; true",
    "timeout 1 sleep 5",
    "IFS=0; rc=0; curl -f http://localhost/ || rc=1; exit $rc",
    "curl -f http://localhost/ <<EOF\nok\nEOF",
    "cat <<EOF\n${READY:?}\nEOF",
    "sh <<EOF\ncurl -f http://localhost/\nEOF",
    "if [ 1 = 1 ]; then curl -f http://localhost/; fi",
    "if curl -f http://localhost/; then X=0; else X=1; fi; exit $X",
    "curl -f http://localhost/health",
    "curl -f http://localhost/health || exit 1",
    "curl -f http://localhost/health || false",
    "curl -f http://localhost/health && true",
    "curl -f http://localhost/health && exit 0",
    "curl -f http://localhost/health && exit 0 || exit 1",
    "curl -f http://localhost/health || true && exit 1",
    "test -f /tmp/ready && true",
    "[ -f /tmp/ready ]",
    "true && curl -f http://localhost/health",
    "echo asking; curl -f http://localhost/health",
    "true; curl -f http://localhost/",
    "curl http://localhost/ | grep ok",
    "echo ok | grep -q down",
    "curl http://localhost/ | cat /etc/ready",
    "curl http://localhost/ | head 5",
    "curl http://localhost/ | sort -c",
    "curl http://localhost/ | tee /data/health",
    "curl -f http://localhost/ || (echo down; exit 1)",
    "curl -f http://localhost/ || { echo down; exit 1; }",
    "{ curl -f http://localhost/ || exit 1; }; true",
    "curl -f http://localhost/ '||' true",
    'curl -f "http://localhost/ || true"',
    "curl -f http://localhost/ \\|\\| true",
    "curl -f http://localhost/#|| true'",
    "curl -f http://localhost/ # || true",
    "echo 'exit 0' | sh",
    "exit 1",
    "exit $STATUS",
    "exit 0x0",
    "exit 256",
    "exit 00000000000000000001",
    "curl -f http://localhost/; exit $?",
    "false",
    "! true",
    "! curl -f http://localhost/broken",
    "! echo ok",
    "true | false",
    "set -e; curl -f http://localhost/; true",
    "set -o pipefail; curl -f http://localhost/ | cat",
    "trap 'exit 1' EXIT; true",
    ". /etc/health.sh; true",
    'eval "$CHECK"; true',
    "true() { curl -f http://localhost/; }; true",
    "function true { false; }; true",
    "echo ${READY:?not ready}",
    "echo $((1/0))",
    "((true))",
    "X=$(curl -f http://localhost/)",
    'X=$(curl -f http://localhost/); [ "$X" = ok ]',
    "$CHECK || true",
    "true > /run/health",
    "true < /run/health",
    "echo ok >&-",
    "PATH=/nowhere; curl -f x | cat",
    "echo ok >&3",
    "printf",
    "printf %d abc",
    'printf "$FORMAT"',
    "truee",
    "/opt/true",
    "./true",
    "sh true",
    "sh -c 'curl -f http://localhost/ || exit 1'",
    "sh -e -c 'curl -f http://localhost/; true'",
    "sh -ec 'curl -f http://localhost/; true'",
    'sh -c "$CHECK"',
    "exec curl -f http://localhost/ || true ; false",
    "if curl -f http://localhost/; then exit 0; else exit 1; fi",
    "if ! curl -f http://localhost/; then exit 1; fi",
    "while ! curl -f http://localhost/; do sleep 1; done",
    "for x in 1 2; do curl -f http://localhost/; done",
    "curl -f http://localhost/ ||",
    "|| true",
    "true )",
    "( true",
    "true & ; true",
    "true ;; true",
    "true 'open",
    "exit 0\r",
    "curl -f http://x/ &>/dev/null || exit 1",
    "curl -f http://x/ |& cat",
    "timeout 5 curl -f http://localhost/",
    "[[ -f /ready ]]",
    "if true; fi",
    "{ }",
    "()",
]


def words(check: Healthcheck | None) -> str:
    why = why_it_proves_nothing(check)
    return "" if why is None else sentence(why)


def shell(line: str) -> str:
    return words(Healthcheck(test=("CMD-SHELL", line)))


def program(*argv: str) -> str:
    return words(Healthcheck(test=("CMD", *argv)))


@pytest.mark.parametrize("line", CANNOT_FAIL)
def test_a_line_that_cannot_fail_is_found(line: str) -> None:
    assert "cannot fail" in shell(line)


@pytest.mark.parametrize("line", CAN_FAIL)
def test_a_line_that_can_fail_is_left_alone(line: str) -> None:
    assert shell(line) == ""


@pytest.mark.parametrize(
    "argv",
    [
        ("true",),
        ("/bin/true",),
        ("echo", "ok"),
        ("/bin/echo", "|| exit 1"),
        ("sh", "-c", "exit 0"),
        ("/bin/sh", "-c", "curl -f http://localhost/ || true"),
        ("/bin/busybox", "sh", "-c", "exit 0"),
        ("bash", "-c", "exit 0", "name", "argument"),
    ],
)
def test_a_program_that_cannot_fail_is_found(argv: tuple[str, ...]) -> None:
    assert "cannot fail" in program(*argv)


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("exit", "0"),
        ("exit 0",),
        (":",),
        ("curl", "-f", "http://localhost/", "||", "true"),
        ("curl", "-f", "http://localhost/"),
        ("false",),
        ("sh", "-c", "curl -f http://localhost/ || exit 1"),
        ("sh", "-c", "exit 1"),
        ("sh", "/health.sh"),
        ("sh", "-c"),
        ("sh",),
        ("cat", "/ready"),
    ],
)
def test_a_program_that_can_fail_is_left_alone(argv: tuple[str, ...]) -> None:
    assert program(*argv) == ""


def test_there_being_none_proves_nothing_either() -> None:
    assert words(None) == "no healthcheck"


def test_a_form_that_engines_do_not_know_is_never_asked() -> None:
    said = words(Healthcheck(test=("SHELL", "curl -f http://localhost/")))
    assert said == "a healthcheck of the unknown form 'SHELL', which no engine asks"


def test_the_reason_shows_the_check_and_what_it_hides() -> None:
    assert shell("curl -f http://localhost/ \\\n  || true") == (
        "a healthcheck that cannot fail, as it hides every failure of `curl -f http://localhost/`: "
        "`curl -f http://localhost/ \\ || true`"
    )
    assert program("sh", "-c", "exit 0") == "a healthcheck that cannot fail: `sh -c 'exit 0'`"


def test_a_long_check_is_cut() -> None:
    assert len(shell("curl -f http://localhost/" + "a" * 5000 + " || true")) < 400


def test_shells_in_shells_are_followed_to_an_end() -> None:
    line = "true"
    for _ in range(5):
        line = f"sh -c {shlex.quote(line)}"
    assert "cannot fail" in shell(line)
    assert shell("(" * 5000 + "true" + ")" * 5000) == ""
    assert shell("( " * 500 + "true" + " )" * 500) == ""
    assert shell("true;" * 100_000) == ""


STRICT = ("/bin/bash", "-eo", "pipefail", "-c")


@pytest.mark.parametrize(
    ("shell", "line", "sure"),
    [
        (("/bin/bash", "-c"), "curl -f x; true", True),
        (("/bin/bash", "-c"), "curl -f x | cat", True),
        (STRICT, "exit 0", True),
        (STRICT, "curl -f x || true", True),
        (STRICT, "curl -f x || exit 0", True),
        (STRICT, "true; echo ok", True),
        (STRICT, "curl -f x; true", False),
        (STRICT, "curl -f x | cat", False),
        (STRICT, "curl -f x | cat || true", True),
        (STRICT, "echo $READY", False),
        (("powershell", "-Command"), "exit 0", False),
        (("/bin/sh", "/health.sh"), "exit 0", False),
    ],
)
def test_the_shell_of_an_image_and_its_options_count(shell: tuple[str, ...], line: str, sure: bool) -> None:
    check = Healthcheck(test=("CMD-SHELL", line), shell=shell)
    assert bool(why_it_proves_nothing(check)) is sure


COMMANDS = [
    *("true", "false", ":", "exit 0", "exit 1", "exit 3", "exit", "echo x", "printf y", "(exit 2)"),
    *("test -f /nowhere", "X=1", "sh -c 'exit 4'", "! true", "! false", "grep -q z", "true >/dev/null"),
    *("true >/no/where", "probe", "probe &", "wait", "X=0", "rc=$?", "X=$(probe)", "X=$(probe || true)"),
    *("exit $X", "exit $rc", "exit $?", "exit $((0))", "exit $((2 > 1))", "[ 1 = 1 ]", "[ 1 -gt 2 ]"),
    *("[ a == a ]", "[[ a == a ]]", "[[ a != a || 1 -eq 1 ]]", "((1))", "(( 2 < 1 ))", "expr 1", "expr 0"),
    *('[ "$X" = 0 ]', "[ $rc -eq 0 ]", "test -n x", ": $((0))", "return 0", "return 1", "return", "break"),
    *("trap 'exit 0' EXIT", "trap 'exit 1' EXIT", "trap : EXIT", "eval exit 0", "eval 'probe || X=0'"),
    *("export X=0", "unset X", "set -e", "check", "sh -c 'probe || return 0'", "exec probe", "command probe"),
    *("timeout 5 probe", "cat <<EOF\nx\nEOF\n:", "cat", "date", "let 1", "probe | cat"),
]
"""`probe` is a program that fails, or ends well; so is `check`, unless a line makes a function of it."""
lines = st.recursive(
    st.sampled_from(COMMANDS),
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from([";", "&&", "||", "|", "\n"]), inner),
        inner.map("( {}\n)".format),
        inner.map("{{ {}\n}}".format),
        inner.map(lambda body: f"check() {{ {body.replace('check', 'probe')}\n}}"),
        inner.map("for i in 1 2; do {}\ndone".format),
        st.builds("while {}\ndo {}\nbreak; done".format, inner, inner),
        st.builds("if {}\nthen {}\nelse {}\nfi".format, inner, inner, inner),
        st.builds("case $X in 0) {}\n;; *) {}\n;; esac".format, inner, inner),
    ),
    max_leaves=6,
)
SHELLS = {
    "dash": ("/bin/dash",),
    "ash": ("/bin/busybox", "sh"),
    "bash": ("/bin/bash",),
}
"""Each under the name by which a healthcheck would have it."""


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Folders of a probe that fails, and of one that ends well; nothing of them is left running."""
    folders = []
    for code in (1, 0):
        folder = tmp_path_factory.mktemp("probe")
        for name in ("probe", "check"):
            program = folder / name
            program.write_text(f"#!/bin/sh\nexit {code}\n")
            program.chmod(0o755)
        folders.append(str(folder))
    yield folders[0], folders[1]
    left = [pid for folder in folders for pid in find_marked(folder)]
    for folder in folders:
        kill_marked(folder)
    assert not left


def ended_well(argv: tuple[str, ...], line: str, folder: str) -> bool:
    """Whether a shell ends well on a line."""
    with subprocess.Popen(
        [*argv, "-c", line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": f"{folder}:/usr/bin:/bin", MARK: folder},
        start_new_session=True,
    ) as started:
        try:
            return started.wait(60) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):  # what runs in the background is of its group
                os.killpg(started.pid, signal.SIGKILL)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("true | ! true; true")
@example("break ; false")
@given(lines)
def test_how_a_shell_ends_is_among_the_ends_foretold(probes: tuple[str, str], line: str) -> None:
    for name, argv in SHELLS.items():
        foretold = {end.ok for end in read_line(line, shell=name).ends}
        if len(foretold) == 1:
            event(f"{name} is foretold to end one way")
            assert {ended_well(argv, line, folder) for folder in probes} == foretold


FAKES = st.one_of(
    lines.map("{}; exit 0".format),
    lines.map("( {}\n) || true".format),
    lines.map("trap 'exit 0' EXIT; {}".format),
    lines.map("( {}\n) & wait".format),
    lines.map("if ( {}\n) then exit 0; else exit $((0)); fi".format),
    lines.map("check() {{ ( {}\n); return 0; }}; check".format),
    lines.map("case x in x) exit 0;; esac; {}".format),
    lines.map("eval 'exit 0'; {}".format),
    lines.map("[ 1 = 1 ] || {}".format),
    lines.map("probe | ( {}\n) | cat".format),
)
"""Lines that mostly cannot fail, whatever is within."""


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAKES)
def test_what_is_called_a_healthcheck_that_cannot_fail_ends_well_whatever_its_probe_says(
    probes: tuple[str, str], line: str
) -> None:
    for name, argv in SHELLS.items():
        check = Healthcheck(test=("CMD", name, "-c", line))
        if why_it_proves_nothing(check):
            event(f"{name}: called one that cannot fail")
            assert all(ended_well(argv, line, folder) for folder in probes), (name, line)


FORMS = st.sampled_from(
    [
        *("{}; exit $((0))", "{} || return 0", "trap 'exit 0' EXIT; {}", "{} & wait", "rc=0; {}; exit $rc"),
        *("check() {{ {}; return 0; }}; check", 'eval "{} || true"', "case x in *) {}; exit 0;; esac"),
        *("for i in 1 2; do {}; done; [ 1 = 1 ]", "if {}; then exit 0; else sleep 0; fi", "{}; test -n x"),
    ]
)
ASKED = st.sampled_from(["probe", "probe -f x", "probe | probe", "probe && probe", "! probe", "[ -f /x ]"])


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FORMS, ASKED, FORMS, st.booleans())
def test_what_hides_every_failure_is_found_alone_and_within_another(
    probes: tuple[str, str], form: str, asked: str, outer: str, within: bool
) -> None:
    line = form.format(asked)
    if within:
        line = outer.format(f"( {line}\n)") if "eval" not in outer else f"( {line}\n) || true"
    event(f"one within another: {within}")
    assert "cannot fail" in shell(line)
    for argv in (SHELLS["dash"], SHELLS["ash"]):
        assert all(ended_well(argv, line, folder) for folder in probes)


@pytest.mark.parametrize("line", [line for line in CAN_FAIL if "curl -f http://localhost/" in line])
def test_no_line_that_can_fail_ends_well_in_every_shell_whatever_is_there(
    probes: tuple[str, str], line: str
) -> None:
    asked = line.replace("curl -f http://localhost/", "probe")
    assert shell(asked) == ""


@given(st.text(alphabet="ec ho0x1;&|()!{}'\"\\$`#\n<>-", max_size=40))
def test_any_text_is_read_without_a_fault(line: str) -> None:
    shell(line)
    program(line, line)
