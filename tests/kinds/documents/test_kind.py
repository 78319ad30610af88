"""`kind: documents`: each rule trips and holds, on documents that a test writes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.kinds.documents.kind import DocumentsKind, DocumentsParams
from phasegate.kinds.documents.markdown import read_markdown
from phasegate.kinds.documents.rules import RULES
from phasegate.model.observation import CaseStatus, Observation
from phasegate.render.rules import rule_texts
from phasegate.targets.processes.local import LocalProcesses
from tests.telling import in_english
from tests.worlds import world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST
Files = Mapping[str, str]


async def look(folder: Path, files: Files, **params: Any) -> Observation:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    processes = LocalProcesses(dict(os.environ), grace=1.0)
    async with world_at("http://127.0.0.1:9", folder, processes=processes) as world:
        written = DocumentsParams.model_validate({"files": "**/*.md", **params})
        return in_english(await DocumentsKind().observe(written, world))


def failed(seen: Observation) -> dict[str, tuple[str | None, int | None]]:
    cases = [case for case in seen.cases if case.status is FAILED]
    return {case.id: (case.file, case.line) for case in cases}


MAKE = "build:\n\ttrue\nCC := x\n"
NPM = '{"scripts": {"test": "x"}}'
Case = tuple[Files, dict[str, Any], str]
BAD: dict[str, list[Case]] = {
    "document-missing": [
        ({"a.md": "# A"}, {"required": ["RUNBOOK.md"]}, "#RUNBOOK.md"),
        ({"a.md": "# A", "b.md": ""}, {"required": ["b.md"]}, "#b.md"),
    ],
    "document-section": [
        ({"a.md": "# A\ntext"}, {"sections": ["rollback"]}, "#rollback"),
        ({"a.md": "# Slow\ntext"}, {"sections": ["SLO"]}, "#SLO"),
    ],
    "document-empty-section": [
        ({"a.md": "# A\ntext\n\n## Rollback\n\n## Next\ntext"}, {"sections": ["rollback"]}, "/a.md#rollback"),
        ({"a.md": "# Rollback"}, {"sections": ["ROLLBACK"]}, "/a.md#ROLLBACK"),
        ({"a.md": "# Rollback\n<!-- later -->\n\n---\n"}, {"sections": ["rollback"]}, "/a.md#rollback"),
        ({"a.md": "# Rollback\n## Steps\n# Next\ntext"}, {"sections": ["rollback"]}, "/a.md#rollback"),
    ],
    "document-link": [
        ({"a.md": "# A\n[b](b.md)"}, {}, "/a.md#b.md"),
        ({"d/a.md": "# A\n![b](../../b.png)"}, {}, "/d/a.md#../../b.png"),
        ({"a.md": "# A\n[b][x]\n\n[x]: no%20file.md"}, {}, "/a.md#no file.md"),
    ],
    "document-anchor": [
        ({"a.md": "# A\n[b](#other)"}, {}, "/a.md##other"),
        ({"a.md": "# A\n[b](b.md#x)", "b.md": "# B"}, {}, "/a.md#b.md#x"),
    ],
    "document-marker": [
        ({"a.md": "# A\nTODO: write"}, {}, "/a.md#TODO"),
        ({"a.md": "# A\nLorem ipsum dolor"}, {}, "/a.md#Lorem ipsum"),
        ({"a.md": "# A\n- one\n- later"}, {"markers": "later"}, "/a.md#later"),
    ],
    "document-command": [
        ({"a.md": "# A\n```sh\n./deploy.sh now\n```"}, {}, "/a.md#./deploy.sh"),
        ({"a.md": "# A\n```console\n$ bash scripts/x.sh\nout\n```"}, {}, "/a.md#scripts/x.sh"),
        ({"a.md": "# A\n```bash\nX=1 make deploy\n```", "Makefile": MAKE}, {}, "/a.md#make deploy"),
        ({"a.md": "# A\n```sh\nnpm run e2e\n```", "package.json": NPM}, {}, "/a.md#npm run e2e"),
        ({"a.md": "# A\n```sh\ncd d\n./x.sh\n```", "x.sh": "", "d/y": ""}, {}, "/a.md#./x.sh"),
        ({"a.md": "# A\n```sh\ntrue && ./x.sh\n```"}, {}, "/a.md#./x.sh"),
        ({"a.md": "# A\n```sh\n(cd d && ls)\n./y\n```", "d/y": ""}, {}, "/a.md#./y"),
        ({"a.md": "# A\n```sh\nmake -C d deploy\n```", "d/Makefile": MAKE}, {}, "/a.md#make deploy"),
        ({"d/a.md": "# A\n```sh\nmake deploy\n```", "Makefile": MAKE}, {}, "/d/a.md#make deploy"),
        ({"a.md": "# A\n```sh\nnpm --prefix d run e2e\n```", "d/package.json": NPM}, {}, "/a.md#npm run e2e"),
    ],
    "document-reviewed": [
        ({"a.md": "---\nreviewed: 2020-01-31\n---\n# A"}, {"reviewed_within": "30d"}, "/a.md"),
        ({"a.md": "---\nreviewed: '2020-01-31'\n---\n# A"}, {"reviewed_within": "30d"}, "/a.md"),
    ],
}
TODAY = datetime.now(UTC).date().isoformat()
GOOD: dict[str, list[tuple[Files, dict[str, Any]]]] = {
    "document-missing": [({"docs/a.md": "# A"}, {"required": ["docs/*.md"]})],
    "document-section": [
        ({"a.md": "# The rollback of a release\ntext"}, {"sections": ["Rollback"]}),
        ({"a.md": "# Rollbacks\ntext"}, {"sections": ["rollback"]}),
    ],
    "document-empty-section": [({"a.md": "# Rollback\n## First\ntext"}, {"sections": ["rollback"]})],
    "document-link": [
        ({"a.md": "# A\n[b](d/b.md?x=1) [c](https://x.invalid/c) <mailto:a@x.invalid>", "d/b.md": "# B"}, {}),
        ({"d/a.md": "# A\n[b](../b.md) [r](/b.md)", "b.md": "# B"}, {}),
        ({"a.md": "# A\n`[b](b.md)`\n\n```\n[c](c.md)\n```"}, {}),
    ],
    "document-anchor": [
        ({"a.md": "# A *new* `part`, 2.0\n[b](#a-new-part-20) [t](#top)"}, {}),
        ({"a.md": "# A\n## B\n## B\n[1](#b-1)\n<a id='mine'></a>[2](#mine)"}, {}),
        ({"a.md": "# A {#other}\n[1](b.md#b)\n[2](#other)", "b.md": "B\n=\n"}, {}),
    ],
    "document-marker": [({"a.md": "# A\n`TODO` and TODOS\n```\nTODO\n```"}, {})],
    "document-command": [
        ({"a.md": "# A\n```sh\n# ./no.sh\n./x.sh\nkubectl get pods\n./<name>.sh\n```", "x.sh": ""}, {}),
        (
            {"a.md": "# A\n```sh\nmake build -j 2\nnpm run test\n```", "Makefile": MAKE, "package.json": NPM},
            {},
        ),
        ({"a.md": "# A\n```sh\nmake anything\n```"}, {}),
        ({"a.md": "# A\n```sh\ncd d\n./x.sh\n```\n```sh\n./x.sh\n```", "d/x.sh": ""}, {}),
        ({"a.md": "# A\n```sh\npushd d && ./x.sh; popd\n./y.sh\n```", "d/x.sh": "", "y.sh": ""}, {}),
        ({"a.md": "# A\n```sh\n(cd d; ./x.sh)\n```", "d/x.sh": ""}, {}),
        ({"a.md": "# A\n```sh\ngit clone https://x.invalid/s.git\ncd s\n./x.sh\n```"}, {}),
        ({"a.md": "# A\n```sh\ncd $HOME/s\n./x.sh\ncd ..\nmake deploy\n```", "Makefile": MAKE}, {}),
        ({"d/a.md": "# A\n```sh\n./x.sh\n```", "d/x.sh": ""}, {}),
        (
            {
                "a.md": "# A\n```sh\nmake -C d build\nmake -f d/M all\n```",
                "d/Makefile": MAKE,
                "d/M": "all: a",
            },
            {},
        ),
        ({"a.md": "# A\n```sh\nmake build && docker compose up\n```", "Makefile": MAKE}, {}),
        ({"a.md": "# A\n```sh\nmake lint tidy\n```", "Makefile": "lint tidy: a\n"}, {}),
        (
            {
                "a.md": "# A\n```sh\nnpm --prefix d run test\nyarn --cwd d run test\nnpm run x -w d\n```",
                "d/package.json": NPM,
                "package.json": "{}",
            },
            {},
        ),
        ({"a.md": "# A\n```sh\ncat <<EOF > x\n./no.sh\nEOF\ndocker run a \\\n  ./no.sh\n```"}, {}),
        ({"a.md": "# A\n```sh\ncurl -o i.sh https://x.invalid/i.sh\nbash i.sh\n./target/x\n```"}, {}),
        ({"a.md": "# A\n```sh\necho a > i.sh; ./i.sh\n```"}, {}),
    ],
    "document-reviewed": [
        ({"a.md": f"---\nreviewed: {TODAY}\n---\n# A"}, {"reviewed_within": "30d"}),
        ({"a.md": f"---\nreviewed: '{TODAY}T00:00:00Z'\n---\n# A"}, {"reviewed_within": "30d"}),
    ],
}


@pytest.mark.parametrize(("rule", "case"), [(rule, case) for rule, cases in BAD.items() for case in cases])
async def test_a_rule_trips(tmp_path: Path, rule: str, case: Case) -> None:
    files, params, place = case
    assert list(failed(await look(tmp_path, files, **params))) == [f"{rule}{place}"]


@pytest.mark.parametrize(("rule", "case"), [(rule, case) for rule, cases in GOOD.items() for case in cases])
async def test_a_rule_holds(tmp_path: Path, rule: str, case: tuple[Files, dict[str, Any]]) -> None:
    files, params = case
    assert failed(await look(tmp_path, files, **params)) == {}


def test_every_rule_is_tried_both_ways_and_has_its_sentences() -> None:
    ours = {rule.id for rule in RULES if rule.id.startswith("document-")}
    assert set(BAD) == set(GOOD) == ours
    assert all(all(rule_texts(id)) for id in ours)


async def test_findings_have_their_lines(tmp_path: Path) -> None:
    text = "---\nx: 1\n---\n# A\n\none\ntwo [b](b.md)\n\n- TODO\n\n```sh\n# first\n./x.sh\n```\n"
    seen = failed(await look(tmp_path, {"a.md": text}))
    assert seen == {
        "document-link/a.md#b.md": ("a.md", 7),
        "document-marker/a.md#TODO": ("a.md", 9),
        "document-command/a.md#./x.sh": ("a.md", 13),
    }


async def test_without_front_matter_the_last_commit_is_the_review(tmp_path: Path) -> None:
    def git(*words: str, when: datetime) -> None:
        environment = {
            **os.environ,
            "GIT_COMMITTER_DATE": when.isoformat(),
            "GIT_AUTHOR_DATE": when.isoformat(),
        }
        names = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
        subprocess.run(
            ["git", *names, *words], cwd=tmp_path, check=True, env=environment, capture_output=True
        )

    now = datetime.now(UTC)
    git("init", "-q", when=now)
    (tmp_path / "old.md").write_text("# A")
    git("add", "old.md", when=now)
    git("commit", "-qm", "one", when=now - timedelta(days=400))
    (tmp_path / "new.md").write_text("# B")
    git("add", "new.md", when=now)
    git("commit", "-qm", "two", when=now)
    (tmp_path / "never.md").write_text("# C")
    seen = await look(tmp_path, {}, reviewed_within="180d")
    assert failed(seen) == {"document-reviewed/old.md": ("old.md", None)}
    lost = {case.id: case.message for case in seen.cases if case.status is LOST}
    assert lost == {
        "document-reviewed/never.md": "not verified: neither never.md nor git says when it was reviewed"
    }


async def test_a_date_that_is_none_and_a_shallow_clone_say_nothing(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        names = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
        subprocess.run(["git", *names, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "from")
    (tmp_path / "from" / "a.md").write_text("# A")
    (tmp_path / "from" / "b.md").write_text("---\nreviewed: last summer\n---\n# B")
    for message in ("one", "two"):
        git("-C", "from", "add", ".")
        git("-C", "from", "commit", "-qm", message, "--allow-empty")
    git("clone", "-q", "--depth", "1", f"file://{tmp_path}/from", "to")
    for folder, lost in (("from", {"b.md"}), ("to", {"a.md", "b.md"})):
        seen = await look(tmp_path / folder, {}, reviewed_within="180d")
        assert {case.id for case in seen.cases if case.status is LOST} == {
            f"document-reviewed/{name}" for name in lost
        }


def test_front_matter_may_have_lines_of_windows() -> None:
    assert (
        read_markdown("a.md", "---\r\nreviewed: 2020-01-31\r\n---\r\n# A\r\n").front == "reviewed: 2020-01-31"
    )


async def test_a_paragraph_that_would_take_minutes_is_not_read(tmp_path: Path) -> None:
    seen = await look(tmp_path, {"a.md": "# A\n" + "![[](" * 800_000, "b.md": "# B\nTODO"})
    assert set(failed(seen)) == {"file-readable/a.md", "document-marker/b.md#TODO"}


@pytest.mark.parametrize("to", ["off", "info", "warning"])
def test_what_cannot_be_read_is_never_made_less(to: str) -> None:
    lower = {"file-readable": {"to": to, "because": "it is old"}}
    with pytest.raises(ValidationError, match="leave the file out with 'exclude'"):
        DocumentsParams.model_validate({"files": "a.md", "lower": lower})


async def test_counts(tmp_path: Path) -> None:
    seen = await look(tmp_path, {"a.md": "# A\n## B\n", "b.md": "C\n=\n"}, sections=["a"])
    assert {name: getattr(seen.measures[name], "value", None) for name in ("files", "objects")} == {
        "files": 2,
        "objects": 3,
    }


@given(st.text(alphabet="#*_`[](){}<>!-=|\\ \n\tab$./:", max_size=80))
def test_no_text_is_a_defect(text: str) -> None:
    document = read_markdown("a.md", text)
    lines = text.count("\n") + 1
    for piece in (
        *document.links,
        *document.texts,
        *(piece for block in document.blocks for piece in block),
        *document.headings,
    ):
        assert 1 <= piece.line <= lines + 1
