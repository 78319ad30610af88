"""Workflows of GitHub Actions: what they may hold, and what they do.

Reusable workflows and composite actions of the repository are followed; those of others are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from phasegate.base.yaml import Dialect, Document
from phasegate.inspection.finding import Finding
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

DIALECT = Dialect(plain=True)
DEEPEST = 10
"""Workflows and actions in one another; GitHub takes no more."""
EXPRESSION = "${{"
_QUOTED = r"'(?:[^']|'')*'"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.S)
_ALWAYS = re.compile(
    r"^(?:!\s*false|always\(\)|!\s*cancelled\(\)|fromJSON\('true'\)|'[^']+'|[1-9]\d*"
    r"|(?P<one>\S+) == (?P=one))$"
    r"|^true \|\||\|\| (?:true|always\(\))$",
    re.IGNORECASE,
)
"""Expressions that are true whatever happened."""
_OF_EVENTS = re.compile(r"\b(?:github|inputs|vars|env|secrets)\.")
"""What an expression asks that may be other when something is deployed."""
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def _mapping(keys: str, *required: str, of: str = "mapping", **known: Shape) -> Shape:
    names = dict.fromkeys(keys.split(), ANYTHING)
    return Shape(
        of, keys=names | {key.replace("_", "-"): one for key, one in known.items()}, required=required
    )


_TEXT, _ANY_MAPPING = Shape("text"), Shape("mapping or nothing")
_DEFAULTS = _mapping("", run=_mapping("shell working-directory"))
_CONCURRENCY = _mapping("group cancel-in-progress queue", "group", of="text or mapping")
_STEP = _mapping(
    "id if name shell working-directory timeout-minutes continue-on-error",
    "run/uses",
    run=_TEXT, uses=_TEXT, env=_ANY_MAPPING, with_=_ANY_MAPPING,
)  # fmt: skip
_STEP = replace(_STEP, keys={**_STEP.keys, "with": _ANY_MAPPING})
_JOB = _mapping(
    "name if permissions timeout-minutes continue-on-error snapshot secrets",
    "runs-on/uses", "steps/uses",
    needs=Shape("text or list", each=_TEXT, filled=True),
    runs_on=Shape("text or list or mapping", filled=True),
    environment=_mapping("name url deployment", "name", of="text or mapping"),
    concurrency=_CONCURRENCY, defaults=_DEFAULTS, uses=_TEXT,
    outputs=_ANY_MAPPING, env=_ANY_MAPPING, services=_ANY_MAPPING,
    strategy=_mapping("matrix fail-fast max-parallel"),
    container=Shape("text or mapping or nothing"),
    steps=Shape("list", each=_STEP, filled=True),
)  # fmt: skip
_JOB = replace(_JOB, keys={**_JOB.keys, "with": _ANY_MAPPING})
_WORKFLOW = _mapping(
    "name run-name permissions",
    "on", "jobs",
    on=Shape("text or list or mapping", filled=True),
    env=_ANY_MAPPING, defaults=_DEFAULTS, concurrency=_CONCURRENCY,
    jobs=Shape("mapping", each=_JOB, filled=True),
)  # fmt: skip


def read_workflow(document: Document, sources: Sources) -> Pipeline:
    tree = as_mapping(document.tree)
    reader = _Reader(sources)
    jobs = {job.name: job for job in reader.jobs(document, (document.file,))}
    triggers = as_mapping(tree.get("on")) or dict.fromkeys(as_texts(tree.get("on")))
    follows = as_texts(as_mapping(triggers.get("workflow_run")).get("workflows"))
    return Pipeline(
        file=document.file,
        system=System.GITHUB,
        name=as_text(tree.get("name")) or document.file,
        jobs=jobs,
        follows=tuple(follows),
        called=set(triggers) == {"workflow_call"},
        unresolved=(f"more than {MOST} jobs and steps",) if reader.left < 0 else (),
        elsewhere=tuple(dict.fromkeys(reader.elsewhere)),
        uses=frozenset(reader.uses),
        findings=tuple(chain(_check(document), reader.findings)),
    )


def _check(document: Document) -> Iterator[Finding]:
    """What is wrong with a workflow by itself."""
    yield from check_shape(document, document.tree, _WORKFLOW, (), EXPRESSION)
    jobs = as_mapping(as_mapping(document.tree).get("jobs"))
    known = {name.casefold() for name in jobs}
    for name, job in jobs.items():
        if not _ID.fullmatch(name):
            yield at(rules.JOB_NAME, document, ("jobs", name), name)
        for needed in as_texts(as_mapping(job).get("needs")):
            if needed.casefold() not in known and EXPRESSION not in needed:
                yield at(rules.NEEDS, document, ("jobs", name, "needs"), name, needed)
    ahead = reach({name.casefold(): _needs(job) for name, job in jobs.items()})
    for name in jobs:
        if ring := ring_of(name.casefold(), ahead):
            yield at(rules.CYCLE, document, ("jobs", name, "needs"), name, ring)


def _needs(job: Any) -> list[str]:
    return [name.casefold() for name in as_texts(as_mapping(job).get("needs"))]


class _Reader:
    """Reads one workflow, with what it takes from others."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.left = MOST
        self.findings: list[Finding] = []
        self.elsewhere: list[str] = []
        self.uses: set[str] = set()

    def jobs(self, document: Document, within: tuple[str, ...]) -> Iterator[Job]:
        """Jobs in the order of the file; a job that calls a workflow gives those of that workflow.

        `within`: the files that are read, the outermost first.
        """
        tree = as_mapping(document.tree)
        written = {name: as_mapping(job) for name, job in as_mapping(tree.get("jobs")).items()}
        found = {name: list(self._job(document, name, within)) for name in written}
        names = {name.casefold(): [one.name for one in jobs] for name, jobs in found.items()}
        ahead = reach({name.casefold(): _needs(job) for name, job in written.items()})
        for name, job in written.items():
            before = ahead[name.casefold()] - {name.casefold()}
            condition = _Condition(as_text(job.get("if")))
            held = before
            if not condition.default:
                asked = condition.succeeded(_needs(job)) & before
                held = asked.union(*(ahead.get(one, ()) for one in asked))
            for one in found[name]:
                yield replace(
                    one,
                    conditions=one.conditions or condition.of_events,
                    before=one.before | _all(names, before),
                    held_by=one.held_by | _all(names, held),
                    regardless=one.regardless or condition.regardless,
                    after_success=one.after_success or condition.after_success,
                    excuse=one.excuse or ("if: false" if condition.never else ""),
                )

    def _job(self, document: Document, name: str, within: tuple[str, ...]) -> Iterator[Job]:
        self.left -= 1
        if self.left < 0:
            return
        tree, place = as_mapping(document.tree), ("jobs", name)
        job = as_mapping(tree["jobs"][name])
        one = Job(
            name=name,
            file=document.file,
            line=document.key_at(place).line,
            excuse=_excuse_in(job, _values(tree, job)),
            doubt=_doubt_in(job),
            conditions=_Condition(as_text(job.get("if"))).of_events,
            environment=text_or(job.get("environment"), "name"),
            images=tuple(filter(None, (text_or(job.get("container"), "image"),))),
            values=_values(tree, job),
        )
        if called := as_text(job.get("uses")):
            yield from self._call(document, one, called, within)
        else:
            steps = self._steps(document, (*place, "steps"), _shell(tree, job), within, one.values)
            yield replace(one, steps=tuple(steps))

    def _call(self, document: Document, caller: Job, called: str, within: tuple[str, ...]) -> Iterator[Job]:
        name, place = caller.name, ("jobs", caller.name, "uses")
        alone = replace(caller, steps=(Step(line=caller.line, uses=called),), unresolved=called)
        file = called[2:].partition("@")[0]
        if not called.startswith("./"):
            self.elsewhere.append(called)
            yield alone
        elif file in within:
            self.findings.append(at(rules.CYCLE, document, place, name, ", ".join(within)))
        elif len(within) > DEEPEST or (inner := self._sources.read(file, DIALECT)) is None:
            if not self._sources.unreadable(file):
                self.findings.append(at(rules.INCLUDE, document, place, file))
            yield alone
        else:
            self.uses.add(file)
            self.findings.extend(_check(inner))
            for job in self.jobs(inner, (*within, file)):
                yield replace(
                    job,
                    name=f"{name} / {job.name}",
                    before=frozenset(f"{name} / {one}" for one in job.before),
                    held_by=frozenset(f"{name} / {one}" for one in job.held_by),
                )

    def _steps(
        self,
        document: Document,
        place: tuple[str, ...],
        shell: str,
        within: tuple[str, ...],
        values: Mapping[str, tuple[Any, ...]],
    ) -> Iterator[Step]:
        above = as_mapping(document.tree)
        for key in place[:-1]:
            above = as_mapping(above.get(key))
        for index, step in enumerate(as_list(above.get(place[-1]))):
            self.left -= 1
            if self.left < 0:
                return
            written = as_mapping(step)
            condition = _Condition(as_text(written.get("if")))
            one = Step(
                line=document.key_at((*place, index)).line,
                id=as_text(written.get("id")),
                doubt=_doubt_in(written),
                conditions=condition.of_events,
                asks=condition.steps,
                script=_EXPRESSION.sub(_named, as_text(written.get("run"))),
                uses=as_text(written.get("uses")),
                options=as_mapping(written.get("with")),
                shell=_as_shell(as_text(written.get("shell")) or shell),
                excuse="if: false" if condition.never else _excuse_in(written, values),
                regardless=condition.regardless,
            )
            inner = self._action(one.uses, within) if one.uses.startswith("./") else None
            if inner is None:
                yield one
                continue
            for part in self._steps(inner, ("runs", "steps"), "", (*within, inner.file), values):
                yield replace(
                    part,
                    line=one.line,
                    id=one.id or part.id,
                    asks=one.asks | part.asks,
                    doubt=one.doubt or part.doubt,
                    conditions=one.conditions or part.conditions,
                    excuse=one.excuse or part.excuse,
                    regardless=one.regardless or part.regardless,
                )

    def _action(self, uses: str, within: tuple[str, ...]) -> Document | None:
        """A composite action of the repository; one may also be fetched by a step before."""
        for name in ("action.yml", "action.yaml"):
            file = f"{uses[2:].strip('/')}/{name}".lstrip("/")
            if file in within or len(within) > DEEPEST:
                return None
            inner = self._sources.read(file, DIALECT)
            if inner is not None:
                self.uses.add(file)
                if as_mapping(as_mapping(inner.tree).get("runs")).get("steps"):
                    return inner
                break  # a program, which is not read
        self.elsewhere.append(uses)
        return None


