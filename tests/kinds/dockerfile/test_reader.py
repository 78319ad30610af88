"""Dockerfiles are read as BuildKit reads them, each instruction with its lines."""

from __future__ import annotations

import pytest

from phasegate.kinds.dockerfile.reader import Instruction, read_dockerfile
from phasegate.render.sentences import sentence


def read(text: str) -> list[tuple[str, str, int, int]]:
    script = read_dockerfile(text)
    assert [sentence(one.message) for one in script.mistakes] == []
    return [(one.name, one.text, one.line, one.end) for one in script.instructions]


def only(text: str) -> Instruction:
    (one,) = read_dockerfile(f"FROM a\n{text}").instructions[1:]
    return one


def mistakes(text: str) -> list[tuple[int, str]]:
    return [(one.line, sentence(one.message)) for one in read_dockerfile(text).mistakes]


def test_lines_that_go_on_are_one_with_comments_and_empty_lines_left_out() -> None:
    text = "FROM a\nRUN one \\\n  # why\n\n  && two \\  \n# more\n   three\nUSER u"
    assert read(text) == [
        ("FROM", "a", 1, 1),
        ("RUN", "one   && two    three", 2, 7),
        ("USER", "u", 8, 8),
    ]


def test_an_escaped_backslash_ends_its_line_and_a_lone_one_goes_on() -> None:
    assert read("FROM a\nRUN echo \\\\\nUSER u\nRUN \\\nx\nRUN y \\") == [
        ("FROM", "a", 1, 1),
        ("RUN", "echo \\\\", 2, 2),
        ("USER", "u", 3, 3),
        ("RUN", "x", 4, 5),
        ("RUN", "y", 6, 6),
    ]


def test_the_escape_directive_changes_what_goes_on_and_counts_only_at_the_top() -> None:
    assert read("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nCOPY x `\n  c:\\\nUSER u") == [
        ("FROM", "a", 3, 3),
        ("COPY", "x   c:\\", 4, 5),
        ("USER", "u", 6, 6),
    ]
    assert read("# a comment\n# escape=`\nFROM a\nRUN x `\nRUN y") == [
        ("FROM", "a", 3, 3),
        ("RUN", "x `", 4, 4),
        ("RUN", "y", 5, 5),
    ]


def test_windows_line_ends_and_small_letters_change_nothing() -> None:
    assert read("from a\r\nrun x \\\r\n  y\r\n") == [("FROM", "a", 1, 1), ("RUN", "x   y", 2, 3)]


@pytest.mark.parametrize(
    ("line", "body", "heredocs"),
    [
        ("RUN <<EOF", "USER x\n# no comment\nEOF", ("USER x\n# no comment",)),
        ("RUN <<-EOF", "\tone\n\tEOF", ("\tone",)),
        ("RUN <<'E O'", "one\nE O", ("one",)),
        ('RUN python3 <<"EOF" && true', "print(1)\nEOF", ("print(1)",)),
        ("COPY <<a <<b /to/", "1\na\n2\nb", ("1", "2")),
        ("RUN 3<<EOF cat", "EOF", ("",)),
        ("ONBUILD RUN <<EOF", "x\nEOF", ()),
        ("RUN cat <<EOF | \\\n tee x", "one\nEOF", ("one",)),
    ],
)
def test_here_documents_end_where_they_end_and_the_next_line_is_the_next_instruction(
    line: str, body: str, heredocs: tuple[str, ...]
) -> None:
    text = f"FROM a\n{line}\n{body}\nUSER u"
    script = read_dockerfile(text)
    assert script.mistakes == ()
    first, second, third = script.instructions
    assert (second.line, second.end) == (2, third.line - 1)
    assert (third.name, third.line) == ("USER", text.count("\n") + 1)
    assert second.heredocs == heredocs
    assert first.end == 1


@pytest.mark.parametrize(
    "line",
    [
        "RUN x <<<EOF",
        "RUN echo $((1<<2))",
        'RUN ["cat", "<<EOF"]',
        "RUN echo '<<EOF'",
        "CMD cat <<EOF",
        "ENV a=<<EOF",
    ],
)
def test_what_only_looks_like_a_here_document_is_none(line: str) -> None:
    assert [name for name, *_ in read(f"FROM a\n{line}\nUSER u")] == ["FROM", line.split()[0], "USER"]


