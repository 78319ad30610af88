"""Pipelines of GitLab CI: what they may hold, and what they do.

Local files that one includes are taken in as GitLab does; what it takes from elsewhere is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from itertools import chain
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.yaml import Dialect, Document, Tagged
from phasegate.inspection.finding import Finding, Rule
from phasegate.kinds.pipeline import rules
from phasegate.kinds.pipeline.model import (
    MOST,
    Job,
    Pipeline,
    Shell,
    Step,
    System,
    as_list,
    as_mapping,
    as_text,
    as_texts,
    reach,
    ring_of,
    text_or,
)
from phasegate.kinds.pipeline.shape import ANYTHING, Shape, at, check_shape
from phasegate.kinds.pipeline.sources import Sources

DIALECT = Dialect(foreign_tags=True, kept_tags=frozenset({"!reference"}), old_words=True, plain=True)
INPUT = "$[["
_DEEPEST = 11
"""Levels of `extends` and `!reference`; GitLab takes no more."""
_CHILDREN = 2
"""Pipelines that start one another; GitLab takes no more below the first."""
_INCLUDES = 150
_NESTED = 100
"""Levels of nesting, with what is referred to."""
_VALUES = 200_000
"""Values of all jobs, with what they extend and refer to."""
_PARALLEL = re.compile(r"(?::\s*\[.*\]| \d+/\d+)$")
"""What follows the name of a job where one of several that run beside each other is meant."""
_STAGES = (".pre", "build", "test", "deploy", ".post")
_SETTINGS = frozenset(
    ("default", "include", "stages", "types", "variables", "workflow", "image", "services", "before_script",
     "after_script", "cache", "spec")
)  # fmt: skip
_LINES = Shape("text or list", each=Shape("text or list"))
_DEFAULT = (
    "after_script", "artifacts", "before_script", "cache", "hooks", "id_tokens", "identity", "image",
    "interruptible", "retry", "services", "tags", "timeout",
)  # fmt: skip
"""Keys of jobs that `default` may have as well."""
_KEYS = (
    "coverage", "dast_configuration", "delay", "except", "inherit", "inputs", "manual_confirmation", "only",
    "pages", "parallel", "publish", "release", "resource_group", "run", "secrets", "start_in", "trigger",
    "type",
)  # fmt: skip
_JOB = Shape(
    "mapping",
    keys=dict.fromkeys((*_DEFAULT, *_KEYS), ANYTHING)
    | {
        "script": replace(_LINES, filled=True),
        "before_script": _LINES,
        "after_script": _LINES,
        "extends": Shape("text or list", each=Shape("text")),
        "stage": Shape("text"),
        "needs": Shape("list or mapping or nothing", each=Shape("text or mapping")),
        "dependencies": Shape("list or nothing", each=Shape("text")),
        "rules": Shape("list or nothing", filled=True),
        "allow_failure": Shape("text or mapping or nothing"),
        "when": Shape("text"),
        "variables": Shape("mapping or nothing"),
        "environment": Shape("text or mapping"),
    },
)
_TOP = Shape(
    "mapping",
    keys={
        "stages": Shape("list or nothing"),
        "variables": Shape("mapping or nothing"),
        "default": Shape("mapping or nothing", keys=dict.fromkeys(_DEFAULT, ANYTHING)),
        "include": Shape("text or list or mapping or nothing"),
    },
    each=ANYTHING,
)


@dataclass
class _Merged:
    """Everything that a file and those that it includes say."""

    tree: dict[str, Any] = field(default_factory=dict)
    written: dict[str, Document] = field(default_factory=dict)
    """Where a key of the top is written, the last that says it."""
    files: dict[str, None] = field(default_factory=dict)
    unresolved: dict[str, None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_pipeline(document: Document, sources: Sources, within: tuple[str, ...] = ()) -> Pipeline:
    """`within`: the files of the pipelines that start this one."""
    merged = _Merged()
    _take_in(document, sources, merged)
    whole = _Reader(document, merged).pipeline()
    return _with_children(whole, as_mapping(merged.tree), sources, (*within, document.file))


def _with_children(
    whole: Pipeline, tree: Mapping[str, Any], sources: Sources, within: tuple[str, ...]
) -> Pipeline:
    """A pipeline with the jobs of those that it starts and that are in the repository."""
    for name, job in [*whole.jobs.items()] if len(within) <= _CHILDREN else ():
        files = [
            as_text(one) or as_text(as_mapping(one).get("local"))
            for one in as_list(as_mapping(as_mapping(tree.get(name)).get("trigger")).get("include"))
        ]
        found = [sources.read(file.lstrip("/"), DIALECT) for file in files if file and "$" not in file]
        documents = [one for one in found if one is not None and one.file not in within]
        if not documents or len(documents) < len(files):
            continue
        children = [read_pipeline(one, sources, within) for one in documents]
        jobs = {
            f"{name} / {one.name}": replace(
                one,
                name=f"{name} / {one.name}",
                before=job.before | {f"{name} / {other}" for other in one.before},
                held_by=job.held_by | {f"{name} / {other}" for other in one.held_by},
                regardless=job.regardless or one.regardless,
                conditions=one.conditions or job.conditions,
                excuse=one.excuse or (job.excuse if job.excuse in ("when: never",) else ""),
            )
            for child in children
            for one in child.jobs.values()
        }
        whole = replace(
            whole,
            jobs={**whole.jobs, name: replace(job, unresolved="", only_starts=True), **jobs},
            uses=whole.uses.union(*({child.file, *child.uses} for child in children)),
            findings=(*whole.findings, *(one for child in children for one in child.findings)),
            unresolved=(*whole.unresolved, *(one for child in children for one in child.unresolved)),
            elsewhere=(*whole.elsewhere, *(one for child in children for one in child.elsewhere)),
            unproven=(*whole.unproven, *(one for child in children for one in child.unproven)),
        )
    return whole


def _take_in(document: Document, sources: Sources, merged: _Merged) -> None:
    """Add a file, after those that it includes, as what it says itself counts more."""
    tree = as_mapping(document.tree)
    merged.files[document.file] = None
    merged.findings += check_shape(document, document.tree, _TOP, (), INPUT)
    for one in as_list(tree.get("include")):
        entry = {"local": one} if isinstance(one, str) and "://" not in one else as_mapping(one)
        local = as_text(entry.get("local"))
        if not local or "$" in local:
            words = as_text(one) or ", ".join(f"{key}: {as_text(value)}" for key, value in entry.items())
            merged.unresolved[words] = None
            continue
        names = sources.find(local)
        if not names and "*" not in local:
            merged.findings.append(at(rules.INCLUDE, document, ("include",), local))
        for name in names:
            if len(merged.files) > _INCLUDES or name in merged.files:
                continue
            inner = sources.read(name, DIALECT)
            if inner is None:
                merged.unresolved[name] = None
            else:
                _take_in(inner, sources, merged)
    for key, value in tree.items():
        if key in _SETTINGS or isinstance(value, dict) or key.startswith("."):
            merged.written[key] = document
    merged.tree = _merge(merged.tree, tree)


def _merge(under: Any, over: Any) -> Any:
    """Mappings are merged key by key, everything else is replaced."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    merged = {key: _merge(under[key], value) if key in under else value for key, value in over.items()}
    return {**under, **merged}


