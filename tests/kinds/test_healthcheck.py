"""Healthchecks that cannot fail, and those that look alike but can."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phasegate.kinds.healthcheck import why_it_proves_nothing
from phasegate.kinds.shell_status import read_line
from phasegate.model.containers import Healthcheck

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
]
CAN_FAIL = [
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
    "exit",
    "exit $?",
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
    "cat <<EOF\nok\nEOF",
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


def shell(line: str) -> str:
    return why_it_proves_nothing(Healthcheck(test=("CMD-SHELL", line)))


def program(*argv: str) -> str:
    return why_it_proves_nothing(Healthcheck(test=("CMD", *argv)))


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
    assert why_it_proves_nothing(None) == "no healthcheck"


def test_a_form_that_engines_do_not_know_is_never_asked() -> None:
    said = why_it_proves_nothing(Healthcheck(test=("SHELL", "curl -f http://localhost/")))
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


COMMANDS = r"""
true; false; :; exit 0; exit 1; exit 3; echo x; printf y; (exit 2); { false\n}; cat; test -f /nowhere; X=1
exit; sh -c 'exit 4'; ( true ); ! true; ! false; grep -q z; date; true >/dev/null; true >/no/where
if false\nthen exit 5\nfi; if true\nthen false\nelse true\nfi
"""
words = st.sampled_from(
    [one.strip().replace("\\n", "\n") for row in COMMANDS.strip().splitlines() for one in row.split(";")]
)
lines = st.recursive(
    words,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from([";", "&&", "||", "|", "\n"]), inner),
        inner.map("( {} )".format),
        inner.map("{{ {}\n}}".format),
        st.builds("if {}\nthen {}\nelse {}\nfi".format, inner, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@example("true | ! true; true")
@given(lines)
def test_how_a_shell_ends_is_among_the_ends_foretold(line: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode == 0) in {end.ok for end in read_line(line).ends}


@given(st.text(alphabet="ec ho0x1;&|()!{}'\"\\$`#\n<>-", max_size=40))
def test_any_text_is_read_without_a_fault(line: str) -> None:
    shell(line)
    program(line, line)