def _named(expression: re.Match[str]) -> str:
    """What stands for an expression in a script: a word, with the name of what it asks to deploy."""
    name = re.search(r"\w*deploy\w*", expression[1], re.IGNORECASE)
    return f"EXPRESSION_{name[0]}" if name else "EXPRESSION"


def _excuse_in(written: Mapping[str, Any], values: Mapping[str, tuple[Any, ...]]) -> str:
    """What an expression comes to counts where it is the same whenever it is asked."""
    tolerated = as_text(written.get("continue-on-error"))
    match = _EXPRESSION.fullmatch(tolerated.strip())
    text = " ".join((match[1] if match else tolerated).split())
    known = {as_text(one) for one in values.get(text, ())}
    always = text == "true" or known == {"true"} or (match is not None and _ALWAYS.search(text))
    return f"continue-on-error: {tolerated.strip()}" if always else ""


def _doubt_in(written: Mapping[str, Any]) -> str:
    """An expression that may be true when something is deployed; one of a matrix is for some of its jobs."""
    tolerated = as_text(written.get("continue-on-error"))
    return f"continue-on-error: {tolerated.strip()}" if _OF_EVENTS.search(tolerated) else ""


def _all(names: Mapping[str, Sequence[str]], wanted: frozenset[str] | set[str]) -> frozenset[str]:
    return frozenset(chain.from_iterable(names.get(name, ()) for name in wanted))