class _Reader:
    def __init__(self, document: Document, merged: _Merged) -> None:
        self._document = document
        self._merged = merged
        self._tree = merged.tree
        self._findings = merged.findings
        self._left = _VALUES
        self._doubts: dict[str, str] = {}
        names = [
            name
            for name, value in self._tree.items()
            if name not in _SETTINGS and not name.startswith(".") and isinstance(value, dict)
        ]
        if len(names) > MOST:
            self._left = 0
        self._jobs = {name: self._complete(name) for name in names[:MOST]}
        stages = as_texts(self._resolve(self._tree.get("stages") or self._tree.get("types"), ("stages", "")))
        self._stages = (".pre", *stages, ".post") if stages else _STAGES

    def pipeline(self) -> Pipeline:
        if self._left < 0:
            self._doubts["jobs"] = ""
        for name, value in self._tree.items() if self._left >= 0 else ():
            if name not in _SETTINGS and not name.startswith("."):
                self._check(name, value)
        needs = {name: self._needs(name, job) for name, job in self._jobs.items()}
        ahead = reach(needs)
        for name in self._jobs:
            if ring := ring_of(name, ahead):
                self._find(rules.CYCLE, name, "needs", name, ring)
        held = reach({name: needs[name] if not _regardless(job) else () for name, job in self._jobs.items()})
        jobs = {
            name: self._job(name, job, ahead[name] - {name}, held[name] - {name})
            for name, job in self._jobs.items()
        }
        return Pipeline(
            file=self._document.file,
            system=System.GITLAB,
            name=self._document.file,
            jobs=jobs,
            unproven=tuple(self._doubts),
            unresolved=tuple(self._merged.unresolved),
            elsewhere=tuple(self._merged.unresolved) or tuple(self._doubts.values()),
            uses=frozenset(self._merged.files) - {self._document.file},
            findings=tuple(self._findings),
        )

    # What is wrong.

    def _find(self, rule: Rule, name: str, key: str, *details: str) -> None:
        document = self._merged.written.get(name, self._document)
        self._findings.append(at(rule, document, (name, key) if key else (name,), *details))

    def _check(self, name: str, value: Any) -> None:
        document = self._merged.written.get(name, self._document)
        if not isinstance(value, dict):
            if INPUT not in name:
                self._find(rules.SHAPE, name, "", name, "mapping")
            return
        job = self._jobs.get(name, {})
        self._findings += check_shape(document, job, _JOB, (name,), INPUT)
        if not {"script", "run", "trigger"} & set(job) and not self._open(name, name, "script"):
            self._find(rules.MISSING_KEY, name, "", name, "script")
        if self._stage(job) not in self._stages and not self._open(self._stage(job), name, "stage"):
            self._find(rules.STAGE, name, "stage", name, self._stage(job))
        for key in ("needs", "dependencies"):
            for needed, optional in _jobs_in(job, key):
                if not optional and not self._can_wait(name, job, needed, key):
                    self._find(rules.NEEDS, name, key, name, needed)

    def _take(self) -> None:
        self._left -= 1
        if self._left < 0:
            self._merged.unresolved[f"values after the first {_VALUES}"] = None

    def _open(self, text: str, name: str, key: str) -> bool:
        """Whether what a text names may be elsewhere; then nothing is proven of that place."""
        if not self._merged.unresolved and "$" not in text:
            return False
        self._doubts[f"{name}.{key}"] = text
        return True

    def _can_wait(self, name: str, job: Mapping[str, Any], needed: str, key: str) -> bool:
        other = self._jobs.get(needed) or self._jobs.get(_PARALLEL.sub("", needed))
        if other is None:
            return self._open(needed, name, key)
        if key == "dependencies" and job.get("needs"):
            return needed in self._needs(name, job)
        first, second = self._rank(other), self._rank(job)
        if None in (first, second) or needed == name:
            return True
        return first < second or (key == "needs" and first == second)  # type: ignore[operator]

    # What a job comes to.

    def _stage(self, job: Mapping[str, Any]) -> str:
        return as_text(job.get("stage")) or as_text(job.get("type")) or "test"

    def _rank(self, job: Mapping[str, Any]) -> int | None:
        stage = self._stage(job)
        return self._stages.index(stage) if stage in self._stages else None

    def _complete(self, name: str) -> dict[str, Any]:
        """A job with what it extends, and with what it refers to."""
        job = self._with_parents(name, ())
        default = as_mapping(self._tree.get("default"))
        inherits = as_mapping(job.get("inherit")).get("default") is not False
        for key in ("image", "before_script", "after_script") if inherits else ():
            source = default if key in default else self._tree
            if key not in job and key in source:
                job[key] = source[key]
        return {key: self._resolve(value, (name, key)) for key, value in job.items()}

    def _with_parents(self, name: str, within: tuple[str, ...]) -> dict[str, Any]:
        own = as_mapping(self._tree.get(name))
        found: dict[str, Any] = {}
        self._take()
        for parent in as_texts(own.get("extends")) if self._left >= 0 else ():
            if parent in within or parent == name or len(within) >= _DEEPEST:
                self._find(rules.REFERENCE, (within or (name,))[0], "extends", parent)
            elif isinstance(self._tree.get(parent), dict):
                found = _merge(found, self._with_parents(parent, (*within, name)))
            elif not self._open(parent, name, "extends"):
                self._find(rules.REFERENCE, name, "extends", parent)
        return {**_merge(found, dict(own))}

    def _resolve(
        self, value: Any, place: tuple[str, str], within: tuple[str, ...] = (), depth: int = 0
    ) -> Any:
        """A value with what `!reference` stands for; what is referred to in a list becomes part of it.

        `within`: the references that are followed.
        """
        self._take()
        if depth > _NESTED or self._left < 0:
            return None
        if isinstance(value, Tagged):
            return self._follow(value, place, within, depth)
        if isinstance(value, list):
            items: list[Any] = []
            for one in value:
                resolved = self._resolve(one, place, within, depth + 1)
                items += as_list(resolved) if isinstance(one, Tagged) else [resolved]
            return items
        if isinstance(value, dict):
            return {key: self._resolve(one, place, within, depth + 1) for key, one in value.items()}
        return value

    def _follow(self, reference: Tagged, place: tuple[str, str], within: tuple[str, ...], depth: int) -> Any:
        path = as_texts(list(reference))
        name, key = place
        tree = self._tree
        if path and path[0] not in _SETTINGS and isinstance(tree.get(path[0]), dict):
            tree = {path[0]: self._with_parents(path[0], ())}
        there, found = _look_up(tree, path)
        text = " ".join(path)
        if text in within or len(within) >= _DEEPEST - 1 or not (there or self._open(text, name, key)):
            self._find(rules.REFERENCE, name, key, text)
            return None
        return self._resolve(found, place, (*within, text), depth + 1)

    def _needs(self, name: str, job: Mapping[str, Any]) -> tuple[str, ...]:
        """Jobs that it waits for: those that it names, otherwise all of the stages before its own."""
        if job.get("needs") is not None:
            named = (
                one if one in self._jobs else _PARALLEL.sub("", one) for one, _ in _jobs_in(job, "needs")
            )
            return tuple(one for one in named if one in self._jobs)
        rank = self._rank(job) or 0
        earlier = set(self._stages[:rank])
        return tuple(other for other, one in self._jobs.items() if self._stage(one) in earlier)

    def _job(self, name: str, job: Mapping[str, Any], before: frozenset[str], held: frozenset[str]) -> Job:
        document = self._merged.written.get(name, self._document)
        script = "\n".join(text for key in ("before_script", "script") for text in _lines(job.get(key)))
        step = Step(line=document.key_at((name, "script")).line, script=script, shell=Shell(pipefail=True))
        after = Step(
            line=step.line,
            script="\n".join(_lines(job.get("after_script"))),
            shell=step.shell,
            excuse="after_script",
            regardless="after_script",
        )
        environment, trigger = job.get("environment"), job.get("trigger")
        goes = as_text(as_mapping(environment).get("action")) in ("", "start")
        variables = {**as_mapping(self._tree.get("variables")), **as_mapping(job.get("variables"))}
        return Job(
            name=name,
            stage=as_text(job.get("stage")),
            file=document.file,
            line=document.key_at((name,)).line,
            steps=tuple(one for one in (step, after) if one.script),
            before=before,
            held_by=held,
            excuse=_excuse(job),
            conditions=_conditions(job),
            needed=frozenset(one for one, optional in _jobs_in(job, "needs") if not optional),
            may_be_absent=True,
            regardless=_regardless(job),
            environment=text_or(environment, "name") if goes else "",
            images=tuple(filter(None, (text_or(job.get("image"), "name"),))),
            values={key: (as_mapping(one).get("value", one),) for key, one in variables.items()},
            unresolved=as_text(trigger) or ("trigger" if trigger else ""),
        )


