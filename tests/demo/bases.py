"""Base images for the demo's Dockerfiles, made of what this machine has, since no registry is asked.

`environment()` is what `phasegate/demo/deploy/compose.yaml` reads: PYTHON_BASE, NODE_BASE and RUST_BASE.
Each keeps the paths of the public image that it stands for: /usr/local/bin/node, /usr/local/cargo/bin.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.engines import BUSYBOX, LABEL, client

DEPLOY = Path(__file__).parents[2] / "phasegate/demo/deploy"
_LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "__pycache__", "site-packages"}
_LEFT_OUT |= {"dist-packages"}

_LINKED = ("crt1.o", "Scrt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtbeginS.o", "crtend.o", "crtendS.o")
_LINKED += (
    "libgcc.a",
    "libgcc_eh.a",
    "libgcc_s.so",
    "libgcc_s.so.1",
    "libc.so",
    "libc.so.6",
    "libc_nonshared.a",
)
_LINKED += ("libm.so", "libm.so.6", "libmvec.so.1", "libpthread.a", "libdl.a", "librt.a", "libutil.a")
_LINKED += ("libc_nonshared.a", "liblto_plugin.so", "ld-linux-x86-64.so.2")


def environment() -> dict[str, str]:
    return {"PYTHON_BASE": python(), "NODE_BASE": node(), "RUST_BASE": rust()}


@functools.cache
def python() -> str:
    """This Python with its standard library, the demo's packages, busybox, and a C linker."""
    files = _Files()
    files.add(BUSYBOX, "/bin/busybox")
    for applet in subprocess.check_output([BUSYBOX, "--list"], text=True).split():
        if applet != "busybox":
            files.link(f"/bin/{applet}", "busybox")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    files.program(base / "bin" / version)
    files.tree(base / "lib" / version)
    if Path("/usr/share/python-wheels").is_dir():  # where Debian keeps the pip of `python -m venv`
        files.tree(Path("/usr/share/python-wheels"))
    for name in ("python3", "python"):
        files.link(f"/usr/local/bin/{name}", str(base / "bin" / version))
    site = _site_packages(base / "bin" / version)
    packages = dict(_packages())
    for inside, path in packages.items():
        files.add(path, f"{site}/{inside}")
    files.libraries_of([path for path in packages.values() if path.suffix == ".so"])
    _linker(files)
    files.libraries_of([_node()])  # libstdc++ is in every Debian base
    return files.image("/usr/local/bin:/bin:/usr/bin")


@functools.cache
def node() -> str:
    files = _Files()
    files.program(_node(), "/usr/local/bin/node")
    return files.image("/usr/local/bin")


def _node() -> Path:
    return Path(shutil.which("node") or "node is not on PATH").resolve()


@functools.cache
def rust() -> str:
    """The compiler and its libraries for this machine, without documentation, sources and tools."""
    sysroot = Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip())
    place = "/usr/local/rustup/toolchains/here"
    files = _Files()
    files.program(sysroot / "bin/rustc", f"{place}/bin/rustc")
    for path in sorted((sysroot / "lib").glob("*.so*")):
        files.program(path, f"{place}/lib/{path.name}")
    for folder in sorted((sysroot / "lib/rustlib").glob("*/*")):
        if folder.name in ("lib", "bin"):  # libraries, and the linker that newer versions bring
            files.tree(folder, f"{place}/lib/rustlib/{folder.parent.name}/{folder.name}")
    files.link("/usr/local/cargo/bin/rustc", f"{place}/bin/rustc")
    return files.image("/usr/local/cargo/bin")


class _Files:
    """What goes into an image: path there to path here, or to the target of a link."""

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}
        self._links: dict[str, str] = {}

    def add(self, path: Path, place: str = "") -> None:
        self._files[place or str(path)] = path

    def link(self, place: str, target: str) -> None:
        self._links[place] = target

    def program(self, path: Path, place: str = "") -> None:
        """A program or library with the libraries it is linked to."""
        self.add(path, place)
        self.libraries_of([path])

    def tree(self, folder: Path, place: str = "") -> None:
        found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        found = [path for path in found if not _LEFT_OUT.intersection(path.relative_to(folder).parts)]
        for path in found:
            self.add(path, f"{place or folder}/{path.relative_to(folder)}")
        self.libraries_of([path for path in found if path.suffix == ".so"])

    def libraries_of(self, paths: Sequence[Path]) -> None:
        if paths:
            told = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
            for match in re.finditer(r"(?:=>\s+|^\s+)(/\S+) \(0x", told, re.MULTILINE):
                if "/../" not in match[1]:  # else relative to the program, and part of its own tree
                    self.add(Path(match[1]))

    def image(self, search: str) -> str:
        """The tag; made only where the engine does not have it."""
        marks = sorted(
            (place, path.stat().st_size, path.stat().st_mtime_ns) for place, path in self._files.items()
        )
        digest = hashlib.sha256(repr((marks, sorted(self._links.items()))).encode()).hexdigest()[:16]
        if not client().images.list(f"phasegate-test-base:{digest}"):
            with tempfile.TemporaryFile() as packed:
                self._pack(packed)
                packed.seek(0)
                client().api.import_image_from_data(
                    packed,
                    repository="phasegate-test-base",
                    tag=digest,
                    changes=[f"ENV PATH={search}", f"LABEL {LABEL}=1"],
                )
        return f"phasegate-test-base:{digest}"

    def _pack(self, packed: io.IOBase) -> None:
        with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:  # type: ignore[call-overload]
            for folder in ("tmp", "etc"):
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o1777
                archive.addfile(info)
            for place, path in sorted(self._files.items()):
                archive.add(path.resolve(), place, recursive=False, filter=_owned_by_root)
            for place, target in sorted(self._links.items()):
                info = tarfile.TarInfo(place)
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)


def _owned_by_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mode |= 0o444
    return info


def _linker(files: _Files) -> None:
    """`cc`, as far as linking needs it."""

    def told(question: str) -> Path:
        return Path(subprocess.check_output(["cc", question], text=True).strip())

    for name in ("collect2", "ld"):
        path = told(f"-print-prog-name={name}")
        files.program(path if path.is_absolute() else Path(shutil.which(name) or name))
    files.program(Path(shutil.which("cc") or "cc is not on PATH").resolve(), "/usr/bin/cc")
    for name in _LINKED:
        path = told(f"-print-file-name={name}")
        if path.is_absolute():
            files.add(path, os.path.normpath(path))


def _site_packages(program: Path) -> str:
    code = "import site; print(site.getsitepackages()[0])"
    return subprocess.check_output([program, "-I", "-c", code], text=True).strip()


def _packages() -> Iterator[tuple[str, Path]]:
    """Files of what requirements.txt asks for, with all that needs in turn."""
    asked = [Requirement(line) for line in (DEPLOY / "requirements.txt").read_text().splitlines()]
    seen: set[str] = set()
    while asked:
        one = asked.pop()
        if one.name in seen or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add(one.name)
        found = distribution(one.name)
        asked += [Requirement(text) for text in found.requires or ()]
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                yield str(file), Path(str(found.locate_file(file)))
