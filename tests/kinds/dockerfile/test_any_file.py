"""Any text is read to its end, and any tree survives every rule."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.yaml import COMPOSE, parse
from phasegate.kinds.dockerfile import compose_rules, dockerfile_rules
from phasegate.kinds.dockerfile.compose import Compose
from phasegate.kinds.dockerfile.reader import NAMES, read_dockerfile
from phasegate.kinds.dockerfile.stages import dockerfile_of
from phasegate.render.sentences import sentence

WORDS = st.sampled_from(["a", "--b=c", "$D", "'e f'", '"g"', "&&", "#h", "\\\\", "<x", "{y}", "é"])
LINES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
BETWEEN = st.sampled_from(["", "  ", "# why", "\t# why \\"])
GOES_ON = st.tuples(LINES, st.lists(BETWEEN, max_size=2), LINES.filter(lambda line: line[0] != "#")).map(
    lambda parts: "\n".join((f"{parts[0]} \\ ", *parts[1], parts[2]))
)
BODY = st.lists(st.sampled_from(["FROM x", "USER y \\", "# EOF", "", "EOF "]), max_size=3)
HEREDOC = st.builds(
    lambda before, mark, body: "\n".join((f"{before} {mark[0]}", *body, mark[1])),
    LINES.filter(lambda line: not {"'", '"'} & set(line)),
    st.sampled_from([("<<EOF", "EOF"), ("<<-EOF", "\t\tEOF"), ("<<'EOF'", "EOF"), ('3<<"EOF" && z', "EOF")]),
    BODY,
)
INSTRUCTIONS = st.one_of(
    st.tuples(st.sampled_from(sorted(NAMES - {"FROM", "ONBUILD"})), LINES | GOES_ON),
    st.tuples(st.sampled_from(["RUN", "COPY", "ADD", "run"]), HEREDOC),
)


@given(st.lists(st.tuples(st.lists(BETWEEN, max_size=2), INSTRUCTIONS), max_size=8))
def test_every_instruction_has_its_lines(parts: list[tuple[list[str], tuple[str, str]]]) -> None:
    lines, expected = ["FROM a"], [("FROM", 1, 1)]
    for between, (name, rest) in parts:
        lines += between
        first = len(lines) + 1
        lines += f"{name} {rest}".split("\n")
        expected.append((name.upper(), first, len(lines)))
    script = read_dockerfile("\n".join(lines))
    assert [(one.name, one.line, one.end) for one in script.instructions] == expected


@given(st.text(alphabet="FROMRUN \t\n\\#<`'\"[]=-$E", max_size=80) | st.text(max_size=80))
def test_any_text_is_read_to_its_end(text: str) -> None:
    script = read_dockerfile(text)
    for one, following in zip(script.instructions, script.instructions[1:], strict=False):
        assert one.line <= one.end < following.line
    read = {number for one in script.instructions for number in range(one.line, one.end + 1)}
    left = [
        line
        for number, line in enumerate(text.split("\n"), 1)
        if number not in read and line.strip() and not line.lstrip().startswith("#")
    ]
    assert [line for line in left if line.strip().strip("\\`")] == []
    findings = dockerfile_rules.rule.inspect(dockerfile_of(script), "Dockerfile").findings
    assert [sentence(one.message) for one in findings if not one.line] == []


KEYS = st.sampled_from(
    [
        *("build", "args", "image", "healthcheck", "test", "disable", "environment", "env_file", "path"),
        *("required", "volumes", "source", "ports", "target", "host_ip", "cap_add", "privileged"),
        *("network_mode", "command", "entrypoint", "deploy", "resources", "limits", "memory", "restart"),
        *("depends_on", "condition", "secrets", "configs", "file", "extends", "services", "web"),
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.sampled_from(
        ["", "host", "NONE", "CMD", "a:1", "$A", "${B:-c}", "A=b", "80:80", "exit 0", "service_healthy"]
    ),
    st.text(max_size=5),
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(["services", "secrets", "configs", "include"]), TREES, min_size=1) | TREES
)
def test_any_tree_survives_every_rule(tree: object) -> None:
    services = {"services": {"web": tree}} if isinstance(tree, dict) and "image" in tree else tree
    text = yaml.safe_dump(services, allow_unicode=True)
    compose = Compose(document=parse(text, "c.yaml", COMPOSE), folder=Path("/"))
    for finding in compose_rules.rule.inspect(compose, "c.yaml").findings:
        assert sentence(finding.message)
        assert finding.line


@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_any_service_survives_every_rule(tree: dict[str, object]) -> None:
    test_any_tree_survives_every_rule.hypothesis.inner_test({"services": {"web": tree}})  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\n" + "RUN x \\\n" * 50_000,
        "FROM a\nRUN " + "\\" * 200_000,
        "FROM a\nRUN " + "'" * 200_001,
        "FROM a\nENV " + "A=b " * 50_000,
        "FROM a\nRUN " + "apt-get update && " * 20_000,
        "FROM a AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\nUSER $U\n" for n in range(3_000)),
        "FROM a\nCMD " + "[" * 100_000,
        "FROM a\nRUN " + "<<A " * 20_000,
        'FROM a\nENV A="' + '\\"' * 200_000,
        "FROM a\nRUN " + "--a=b " * 200_000,
        "# escape=" + " " * 500_000 + "x y\nFROM a",
        "FROM a\nRUN bash <<E " + "1" * 500_000 + "\nE",
        "FROM a\nRUN " + "rm apt " * 100_000,
        "FROM a\n" + "COPY --from=$A x y\n" * 20_000,
        "FROM a\n" + "RUN pip install x\n" * 5_000 + "ENV A=1\n" * 5_000,
    ],
    ids=[
        "lines",
        "backslashes",
        "quotes",
        "pairs",
        "commands",
        "stages",
        "brackets",
        "heredocs",
        "escapes",
        "flags",
        "directive",
        "digits",
        "words",
        "copies",
        "settings",
    ],
)
def test_large_files_are_read(text: str) -> None:
    file = dockerfile_of(read_dockerfile(text))
    assert dockerfile_rules.rule.inspect(file, "Dockerfile").findings
