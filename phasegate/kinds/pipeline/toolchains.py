"""Versions of languages in jobs and in the files that name them; lock files beside manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.inspection.finding import Finding, Inspection
from phasegate.kinds.pipeline import rules
from phasegate.kinds.pipeline.model import Job, Pipeline, as_list, as_text
from phasegate.kinds.pipeline.sources import Sources
from phasegate.kinds.pipeline.versions import Version, agree, allows, read_version

_SETUPS = {
    "python": ("actions/setup-python", "python-version"),
    "node": ("actions/setup-node", "node-version"),
    "go": ("actions/setup-go", "go-version"),
    "ruby": ("ruby/setup-ruby", "ruby-version"),
    "rust": ("dtolnay/rust-toolchain", "toolchain"),
}
_IMAGES = {"python": "python", "node": "node", "golang": "go", "ruby": "ruby", "rust": "rust"}
_HOLE = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}|\$\{?(\w+)\}?")


_FILES: Mapping[str, Sequence[tuple[str, str]]] = {
    ".python-version": (("python", r"\A\s*(?:#.*\s+)*(\S+)"),),
    ".nvmrc": (("node", r"\A\s*(\S+)"),),
    ".node-version": (("node", r"\A\s*(\S+)"),),
    ".ruby-version": (("ruby", r"\A\s*(?:ruby-)?(\S+)"),),
    ".tool-versions": (
        ("python", r"^python\s+(\S+)"),
        ("node", r"^node(?:js)?\s+(\S+)"),
        ("go", r"^go(?:lang)?\s+(\S+)"),
        ("ruby", r"^ruby\s+(\S+)"),
        ("rust", r"^rust\s+(\S+)"),
    ),
    "rust-toolchain": (("rust", r"\A\s*(\d\S*)|^\s*channel\s*=\s*[\"']([^\"']+)"),),
    "rust-toolchain.toml": (("rust", r"^\s*channel\s*=\s*[\"']([^\"']+)"),),
    "go.mod": (("go", r"^go\s+(?P<least>\d[\d.]*)"),),
    "package.json": (("node", r"\"engines\"\s*:\s*\{[^{}]*\"node\"\s*:\s*\"([^\"]+)"),),
    "pyproject.toml": (("python", r"^\s*requires-python\s*=\s*[\"']([^\"']+)"),),
    "Cargo.toml": (("rust", r"^\s*rust-version\s*=\s*[\"'](?P<least>\d[\d.]*)"),),
}
"""What names the version of a language in a file, `least` where it may be a later one."""
_PYTHON = (
    "pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "requirements*.txt",
    "constraints*.txt",
)  # fmt: skip
_NODE = (
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb",
)  # fmt: skip
_LOCKS: Mapping[str, Sequence[tuple[str, Sequence[str]]]] = {
    "package.json": ((r"\"(?:devD|d)ependencies\"\s*:\s*\{\s*\"", _NODE),),
    "pyproject.toml": (
        (r"^\[tool\.poetry\.dependencies\]", ("poetry.lock",)),
        (r"^\[tool\.uv\b", ("uv.lock",)),
        (r"^\[tool\.pdm\b", ("pdm.lock",)),
        (r"^dependencies\s*=\s*\[\s*(?:#.*\s*)*[\"']", _PYTHON),
    ),
    "Cargo.toml": ((r"^\[(?:[\w.'\"()=-]+\.)?dependencies\b", ("Cargo.lock",)),),
    "go.mod": ((r"^\s*require\b", ("go.sum",)),),
    "Gemfile": ((r"^\s*gem\b", ("Gemfile.lock",)),),
}
"""What says that a manifest has dependencies, and the files that lock them; the first counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A version that something names."""

    language: str
    text: str
    """As written: one version, or a range."""
    file: str
    line: int | None = None
    job: str = ""
    several: bool = False
    """Whether the job runs with each of several."""

    @property
    def version(self) -> Version | None:
        return read_version(self.text)


def inspect_toolchains(
    pipelines: Sequence[Pipeline], sources: Sources, manifests: Sequence[str]
) -> Inspection:
    uses = [use for pipeline in pipelines for job in pipeline.jobs.values() for use in _uses_of(job)]
    named = list(_versions_in_files(sources))
    single = [use for use in uses if use.version and not use.several]
    pairs = [(use, name) for name in named for use in (*uses, *named) if _compares(use, name)]
    locked = list(_manifests(sources, manifests))
    looked = {
        rules.TOOLCHAIN.id: rules.TOOLCHAIN.looked(len(single), "version in a job"),
        rules.TOOLCHAIN_FILE.id: rules.TOOLCHAIN_FILE.looked(len(pairs), "version beside one in a file"),
        rules.LOCKFILE.id: rules.LOCKFILE.looked(len(locked), "manifest with dependencies"),
    }
    unlocked = (
        rules.LOCKFILE.finding(name, ", ".join(locks), file=name)
        for name, locks, there in locked
        if not there
    )
    findings = (*_between_jobs(single), *_beside_files(pairs), *unlocked)
    return Inspection(files=None, findings=findings, looked=looked)


def _compares(use: Use, name: Use) -> bool:
    """Whether a version can be held against what a file names; of two files, each pair once."""
    once = bool(use.job) or not name.version or use.file < name.file
    return use.language == name.language and use.version is not None and use is not name and once


def _between_jobs(uses: Sequence[Use]) -> Iterator[Finding]:
    """Each job against the first that names a version of the language."""
    first: dict[str, Use] = {}
    for use in uses:
        other = first.setdefault(use.language, use)
        if use.version and other.version and not agree(use.version, other.version):
            details = (use.language, use.text, other.text, f"{other.file}#{other.job}")
            yield rules.TOOLCHAIN.finding(*details, file=use.file, line=use.line, place=use.job)


def _beside_files(pairs: Sequence[tuple[Use, Use]]) -> Iterator[Finding]:
    """What a file names must be in a range, and one of the versions of a job that runs with several."""
    jobs: dict[tuple[str, str, Use], list[Use]] = {}
    for use, name in pairs:
        jobs.setdefault((use.file, use.job, name), []).append(use)
    for (file, job, name), ones in jobs.items():
        if not any(_fits(use, name) for use in ones):
            details = (name.language, ", ".join(use.text for use in ones), name.text, name.file)
            yield rules.TOOLCHAIN_FILE.finding(*details, file=file, line=ones[0].line, place=job)


def _fits(use: Use, name: Use) -> bool:
    version, wanted = use.version, name.version
    if version is None:
        return True
    return agree(version, wanted) if wanted else allows(name.text, version) is not False


# Jobs.


def _uses_of(job: Job) -> Iterator[Use]:
    for step in job.steps:
        action, _, ref = step.uses.partition("@")
        for language, (setup, key) in _SETUPS.items():
            if action.lower() == setup:
                written = step.options.get(key, ref if language == "rust" else None)
                yield from _versions(job, language, written, step.line)
    for image in job.images:
        for filled in _fill(image, job.values):
            name, _, tag = filled.partition("@")[0].rpartition(":")
            known = _IMAGES.get(name.rpartition("/")[2])
            if known and tag:
                yield Use(language=known, text=tag, file=job.file, line=job.line, job=job.name)


def _versions(job: Job, language: str, written: Any, line: int) -> Iterator[Use]:
    texts = [
        filled
        for one in as_list(written)
        for text in as_text(one).split("\n")
        for filled in _fill(text.strip(), job.values)
    ]
    for text in texts:
        if text:
            yield Use(
                language=language, text=text, file=job.file, line=line, job=job.name, several=len(texts) > 1
            )


def _fill(text: str, values: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """A text with the values that it may have; nothing where one of them is not known."""
    match = _HOLE.search(text)
    if match is None:
        return [text]
    found = values.get(match[1] or match[2], ())
    return [
        text[: match.start()] + as_text(one) + text[match.end() :] for one in found if "$" not in as_text(one)
    ]


# Files.


def _versions_in_files(sources: Sources) -> Iterator[Use]:
    for name, patterns in _FILES.items():
        text = sources.text(name)
        for language, pattern in patterns if text else ():
            match = re.search(pattern, text.content, re.MULTILINE) if text else None
            version = next(filter(None, match.groups()), "") if match else ""
            if match and re.match(r"[<>=~^!]|v?\d", version):
                least = ">=" if match.groupdict().get("least") else ""
                yield Use(language=language, text=least + version, file=name)


def _manifests(sources: Sources, patterns: Sequence[str]) -> Iterator[tuple[str, Sequence[str], bool]]:
    """Manifests with dependencies, the files that lock them, and whether one is there, or further up."""
    for name in dict.fromkeys(name for pattern in patterns for name in sources.find(pattern)):
        folder, _, base = name.rpartition("/")
        text = sources.text(name)
        content = text.content if text else ""
        asks = _LOCKS.get(base, ())
        locks = next((locks for asked, locks in asks if re.search(asked, content, re.MULTILINE)), ())
        binary = "[[bin]]" in content or sources.find(f"{folder}/src/main.rs")
        if locks and (base != "Cargo.toml" or binary):
            folders = [folder, *map(str, PurePosixPath(folder).parents)]
            yield name, locks, any(sources.find(f"{place}/{lock}") for place in folders for lock in locks)
