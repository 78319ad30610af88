"""Versions of languages in jobs, and in the files of a repository that name them; lock files beside manifests."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.inspection.finding import Finding, Inspection, Looked, Rule
from phasegate.kinds.pipeline import rules
from phasegate.kinds.pipeline.model import Job, Pipeline, as_list, as_mapping, as_text
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
_ASDF = {
    "python": "python",
    "nodejs": "node",
    "node": "node",
    "golang": "go",
    "go": "go",
    "ruby": "ruby",
    "rust": "rust",
}
_HOLE = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}|\$\{?(\w+)\}?")


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
    named = list(_named_by_files(sources))
    read = [use for use in uses if use.version]
    locked = list(_manifests(sources, manifests))
    looked = {
        rules.TOOLCHAIN.id: _looked(
            rules.TOOLCHAIN, len([use for use in read if not use.several]), "version in a job"
        ),
        rules.TOOLCHAIN_FILE.id: _looked(rules.TOOLCHAIN_FILE, len(named), "version in a file"),
        rules.LOCKFILE.id: _looked(rules.LOCKFILE, len(locked), "manifest with dependencies"),
    }
    findings = (
        *_between_jobs(read),
        *_between_jobs_and_files(read, named),
        *(
            _found(rules.LOCKFILE, name, None, "", name, ", ".join(locks))
            for name, locks, there in locked
            if not there
        ),
    )
    return Inspection(files=None, findings=findings, looked=looked)


def _looked(rule: Rule, n: int, of: str) -> Looked:
    return Looked(n=n, of=of, family=rule.family)


def _found(rule: Rule, file: str, line: int | None, place: str, *details: str) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        family=rule.family,
        file=file,
        line=line,
        place=place,
        details=details,
    )


def _between_jobs(uses: Sequence[Use]) -> Iterator[Finding]:
    """Each job against the first that names a version of the language."""
    first: dict[str, Use] = {}
    for use in uses:
        if use.several or use.version is None:
            continue
        other = first.setdefault(use.language, use)
        if other.version and not agree(use.version, other.version):
            where = f"{other.file}#{other.job}"
            yield _found(
                rules.TOOLCHAIN, use.file, use.line, use.job, use.language, use.text, other.text, where
            )


def _between_jobs_and_files(uses: Sequence[Use], named: Sequence[Use]) -> Iterator[Finding]:
    """What a file names must be in a range, and among the versions of a job that runs with several."""
    for name in named:
        jobs: dict[tuple[str, str], list[Use]] = {}
        for use in uses:
            if use.language == name.language:
                jobs.setdefault((use.file, use.job), []).append(use)
        for (file, job), ones in jobs.items():
            if not any(_fits(use, name) for use in ones):
                text = ", ".join(use.text for use in ones)
                yield _found(
                    rules.TOOLCHAIN_FILE, file, ones[0].line, job, name.language, text, name.text, name.file
                )


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
            language = _IMAGES.get(name.rpartition("/")[2])
            if language and tag:
                yield Use(language=language, text=tag, file=job.file, line=job.line, job=job.name)


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


def _named_by_files(sources: Sources) -> Iterator[Use]:
    for name, read in _FILES.items():
        text = sources.text(name)
        for language, version in read(text.content) if text else ():
            version = version.strip()
            if read_version(version) or re.match(r"[<>=~^!]|\d", version):
                yield Use(language=language, text=version, file=name)


def _first_line(language: str) -> Callable[[str], Iterator[tuple[str, str]]]:
    def read(content: str) -> Iterator[tuple[str, str]]:
        lines = [line.strip() for line in content.splitlines() if line.strip() and not line.startswith("#")]
        yield from ((language, line.removeprefix(f"{language}-")) for line in lines[:1])

    return read


def _tool_versions(content: str) -> Iterator[tuple[str, str]]:
    for line in content.splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0] in _ASDF:
            yield _ASDF[words[0]], words[1]


def _rust_toolchain(content: str) -> Iterator[tuple[str, str]]:
    channel = as_text(as_mapping(_toml(content).get("toolchain")).get("channel"))
    yield "rust", channel or ("" if "[" in content else content.strip())


def _go_mod(content: str) -> Iterator[tuple[str, str]]:
    match = re.search(r"^go\s+(\d[\d.]*)", content, re.MULTILINE)
    yield "go", f">={match[1]}" if match else ""


def _package_json(content: str) -> Iterator[tuple[str, str]]:
    yield "node", as_text(as_mapping(_json(content).get("engines")).get("node"))


def _pyproject(content: str) -> Iterator[tuple[str, str]]:
    yield "python", as_text(as_mapping(_toml(content).get("project")).get("requires-python"))


def _cargo(content: str) -> Iterator[tuple[str, str]]:
    version = as_text(as_mapping(_toml(content).get("package")).get("rust-version"))
    yield "rust", f">={version}" if version else ""


_FILES: Mapping[str, Callable[[str], Iterator[tuple[str, str]]]] = {
    ".python-version": _first_line("python"),
    ".nvmrc": _first_line("node"),
    ".node-version": _first_line("node"),
    ".ruby-version": _first_line("ruby"),
    ".tool-versions": _tool_versions,
    "rust-toolchain": _rust_toolchain,
    "rust-toolchain.toml": _rust_toolchain,
    "go.mod": _go_mod,
    "package.json": _package_json,
    "pyproject.toml": _pyproject,
    "Cargo.toml": _cargo,
}


def _toml(content: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _json(content: str) -> Mapping[str, Any]:
    try:
        return as_mapping(json.loads(content))
    except (ValueError, RecursionError):
        return {}


# Lock files.


def _manifests(sources: Sources, patterns: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Manifests with dependencies, the files that lock them, and whether one is there, or further up."""
    for name in dict.fromkeys(name for pattern in patterns for name in sources.find(pattern)):
        folder, _, base = name.rpartition("/")
        text = sources.text(name)
        locks = _locks(base, text.content, f"{folder}/" if folder else "", sources) if text else ()
        if locks:
            folders = [folder, *(folder.rsplit("/", n)[0] for n in range(1, folder.count("/") + 1)), ""]
            yield name, locks, any(sources.find(f"{place}/{lock}") for place in folders for lock in locks)


