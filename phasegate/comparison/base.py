"""The plan before, with every file it names, out of git: checked out to a folder of its own.

The repository may be anybody's, and git runs what the settings of a repository name: hooks, filters, a file
system monitor, commands to fetch what lacks. So its settings are not read: git works in a directory of our
own, which has links to the objects and refs of the repository, and no settings but ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import UsageError
from phasegate.base.files import is_folder, read_regular
from phasegate.plan.loader import folder_of

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
    if not is_folder(plan.parent):
        raise UsageError(f"cannot read {str(plan)!r}: no such file or directory")
    top = folder_of(plan)
    place = Path(os.path.relpath(plan.resolve(), top.resolve())).as_posix()
    with TemporaryDirectory(prefix="phasegate-guard-") as temporary:
        root = Path(temporary).resolve()
        tree = root / "tree"
        tree.mkdir()
        git = _Git(root, tree)
        if not os.path.lexists(top / ".git") or place.startswith("../"):
            raise UsageError(f"{str(plan)!r} is in no git repository")
        git.open(top / ".git", what=f"cannot read the git repository of {str(plan)!r}")
        commit = git.run(
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"),
            what=f"--base-ref {ref!r}: git knows no such commit",
            help="a shallow checkout has no other branches: fetch them (fetch-depth: 0), or name origin/main",
        )
        # A path is told apart from what is not a file by its type.
        git.run(
            *("cat-file", "-e", f"{commit}:{place}"),
            what=f"--base-ref {ref!r}: there is no plan {place!r} in it",
            help="a new plan has nothing to be compared with; a renamed one is compared as two files",
        )
        what, help = f"--base-ref {ref!r}: cannot check it out", "a partial clone lacks files: clone it whole"
        git.run("read-tree", commit, what=what, help=help)
        git.run("checkout-index", "--all", "--force", what=what, help=help)
        yield CheckedOut(plan=tree / place, folder=tree)


class _Git:
    """Git in a directory of its own, which is below `root`; files go to `tree`. Errors: UsageError."""

    def __init__(self, root: Path, tree: Path) -> None:
        self._root = root
        self._tree = tree
        self._directory = root / "git"
        program = shutil.which("git")
        if program is None:
            raise UsageError("--base-ref needs git, and there is none", help="install git")
        self._program = program

    def open(self, there: Path, *, what: str) -> None:
        """Take over objects and refs of a repository. Errors: UsageError."""
        try:
            own, common = _directories(there)
            self._directory.mkdir()
            # Git takes a link for HEAD to be an old way to name a branch.
            (self._directory / "HEAD").write_bytes(read_regular(own / "HEAD", _SHORT))
            for folder, names in ((own, _OF_CHECKOUT), (common, _SHARED)):
                for name in names:
                    if os.path.lexists(folder / name):
                        (self._directory / name).symlink_to((folder / name).absolute())
        except (OSError, ValueError) as error:
            why = (error.strerror or "" if isinstance(error, OSError) else str(error)).lower()
            raise UsageError(f"{what}: {why}") from None
        settings = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n"
        for key in _FORMATS:
            value = self.run(
                "config", "--file", str(common / "config"), "--default=", "--get", key, what=what
            )
            settings += f"\t{key.partition('.')[2]} = {value}\n" if value.isalnum() else ""
        (self._directory / "config").write_text(settings, encoding="utf-8")

    def run(self, *arguments: str, what: str, help: str | None = None) -> str:
        """What git says. Errors: UsageError beginning with `what`, and with git's own words."""
        try:
            done = subprocess.run(
                [self._program, *arguments],
                cwd=self._tree,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"{what}: git took more than {LIMIT:.0f} s") from None
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UsageError(f"{what}{f' ({lines[0]})' if lines else ''}", help=help)
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def _environment(self) -> dict[str, str]:
        """Nothing of ours but where programs are: GIT_* variables would bring settings in again."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._root),
            "XDG_CONFIG_HOME": str(self._root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_DIR": str(self._directory),
            "GIT_WORK_TREE": str(self._tree),
            "GIT_INDEX_FILE": str(self._root / "index"),
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_TERMINAL_PROMPT": "0",
        }


_SHORT = 1 << 16
"""Bytes of a file that holds a name."""
_OF_CHECKOUT = ("logs",)
_SHARED = ("objects", "refs", "packed-refs", "reftable", "shallow")
_FORMATS = ("extensions.objectFormat", "extensions.refStorage")


def _directories(there: Path) -> tuple[Path, Path]:
    """The directory of a checkout and the one that all its checkouts share. Errors: OSError, ValueError."""
    own = there
    if not there.is_dir():  # of a further checkout, or of a submodule
        named = read_regular(there, _SHORT).decode()
        if not named.startswith("gitdir: "):
            raise ValueError(f"{there} names no directory of git")
        own = there.parent / named.removeprefix("gitdir: ").strip()
    if not (own / "commondir").exists():
        return own, own
    return own, own / read_regular(own / "commondir", _SHORT).decode().strip()
