"""The plan before, with every file it names, out of git: checked out to a folder of its own.

Through an index of its own (`read-tree`, `checkout-index`), so that neither the repository nor its work tree
is touched, no hook runs, and files come with the line ends and filters of a checkout. `git archive` would
leave out what is marked `export-ignore`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from phasegate.errors import UsageError
from phasegate.files import is_folder

LIMIT = 120.0
"""Seconds that one call of git may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut:
    """A plan as it was."""

    plan: Path
    folder: Path
    """The root of the checkout."""


@contextmanager
def plan_at(ref: str, plan: Path) -> Iterator[CheckedOut]:
    """The plan of the same path at `ref`, in a temporary folder that has all files of that commit.

    Errors: UsageError where there is no git, no repository, no such ref, or no such plan in it.
    """
    folder = plan.parent
    if not is_folder(folder):
        raise UsageError(f"cannot read {str(plan)!r}: no such file or directory")
    top = Path(_git(folder, "rev-parse", "--show-toplevel", what=f"{str(plan)!r} is in no git repository"))
    place = Path(os.path.relpath(plan.resolve(), top.resolve())).as_posix()
    commit = _git(
        folder,
        *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"),
        what=f"--base-ref {ref!r}: git knows no such commit",
        help="a shallow checkout has no other branches: fetch them (fetch-depth: 0), or name origin/main",
    )
    # A path is told apart from what is no file by its type.
    _git(
        folder,
        *("cat-file", "-e", f"{commit}:{place}"),
        what=f"--base-ref {ref!r}: there is no plan {place!r} in it",
        help="a new plan has nothing to be compared with; a renamed one is compared as two files",
    )
    with TemporaryDirectory(prefix="phasegate-guard-") as temporary:
        root = Path(temporary).resolve()
        index, tree = root / "index", root / "tree"
        tree.mkdir()
        what = f"--base-ref {ref!r}: cannot check it out"
        _git(top, "read-tree", commit, what=what, index=index)
        _git(top, "checkout-index", "--all", "--force", f"--prefix={tree}{os.sep}", what=what, index=index)
        yield CheckedOut(plan=tree / place, folder=tree)


def _git(folder: Path, *arguments: str, what: str, help: str | None = None, index: Path | None = None) -> str:
    """What git says. Errors: UsageError beginning with `what`, and with git's own words."""
    env = dict(os.environ)
    if index is not None:
        env["GIT_INDEX_FILE"] = str(index)
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("--base-ref needs git, and there is none", help="install git") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{what}: git took more than {LIMIT:.0f} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(f"{what}{f' ({lines[0]})' if lines else ''}", help=help)
    return done.stdout.decode("utf-8", "surrogateescape").strip()