def _jobs_in(job: Mapping[str, Any], key: str) -> Iterator[tuple[str, bool]]:
    """Jobs of the same pipeline that are named, and whether they may be missing."""
    for one in chain.from_iterable(as_list(part) for part in as_list(job.get(key))):
        name = text_or(one, "job")
        if name and not {"pipeline", "project"} & set(as_mapping(one)):
            yield name, as_mapping(one).get("optional") is True


def _look_up(tree: Any, path: list[str]) -> tuple[bool, Any]:
    """Whether something is at a place, and what."""
    for key in path:
        if isinstance(tree, dict) and key in tree:
            tree = tree[key]
        elif isinstance(tree, list) and key.isdecimal() and int(key) < len(tree):
            tree = tree[int(key)]
        else:
            return False, None
    return bool(path), tree


def _lines(script: Any) -> Iterator[str]:
    for one in as_list(script):
        if isinstance(one, list):
            yield from (as_text(inner) for inner in one)
        else:
            yield as_text(one)


def _rules(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [as_mapping(one) for one in as_list(job.get("rules")) if isinstance(one, dict)]


def _conditions(job: Mapping[str, Any]) -> frozenset[str]:
    """What puts a job into a pipeline, of which one must be true; none where it always is in it."""
    found: set[str] = set()
    for one in _rules(job):
        asked = [f"{key}: {one[key]}" for key in ("if", "changes", "exists") if key in one]
        if as_text(one.get("when")) != "never":
            if not asked:
                return frozenset()
            found.add(", ".join(asked))
    without = f" except {job['except']}" if "except" in job else ""
    only = as_mapping(job.get("only")) or {"refs": job.get("only")}
    also = "".join(f", {key}: {only[key]}" for key in sorted(only) if key != "refs")
    refs = as_texts(only.get("refs")) or (["any"] if without or also else [])
    return frozenset(found) or frozenset(f"{ref}{also}{without}" for ref in refs)


def _excuse(job: Mapping[str, Any]) -> str:
    """What keeps its failure from stopping others: manual jobs may fail, unless rules make them so."""
    allowed = job.get("allow_failure")
    when = as_text(job.get("when"))
    goes = [one for one in _rules(job) if as_text(one.get("when") or when) != "never"]
    if when == "never" or (_rules(job) and not goes):
        return "when: never"
    for one in (job, *goes):
        codes = as_list(as_mapping(one.get("allow_failure")).get("exit_codes"))
        if one.get("allow_failure") is True or 1 in codes:
            return "allow_failure: true" if not codes else "allow_failure: exit_codes"
    return "when: manual" if when == "manual" and allowed is not False and not goes else ""


def _regardless(job: Mapping[str, Any]) -> str:
    for one in (job, *_rules(job)):
        if as_text(one.get("when")) in ("always", "on_failure"):
            return f"when: {as_text(one.get('when'))}"
    return ""
