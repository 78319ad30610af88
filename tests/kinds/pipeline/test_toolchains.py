"""Versions of languages, wherever they are written, and lock files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kinds.pipeline.looking import TEST, github, gitlab, look, rules_of, sentences

FILE = "pipeline-toolchain-file"


def uses(action: str, more: str = "") -> dict[str, str]:
    return dict(github(f"a: {{runs-on: x, steps: [{{uses: {action}}}, {{run: make}}]{more}}}"))


@pytest.mark.parametrize(
    ("step", "name", "content"),
    [
        ("actions/setup-python@v5, with: {python-version: 3.11}", ".python-version", "3.12.4\n"),
        (
            "actions/setup-python@v5, with: {python-version: '3.11'}",
            ".tool-versions",
            "# ours\npython 3.12.4 3.10\n",
        ),
        (
            "actions/setup-python@v5, with: {python-version: '3.10'}",
            "pyproject.toml",
            '[project]\nrequires-python = ">=3.11"',
        ),
        ("actions/setup-node@v4, with: {node-version: 18}", ".nvmrc", "v20.1.0\n"),
        ("actions/setup-node@v4, with: {node-version: 18.x}", ".node-version", "20"),
        (
            "actions/setup-node@v4, with: {node-version: 18}",
            "package.json",
            '{"engines": {"npm": "9", "node": ">=20 <23"}}',
        ),
        ("actions/setup-go@v5, with: {go-version: '1.21'}", "go.mod", "module x\n\ngo 1.22.1\n"),
        ("dtolnay/rust-toolchain@1.70", "rust-toolchain", "1.75.0\n"),
        (
            "dtolnay/rust-toolchain@master, with: {toolchain: 1.70.0}",
            "rust-toolchain.toml",
            '[toolchain]\nchannel = "1.75"\n',
        ),
        ("dtolnay/rust-toolchain@1.70", "Cargo.toml", '[package]\nrust-version = "1.75"\n'),
        ("ruby/setup-ruby@v1, with: {ruby-version: 3.2}", ".ruby-version", "ruby-3.3.1\n"),
    ],
)
def test_a_job_uses_the_version_that_a_file_names(step: str, name: str, content: str, tmp_path: Path) -> None:
    assert FILE in rules_of(look(tmp_path, {**uses(step), name: content}))
    words = ("@stable", "@nightly", "with: {python-version: 3.x}", "with: {node-version: lts/*}")
    same = uses(step.partition("@")[0] + (words[0] if "rust" in step else "@v1"))
    assert FILE not in rules_of(look(tmp_path, same))


def test_a_version_that_yaml_makes_another_is_shown_as_it_is_used(tmp_path: Path) -> None:
    files = {**uses("actions/setup-python@v5, with: {python-version: 3.10}"), ".python-version": "3.10"}
    assert sentences(look(tmp_path, files), FILE) == [
        "python is 3.1 here, and .python-version says 3.10; use one version in both"
    ]


def test_a_matrix_holds_the_version_that_a_file_names(tmp_path: Path) -> None:
    step = "actions/setup-python@v5, with: {python-version: '${{ matrix.py }}'}"
    matrix = ", strategy: {matrix: {py: ['3.11', '3.12'], include: [{py: '3.13'}]}}"
    assert rules_of(look(tmp_path, {**uses(step, matrix), ".python-version": "3.13"})) == []
    assert rules_of(look(tmp_path, {**uses(step, matrix), ".python-version": "3.10"})) == [FILE]


def test_variables_are_filled_where_they_are_known(tmp_path: Path) -> None:
    text = """
        variables: {PY: '3.11', V: {value: '3.12'}}
        a: {image: 'python:$PY-slim', script: x}
        b: {image: 'python:${V}', script: x}
    """
    seen = look(tmp_path, gitlab(text))
    assert sentences(seen, "pipeline-toolchain") == [
        "python is 3.12 here and 3.11-slim in .gitlab-ci.yml#a; use one version in all jobs"
    ]
    assert rules_of(look(tmp_path, gitlab("a: {image: 'python:$OTHER', script: x}"))) == []


@pytest.mark.parametrize(
    ("name", "content", "locks"),
    [
        ("package.json", '{"devDependencies": {"a": "1"}}', ["package-lock.json", "yarn.lock", "bun.lock"]),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.11"\n', ["poetry.lock"]),
        ("pyproject.toml", '[project]\ndependencies = ["a"]\n[tool.uv.sources]\n', ["uv.lock"]),
        (
            "pyproject.toml",
            '[project]\ndependencies = [\n  # ours\n  "a",\n]\n',
            ["requirements.txt", "pylock.toml"],
        ),
        ("Cargo.toml", '[[bin]]\nname = "a"\n[dependencies]\nb = "1"\n', ["Cargo.lock"]),
        ("go.mod", "module x\n\nrequire a v1\n", ["go.sum"]),
        ("Gemfile", "gem 'rails'\n", ["Gemfile.lock"]),
    ],
)
def test_a_manifest_with_dependencies_has_a_lock_file(
    name: str, content: str, locks: list[str], tmp_path: Path
) -> None:
    assert "pipeline-lockfile" in rules_of(look(tmp_path, {**github(TEST), name: content}))
    for lock in locks:
        (tmp_path / lock).write_text("")
        assert "pipeline-lockfile" not in rules_of(look(tmp_path, {}))
        (tmp_path / lock).unlink()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", '{"dependencies": {}}'),
        ("pyproject.toml", "[project]\ndependencies = []\n"),
        ("Cargo.toml", "[lib]\n[dependencies]\na = '1'\n"),
        ("go.mod", "module x\n"),
        ("Gemfile", "# gem 'x'\n"),
        ("package.json", "{"),
    ],
)
def test_what_has_no_dependencies_needs_no_lock_file(name: str, content: str, tmp_path: Path) -> None:
    seen = look(tmp_path, {**github(TEST), name: content})
    assert rules_of(seen) == []
    assert seen.looked["pipeline-lockfile"].n == 0


def test_the_lock_file_of_a_workspace_is_further_up(tmp_path: Path) -> None:
    files = {**github(TEST), "packages/web/package.json": '{"dependencies": {"a": "1"}}'}
    named = {"manifests": ["packages/*/package.json"]}
    assert rules_of(look(tmp_path, files, **named)) == ["pipeline-lockfile"]
    assert rules_of(look(tmp_path, {**files, "yarn.lock": ""}, **named)) == []
