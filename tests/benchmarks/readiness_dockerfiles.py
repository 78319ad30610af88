"""Findings of the kind `dockerfile` beside what public files say of themselves, and beside hadolint.

    python -m tests.benchmarks.readiness_dockerfiles FOLDER [-v]

FOLDER holds checkouts. Every Dockerfile and Compose file below it is read; those below BuildKit's
`parser/testfiles` are held to the instructions of their `result`, those below `testfiles-negative` have to be
refused, and where hadolint has a rule of the same meaning, its findings are compared.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from phasegate.base.errors import ObservationError
from phasegate.inspection.finding import Finding
from phasegate.inspection.tool import find_program
from phasegate.inspection.tree import Tree
from phasegate.kinds.dockerfile.kind import look_at
from phasegate.kinds.dockerfile.params import DockerfileParams
from phasegate.kinds.dockerfile.reader import read_dockerfile
from phasegate.render.sentences import sentence

SAME = {
    "DL3002": "runs-as-root", "DL3004": "sudo", "DL3006": "base-unpinned", "DL3007": "base-unpinned",
    "DL3009": "apt-cache", "DL3019": "apk-cache", "DL3020": "add-of-local-file", "DL3042": "pip-cache",
    "DL4003": "command-repeated", "DL4004": "command-repeated",
}  # fmt: skip
_NO_DOCKERFILE = re.compile(
    r"\.(?:dockerignore|md|tmpl|template|go|py|js|ts|ya?ml|json|sh|txt|j2|html|rb|png|svg)$"
)
_COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml")


def files_below(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        name = path.name
        dockerfile = re.match(r"(?i)(?:.*[._-])?dockerfile(?:$|[._-])", name) and not _NO_DOCKERFILE.search(
            name
        )
        if path.is_file() and not path.is_symlink() and (dockerfile or _COMPOSE.fullmatch(name)):
            yield str(path.relative_to(root))


def findings_of(root: Path, name: str) -> tuple[Finding, ...]:
    params = DockerfileParams(files=(name,))
    return look_at(params, Tree(root=root, names=(name,))).inspection.findings


def differences_from_buildkit(root: Path, name: str) -> Iterator[str]:
    """How the instructions differ from those that BuildKit's own parser printed for its tests."""
    result = (root / name).with_name("result")
    if not result.is_file():
        return
    expected = re.findall(r"(?m)^\((\S+?)[ )]", result.read_text(encoding="utf-8"))
    script = read_dockerfile((root / name).read_text(encoding="utf-8"))
    found = [one.name for one in script.instructions]
    if [word.upper() for word in expected] != found:
        yield f"{name}: BuildKit {expected}, here {found}"


def hadolint(root: Path, names: Iterable[str]) -> dict[str, set[tuple[str, int]]] | None:
    """By file: rules of ours that say the same, with their lines; None for a file that it cannot read."""
    program = find_program("hadolint", {"PATH": "/usr/bin"})
    assert program is not None, "hadolint is not installed"
    command = [program, "--no-color", "-f", "json", "--disable-ignore-pragma", "-c", "/dev/stdin"]
    found: dict[str, set[tuple[str, int]]] = {}
    broken = set()
    for name in names:
        ran = subprocess.run(
            [*command, name], cwd=root, capture_output=True, check=False, input=b"{ignored: []}"
        )
        found[name] = set()
        for one in json.loads(ran.stdout or b"[]"):
            if one["code"] == "DL1000":
                broken.add(name)
            if one["code"] in SAME:
                found[name].add((SAME[one["code"]], one["line"]))
    return {name: rules for name, rules in found.items() if name not in broken}


def main(root: Path, *, verbose: bool) -> int:
    tally: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    notes: list[str] = []
    lintable: dict[str, set[tuple[str, int]]] = {}
    began = time.process_time()
    for name in files_below(root):
        is_compose = name.endswith(("yaml", "yml"))
        tally["Compose files" if is_compose else "Dockerfiles"] += 1
        try:
            findings = findings_of(root, name)
        except ObservationError:
            tally["nothing to look at"] += 1
            continue
        except Exception:
            tally["crashes"] += 1
            notes.append(f"{name}: {traceback.format_exc()}")
            continue
        rules.update(one.rule for one in findings)
        refused = [
            one for one in findings if one.rule in ("dockerfile-syntax", "yaml-valid", "file-readable")
        ]
        if "/testfiles-negative/" in name:
            tally["refused as expected" if refused else "NOT refused"] += 1
        elif "/parser/testfile" in name:
            tally["held to BuildKit's own results"] += 1
            for difference in differences_from_buildkit(root, name):
                tally["instructions other than BuildKit's"] += 1
                notes.append(difference)
        elif refused:
            tally["refused"] += 1
            notes += (f"{name}:{one.line}: {sentence(one.message)}" for one in refused[:3])
        if not is_compose and not refused:
            lintable[name] = {(one.rule, one.line or 0) for one in findings if one.rule in SAME.values()}
    tally["processor milliseconds"] = round((time.process_time() - began) * 1000)
    theirs = hadolint(root, lintable) or {}
    tally["Dockerfiles that hadolint cannot read"] = len(lintable) - len(theirs)
    beside: Counter[tuple[str, str]] = Counter()
    for name, expected in theirs.items():
        for rule, line in sorted(expected | lintable[name]):
            both = (rule, line) in expected and (rule, line) in lintable[name]
            side = "both" if both else "hadolint" if (rule, line) in expected else "phasegate"
            beside[rule, side] += 1
            if not both:
                notes.append(f"{side} only: {name}:{line}: {rule}")
    for what, n in tally.items():
        print(f"{n:7,}  {what}")
    for rule in sorted({rule for rule, _ in beside}):
        sides = ", ".join(f"{side} {beside[rule, side]}" for side in ("both", "hadolint", "phasegate"))
        print(f"{rule}: {sides}")
    for rule, n in rules.most_common():
        print(f"{n:7,}  {rule}")
    if verbose:
        print(*notes, sep="\n")
    return 1 if tally["crashes"] else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), verbose="-v" in sys.argv))
