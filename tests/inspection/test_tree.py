"""Walking a tree of files: what matches, what is left out, what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.base.errors import ObservationError
from phasegate.base.yaml import Dialect, Document
from phasegate.inspection import tree
from phasegate.inspection.finding import Finding
from phasegate.inspection.tree import Text, read_texts, read_yaml, walk
from phasegate.render.sentences import sentence


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"name: {name}\n")


def test_globs_find_files_once_in_order_and_never_those_of_git(tmp_path: Path) -> None:
    make(tmp_path, "b.yaml", "a/x.yaml", "a/b/y.yaml", "a/z.txt", ".git/config.yaml")
    found = walk(tmp_path, ["**/*.yaml", "b.yaml"])
    assert found.names == ("a/b/y.yaml", "a/x.yaml", "b.yaml")
    assert [sentence(note) for note in found.notes] == ["1 file left out: .git/config.yaml"]


@pytest.mark.parametrize(
    ("exclude", "kept"),
    [
        ("vendor/**", {"a.yaml", "sub/vendor/c.yaml", "sub/d.yaml"}),
        ("**/vendor/**", {"a.yaml", "sub/d.yaml"}),
        ("*.yaml", {"vendor/b.yaml", "sub/vendor/c.yaml", "sub/d.yaml"}),
        ("sub/?.yaml", {"a.yaml", "vendor/b.yaml", "sub/vendor/c.yaml"}),
        ("sub/d.yaml", {"a.yaml", "vendor/b.yaml", "sub/vendor/c.yaml"}),
    ],
)
def test_what_is_excluded_is_named(tmp_path: Path, exclude: str, kept: set[str]) -> None:
    everything = {"a.yaml", "vendor/b.yaml", "sub/vendor/c.yaml", "sub/d.yaml"}
    make(tmp_path, *everything)
    found = walk(tmp_path, ["**/*.yaml"], [exclude])
    assert set(found.names) == kept
    (note,) = found.notes
    assert all(name in sentence(note) for name in everything - kept)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    make(tmp_path, "a.yaml")
    assert walk(tmp_path, ["a.yaml", "b/*.yaml"]).names == ("a.yaml",)
    with pytest.raises(ObservationError) as caught:
        walk(tmp_path, ["a.yaml", "b.yaml"])
    assert sentence(caught.value.message) == "no file matches b.yaml, so nothing was looked at"


def test_a_link_to_a_folder_is_named_as_left_out(tmp_path: Path) -> None:
    make(tmp_path, "k8s/a.yaml", "real/b.yaml")
    (tmp_path / "k8s" / "prod").symlink_to("../real")
    found = walk(tmp_path, ["k8s/**/*.yaml"])
    assert found.names == ("k8s/a.yaml",)
    assert [sentence(note) for note in found.notes] == ["1 file left out: k8s/prod/"]


def test_nothing_matched_is_nothing_passed(tmp_path: Path) -> None:
    make(tmp_path, "a.yaml")
    with pytest.raises(ObservationError) as none:
        walk(tmp_path, ["k8s/*.yaml", "deploy/**"])
    assert sentence(none.value.message) == "no file matches k8s/*.yaml, deploy/**, so nothing was looked at"
    with pytest.raises(ObservationError) as all_left_out:
        walk(tmp_path, ["*.yaml"], ["a.*"])
    assert sentence(all_left_out.value.message) == (
        "all files that match *.yaml are left out, so nothing was looked at"
    )


def test_files_beyond_the_limit_are_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "FILES", 2)
    make(tmp_path, "a", "b", "c")
    found = walk(tmp_path, ["*"])
    assert found.names == ("a", "b")
    (finding,) = found.findings
    assert sentence(finding.message) == "3 files match *; at most 2 are looked at"


def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "SIZE", 100)
    make(tmp_path, "good")
    (tmp_path / "binary").write_bytes(b"a: 1\n\xff")
    (tmp_path / "large").write_bytes(b"#" * 101)
    read = list(read_texts(walk(tmp_path, ["*"])))
    assert [one.name for one in read if isinstance(one, Text)] == ["good"]
    wrong = {one.file: (one.line, sentence(one.message)) for one in read if isinstance(one, Finding)}
    assert wrong["binary"] == (2, "the file is not text in UTF-8: byte 0xff at offset 5")
    assert wrong["large"][1].startswith("large has 101 bytes")


def test_a_link_out_of_the_tree_is_a_finding(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make(outside, "secret.yaml")
    root = tmp_path / "root"
    make(root, "a.yaml")
    (root / "b.yaml").symlink_to(outside / "secret.yaml")
    found = walk(root, ["*.yaml"])
    assert found.names == ("a.yaml",)
    assert "b.yaml" in sentence(found.findings[0].message)


def yaml_of(content: str) -> tuple[list[Document], list[Finding]]:
    read = list(read_yaml([Text(name="a.yaml", content=content)], Dialect(plain=True)))
    return (
        [one for one in read if isinstance(one, Document)],
        [one for one in read if isinstance(one, Finding)],
    )


def test_documents_before_a_broken_one_are_read_and_the_broken_one_has_its_line() -> None:
    documents, wrong = yaml_of("a: 1\n---\nb: 2\n---\nc: [1\n")
    assert [one.tree for one in documents] == [{"a": 1}, {"b": 2}]
    (finding,) = wrong
    assert (finding.rule, finding.file, finding.line) == ("yaml-valid", "a.yaml", 6)


def test_duplicate_keys_are_findings_and_the_document_is_there() -> None:
    documents, wrong = yaml_of("a: 1\na: 2\n---\nb: 1\n")
    assert [one.tree for one in documents] == [{"a": 1}, {"b": 1}]
    assert [(one.line, sentence(one.message)) for one in wrong] == [(2, "duplicate key 'a'")]


def test_a_control_character_is_a_finding_with_its_line() -> None:
    (finding,) = yaml_of("a: 1\nb: \x00\n")[1]
    assert (finding.line, finding.rule) == (2, "yaml-valid")
    assert sentence(finding.message).startswith("the file holds a control character, U+0000")


def test_empty_documents_are_no_documents() -> None:
    assert yaml_of("---\n---\n# nothing\n---\na: 1\n...\n")[0][0].tree == {"a": 1}
    assert yaml_of("") == ([], [])


@pytest.mark.parametrize(
    "content",
    [
        "[" * 5_000,
        "a: *nowhere\n",
        "a: &a\n  b: *a\n",
        "- " * 5_000 + "x",
    ],
)
def test_bombs_are_findings(content: str) -> None:
    assert [one.rule for one in yaml_of(content)[1]] == ["yaml-valid"]


def test_aliases_that_grow_without_end_are_a_finding() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (finding,) = yaml_of("\n".join(lines))[1]
    assert "holds more than 1,000,000 values" in sentence(finding.message)


@pytest.mark.parametrize("value", ["*hunter22", "!hunter22 x", "!!int hunter22"])
def test_what_a_parser_complains_of_does_not_show_a_secret(value: str) -> None:
    (found,) = read_yaml(
        [Text(name="a", content=f"a: b\n  - DB_PASSWORD: {value}\n".replace("a: b\n", "a:\n"))], Dialect()
    )
    assert isinstance(found, Finding)
    assert "***" in sentence(found.message)
    assert "hunter22" not in sentence(found.message)