def test_flags_lists_and_triggers_are_told_apart() -> None:
    one = only('COPY --from=build --chown="a b" --link ["x y", "/to"]')
    assert one.flags == ("--from=build", "--chown=a b", "--link")
    assert (one.flag("from"), one.flag("link"), one.flag("chmod")) == ("build", "", None)
    assert one.words == ("x y", "/to")
    assert only("RUN --mount=type=cache,target=/a --mount=type=secret,id=b x").flags_of("mount") == [
        "type=cache,target=/a",
        "type=secret,id=b",
    ]
    trigger = only("ONBUILD RUN --network=none x").trigger
    assert trigger is not None
    assert (trigger.name, trigger.flags, trigger.text) == ("RUN", ("--network=none",), "x")
    assert only("CMD ['no', 'json']").words is None
    assert only('HEALTHCHECK --interval=5s CMD ["ask", "it"]').words == ("ask", "it")
    assert only('RUN cmd ["x"]').words is None


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ("ENV A=1 B=\"two words\" C='x' D=", [("A", "1"), ("B", "two words"), ("C", "x"), ("D", "")]),
        ("ENV A all of = this", [("A", "all of = this")]),
        ("ENV A=a\\ b", [("A", "a\\ b")]),
        ("ARG A B=1", [("A", None), ("B", "1")]),
    ],
)
def test_pairs_have_names_and_values(line: str, pairs: list[tuple[str, str | None]]) -> None:
    assert only(line).pairs == pairs


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("FROM a\nRUNN x", 2, "RUNN is no instruction"),
        ("FROM a\nRUN x\n  y z", 3, "Y is no instruction"),
        ("FROM a\nRUN <<EOF\nx", 2, "the here-document EOF has no end"),
        ("FROM a\nCMD [1]", 2, "the list of CMD holds something that is no text"),
        ("FROM a b", 1, "FROM has neither one argument nor IMAGE AS NAME"),
        ("FROM a AS 1b", 1, "FROM has neither one argument nor IMAGE AS NAME"),
        ("FROM a\nENV A", 2, "ENV has a name without a value"),
        ("FROM a\nENV A=1 B", 2, "ENV has a name without a value"),
        ("FROM a\nCOPY x", 2, "COPY has too few arguments"),
        ("FROM a\nUSER", 2, "USER has too few arguments"),
        ("FROM a\nSHELL sh -c", 2, "SHELL has no JSON list"),
        ("FROM a\nHEALTHCHECK ask", 2, "HEALTHCHECK has neither NONE nor CMD and a command"),
        ("FROM a\nHEALTHCHECK CMD", 2, "HEALTHCHECK has neither NONE nor CMD and a command"),
        ("FROM a\nONBUILD FROM b", 2, "ONBUILD cannot hold FROM back"),
        ("FROM a\nONBUILD RUNN x", 2, "RUNN is no instruction"),
        ("RUN x\nFROM a", 1, "RUN stands before the first FROM, where only ARG may"),
        ("ARG A=1", 1, "there is no FROM"),
        ("", 1, "there is no FROM"),
        ("# escape=x\nFROM a", 1, "escape=x is neither a backslash nor a backtick"),
        ("# escape=`\n# escape=`\nFROM a", 2, "the directive escape is written twice"),
    ],
)
def test_what_buildkit_refuses_is_a_mistake_with_its_line(text: str, line: int, message: str) -> None:
    assert mistakes(text) == [(line, message)]


def test_all_mistakes_come_at_once_in_order() -> None:
    assert [line for line, _ in mistakes("FROM a\nFOO\nUSER u\nBAR\nCOPY x")] == [2, 4, 5]


def test_stages_beyond_a_thousand_are_a_mistake_and_are_left_out() -> None:
    script = read_dockerfile("FROM a:1\n" * 1_002)
    assert len(script.instructions) == 1_000
    assert [(one.line, sentence(one.message)) for one in script.mistakes] == [
        (1_001, "there are more than 1,000 stages; the rest is not looked at")
    ]
