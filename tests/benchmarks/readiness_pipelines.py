"""Verdicts of the kind `pipeline` beside those that public fixtures have in their names.

    python -m tests.benchmarks.readiness_pipelines FOLDER [-v]
    python -m tests.benchmarks.readiness_pipelines

FOLDER holds checkouts, each under the name of its repository: rhysd/actionlint and firecow/gitlab-ci-local
say of each fixture whether it is valid; GoogleCloudPlatform/microservices-demo, AQUILA04/OmniShop360,
Adityagupta200/Predictive-Maintenance-MLOps-project and `gitlab-templates` (Getting-Started.gitlab-ci.yml of
gitlabhq/gitlabhq) are held against a table; every other checkout is a repository whose pipelines run, so that
all of them are valid. Without FOLDER: how long 400 workflows take.
"""

from __future__ import annotations

import re
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from phasegate.inspection.finding import Inspection
from phasegate.inspection.tree import Tree
from phasegate.kinds.pipeline.kind import inspect_pipelines
from phasegate.kinds.pipeline.params import PipelineParams
from phasegate.render.sentences import sentence

VALID = frozenset({"valid", "graph", "files"})
GLOBS = (".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml")
_OURS = re.compile(
    r"cyclic dependencies|job ID must start|which does not exist|recursive alias|could not parse as YAML|"
    r'"(?:on|jobs|runs-on|steps)" section is missing|unexpected key "\w+" for "(?:workflow|job|run|'
    r'concurrency|environment|strategy)" section|unexpected key "(?!uses|run|shell)\w+" for step|'
    r"step must run script|"
    r'element of "steps" section|"(?:jobs|steps|on|runs-on|needs)" section (?:should not be empty|must be)'
)
"""Messages of actionlint that speak of what `pipeline` looks at; the rest are expressions and inputs."""
_REFUSED = frozenset(
    {
        "dependencies-not-found",
        "duplicated-keys",
        "include-invalid-local",
        "invalid-stages",
        "needs-contains-dependencies",
        "needs-empty-entry",
        "needs-invalid-stage",
        "needs-not-array",
        "needs-unspecified-job",
        "no-script",
        "reference-circular-chain",
        "rules-blank",
        "schema-validation",
        "script-blank",
        "self-dependency",
        "stage-not-found",
    }
)
"""Folders of gitlab-ci-local whose tests expect that the pipeline is refused."""
_REFUSED_FILES = frozenset(
    {
        "completion/.gitlab-ci.yml",
        "include-local/.gitlab-ci-invalid-config-directory-traversal.yml",
        "reference/.gitlab-ci-11-level-deep.yml",
    }
)
_CI = ".github/workflows"
_TABLE = {
    "microservices-demo": (
        (f"{_CI}/*.yaml", "pipeline-gate", False),
        (f"{_CI}/*.yaml", "pipeline-gate-bypassed", False),
        (f"{_CI}/*.yaml", "pipeline-rollback", True),
    ),
    "OmniShop360": (
        (f"{_CI}/*.yml", "pipeline-gate", True),
        (f"{_CI}/*.yml", "pipeline-rollback", True),
    ),
    "Predictive-Maintenance-MLOps-project": (
        (f"{_CI}/*.y*ml", "pipeline-rollback", False),
        (f"{_CI}/*.y*ml", "pipeline-gate", False),
    ),
    # Its tests are `echo` and `sleep`: in the right stage, and nothing that could fail.
    "gitlab-templates": (
        ("Getting-Started.gitlab-ci.yml", "pipeline-gate", False),
        ("Getting-Started.gitlab-ci.yml", "pipeline-gate-tolerated", True),
        ("Getting-Started.gitlab-ci.yml", "pipeline-rollback", True),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a fixture, or a table, says of files."""

    name: str
    root: Path
    files: tuple[str, ...]
    bad: bool
    rules: frozenset[str] = field(default_factory=frozenset)
    """Those that are meant; empty for all that say whether it is valid."""


def of_actionlint(root: Path) -> Iterator[Expected]:
    for folder in ("ok", "err", "examples"):
        for file in sorted((root / "testdata" / folder).glob("*.yaml")):
            out = file.with_suffix(".out")
            if folder == "ok" or _OURS.search(out.read_text()):
                bad = folder != "ok"
                yield Expected(name=f"{folder}/{file.name}", root=file.parent, files=(file.name,), bad=bad)


def of_gitlab_ci_local(root: Path) -> Iterator[Expected]:
    for file in sorted((root / "tests/test-cases").glob("*/.gitlab-ci*.yml")):
        name = f"{file.parent.name}/{file.name}"
        if not re.search(r"-local-(?:variables|inputs)", file.name):  # settings of the tool
            bad = name in _REFUSED_FILES or (
                file.parent.name in _REFUSED and (file.name == ".gitlab-ci.yml" or "errors" in file.name)
            )
            yield Expected(name=name, root=file.parent, files=(file.name,), bad=bad)


def of_checkout(root: Path) -> Iterator[Expected]:
    files = tuple(glob for glob in GLOBS if any(root.glob(glob)))
    if files:
        yield Expected(name="valid", root=root, files=files, bad=False)
    for files_of, rule, bad in _TABLE.get(root.name, ()):
        yield Expected(name=rule, root=root, files=(files_of,), bad=bad, rules=frozenset({rule}))


CORPORA = {"actionlint": of_actionlint, "gitlab-ci-local": of_gitlab_ci_local}


def look(root: Path, files: tuple[str, ...]) -> Inspection:
    params = PipelineParams(files=files)
    names = sorted({str(path.relative_to(root)) for glob in files for path in root.glob(glob)})
    return inspect_pipelines(params, Tree(root=root, names=tuple(names)))[0]


def main(folder: Path, verbose: bool) -> int:
    columns = ("files", "jobs", "cases", "right", "missed", "false", "unproven", "crash")
    print(f"{'corpus':40}", *(f"{column:>8}" for column in columns))
    total: Counter[str] = Counter()
    for root in sorted(path for path in folder.iterdir() if path.is_dir()):
        tally: Counter[str] = Counter()
        for one in (*CORPORA.get(root.name, lambda _: ())(root), *of_checkout(root)):
            tally.update(_compare(one, verbose))
        if tally:
            print(f"{root.name:40}", *(f"{tally[column]:8,}" for column in columns))
        total += tally
    print(f"{total['right']:,} of {total['cases']:,}: {total['right'] / max(1, total['cases']):.2%}")
    return 0


def _compare(one: Expected, verbose: bool) -> dict[str, int]:
    try:
        seen = look(one.root, one.files)
    except Exception:
        traceback.print_exc()
        return {"cases": 1, "crash": 1}
    found = [
        finding
        for finding in seen.findings
        if (finding.rule in one.rules if one.rules else finding.family in VALID)
    ]
    outcome = "right" if bool(found) == one.bad else "missed" if one.bad else "false"
    if verbose and outcome != "right":
        print(f"  {outcome:6} {one.name}", *(f"{sentence(finding.message)}" for finding in found[:3]))
    files = {} if one.rules else {"files": seen.files or 0, "jobs": seen.objects or 0}
    return {"cases": 1, outcome: 1, "unproven": len(seen.unproven), **files}


def speed() -> int:
    """Processor time and memory of 400 workflows, files that are read included."""
    jobs = "\n".join(
        f"  {name}: {{runs-on: x, {needs}environment: live, steps: [{{run: {run}}}]}}"
        for name, needs, run in (
            ("test", "", "pytest"),
            ("build", "needs: test, ", "make"),
            ("deploy", "needs: build, ", "kubectl apply -f k8s"),
        )
    )
    with TemporaryDirectory() as folder:
        for number in range(400):
            (Path(folder) / f"{number}.yml").write_text(f"name: w{number}\non: push\njobs:\n{jobs}\n")
        begun = process_time()
        seen = look(Path(folder), ("*.yml",))
        cases = seen.cases()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{seen.files} files, {seen.objects:,} jobs, {len(cases):,} cases: ", end="")
        print(f"{process_time() - begun:.2f} s of processor time, {memory} MiB")
    return 0


if __name__ == "__main__":
    paths = [word for word in sys.argv[1:] if word != "-v"]
    sys.exit(main(Path(paths[0]), "-v" in sys.argv) if paths else speed())