def _locks(base: str, content: str, folder: str, sources: Sources) -> tuple[str, ...]:
    """What locks the dependencies of a manifest; nothing where it has none."""
    match base:
        case "package.json":
            keys = ("dependencies", "devDependencies")
            names = (
                "package-lock.json",
                "npm-shrinkwrap.json",
                "yarn.lock",
                "pnpm-lock.yaml",
                "bun.lock",
                "bun.lockb",
            )
            return names if any(_json(content).get(key) for key in keys) else ()
        case "pyproject.toml":
            return _python_locks(_toml(content))
        case "Cargo.toml":
            tree = _toml(content)
            binary = tree.get("bin") or sources.find(f"{folder}src/main.rs")
            return ("Cargo.lock",) if binary and tree.get("dependencies") else ()
        case "go.mod":
            return ("go.sum",) if re.search(r"^\s*require\b", content, re.MULTILINE) else ()
        case "Gemfile":
            return ("Gemfile.lock",) if re.search(r"^\s*gem\b", content, re.MULTILINE) else ()
    return ()


def _python_locks(tree: Mapping[str, Any]) -> tuple[str, ...]:
    tools = as_mapping(tree.get("tool"))
    for tool in ("poetry", "uv", "pdm"):
        if as_mapping(tools.get(tool)).get("dependencies") or (tool != "poetry" and tool in tools):
            return (f"{tool}.lock",)
    several = (
        "pylock.toml",
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile.lock",
        "requirements*.txt",
        "constraints*.txt",
    )
    return several if as_mapping(tree.get("project")).get("dependencies") else ()