def _shell(tree: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    of = (as_mapping(as_mapping(one.get("defaults")).get("run")).get("shell") for one in (job, tree))
    written = next((text for one in of if (text := as_text(one))), "")
    windows = any("windows" in text.lower() for text in as_texts(job.get("runs-on")))
    return written or ("pwsh" if windows else "")


def _as_shell(written: str) -> Shell:
    """Bash that a step names runs with pipefail, the one that it gets without naming any does not."""
    name, _, options = written.partition(" ")
    if not options:
        return Shell(posix=name in ("", "sh", "bash"), pipefail=name == "bash")
    return Shell(
        posix=name.rpartition("/")[2] in ("sh", "bash"),
        strict=bool(re.search(r"(?:^|\s)-\w*e|errexit", options)),
        pipefail="pipefail" in options,
    )


def _values(tree: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for env in (tree.get("env"), job.get("env")):
        found |= {f"env.{name}": (value,) for name, value in as_mapping(env).items()}
    matrix = as_mapping(as_mapping(job.get("strategy")).get("matrix"))
    for name, values in matrix.items():
        if name not in ("include", "exclude"):
            found[f"matrix.{name}"] = tuple(as_list(values))
    for more in as_list(matrix.get("include")):
        for name, value in as_mapping(more).items():
            found[f"matrix.{name}"] = (*found.get(f"matrix.{name}", ()), value)
    return found


class _Condition:
    """What an `if` says of what ran before."""

    def __init__(self, written: str) -> None:
        text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", written.strip(), flags=re.S)
        self.text = " ".join(text.split())
        # Names of functions count in any case.
        self._all = frozenset(
            re.sub(r"\w+(?=\()", lambda name: name[0].lower(), one.replace(" ", ""))
            for one in _conjuncts(self.text, DEEPEST)
        )
        plain = re.sub(_QUOTED, "", self.text).lower()
        asks = re.search(r"\b(?:always|cancelled|failure|success)\s*\(", plain)
        self.default = not asks or bool(self._all & {"success()", "!failure()"})
        """Whether it starts only where nothing before it failed."""
        self.never = "false" in self._all
        self.after_success = "github.event.workflow_run.conclusion=='success'" in self._all

    @property
    def regardless(self) -> str:
        return "" if self.default else f"if: {self.text}"

    @property
    def of_events(self) -> frozenset[str]:
        """The condition, where it asks what started the pipeline or how it is set."""
        return frozenset({f"if: {self.text}"} if _OF_EVENTS.search(self.text) else ())

    @property
    def steps(self) -> frozenset[str]:
        """Steps whose success it asks for by id."""
        asked = (re.fullmatch(r"steps\.([\w-]+)\.outcome=='success'", one) for one in self._all)
        return frozenset(match[1] for match in asked if match)

    def succeeded(self, needs: Sequence[str]) -> frozenset[str]:
        """Jobs whose success it asks for by name."""
        if "!contains(needs.*.result,'failure')" in self._all:
            return frozenset(needs)
        asked = (re.fullmatch(r"needs\.([\w-]+)\.result=='success'", one) for one in self._all)
        return frozenset(match[1].casefold() for match in asked if match)


def _conjuncts(text: str, depth: int) -> Iterator[str]:
    """What must all be true for an expression to be true, as far as `&&` and parentheses say."""
    parts: list[str] = []
    start = open_ = 0
    for match in re.finditer(rf"{_QUOTED}|[()]|&&|\|\|", text):
        open_ += {"(": 1, ")": -1}.get(match[0], 0)
        if open_ == 0 and match[0] == "||":
            parts, start = [], 0
            break
        if open_ == 0 and match[0] == "&&":
            parts.append(text[start : match.start()].strip())
            start = match.end()
    parts.append(text[start:].strip())
    for part in parts:
        wrapped = part.startswith("(") and part.endswith(")")
        if depth and (len(parts) > 1 or wrapped):
            yield from _conjuncts(part[1:-1] if wrapped else part, depth - 1)
        else:
            yield part
