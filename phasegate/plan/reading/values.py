"""What `${...}` stands for before anything runs: variables with their overrides, and the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError, Position, Problem
from phasegate.base.facts import Code, fact
from phasegate.base.fields import Located
from phasegate.base.substitution import UnknownNameError, fill, finish, insert_values, names_in, texts_in
from phasegate.base.tree import TreePath
from phasegate.base.yaml import ODD, Document, read, resolve_scalar
from phasegate.plan.asked.plan import Secret
from phasegate.plan.reading.addressable import Addressable
from phasegate.plan.text.findings import Findings, did_you_mean, nearest, where
from phasegate.plan.text.odd_words import explain_word

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LATER = ("target.", "self.")
_LATER_WORDS = frozenset({"each", "out"})
_SHORT = 8
"""A secret with fewer characters turns up by chance, and so is redacted in places where it is none."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """Everything that is known at load."""

    variables: Mapping[str, Any]
    known: Mapping[str, Any]
    """By the name in `${...}`: variables, and `env.NAME`."""
    secrets: tuple[Secret, ...]
    elsewhere: bool = False
    """Whether the plan is read as for another machine, whose environment variables are not known here."""
    open: frozenset[str] = frozenset()
    """Variables that have no value here because of that."""
    withheld: frozenset[str] = frozenset()
    """Names with values that are not read, for a command that shows nothing of the environment: `env.NAME`,
    and the variables that use one."""

    def is_open(self, name: str) -> bool:
        """Whether a name has a value that is not known here, so that nothing can be said of it."""
        return name in self.withheld or (self.elsewhere and (name.startswith("env.") or name in self.open))

    def withholds(self, tree: Any) -> bool:
        """Whether a tree has a name whose value is not read."""
        return bool(self.withheld) and not self.withheld.isdisjoint(names_in(tree))

    @cached_property
    def secret_names(self) -> frozenset[str]:
        """`env.NAME` of every secret."""
        return frozenset(f"env.{secret.name}" for secret in self.secrets)

    @cached_property
    def missing_secrets(self) -> dict[str, int]:
        """Names of secrets that are not set, or empty, with their numbers."""
        return {secret.name: number for number, secret in enumerate(self.secrets) if not secret.value}

    @cached_property
    def secret_values(self) -> dict[str, str]:
        known = {f"env.{secret.name}": secret.value for secret in self.secrets if secret.value}
        return {name: value for name, value in known.items() if name not in self.withheld}


def is_later(name: str) -> bool:
    """Whether a name gets its value after the plan is loaded."""
    return name.startswith(_LATER) or name in _LATER_WORDS


def gather(
    document: Document,
    secrets: Sequence[str],
    env: Mapping[str, str],
    overrides: Mapping[str, str],
    files: Sequence[Path],
    findings: Findings,
    *,
    elsewhere: bool = False,
    withhold: bool = False,
) -> Values:
    """Variables in the order they are defined, each able to use those above it; then what overrides them.

    `withhold`: no value of the environment is read, only which of its variables are set.
    """
    written = document.tree.get("variables")
    written = written if isinstance(written, Mapping) else {}
    if withhold:
        env = {name: value and f"${{env.{name}}}" for name, value in env.items()}
    kept = tuple(Secret(name=name, value=env.get(name, "")) for name in secrets)
    hidden = {secret.name for secret in kept}
    withheld = {f"env.{name}" for name, value in env.items() if value or name not in hidden}
    withheld = withheld if withhold else set()
    known: dict[str, Any] = {
        f"env.{name}": value for name, value in env.items() if name not in hidden and not withhold
    }
    given = _override_values(written, overrides, files, findings)
    variables: dict[str, Any] = {}
    left_open: set[str] = set()
    for name, value in written.items():
        if name.startswith("x-"):
            continue
        if not _VARIABLE.fullmatch(name) or name in _LATER_WORDS:
            message = (
                f"{name!r} cannot name a variable: letters, digits, '-' and '_', and not 'each' or 'out'"
            )
            findings.add(document, ("variables", name), message, key=True)
            continue
        if name not in given and elsewhere and _waits(value, known, left_open, hidden):
            left_open.add(name)
            continue
        used = {one for one in names_in(value) if one.removeprefix("env.") not in hidden}
        if name not in given and not used.isdisjoint(withheld):
            withheld.add(name)
            continue
        variables[name] = (
            given[name] if name in given else _define(document, name, value, known, written, hidden, findings)
        )
        known[name] = variables[name]
    if not withhold:
        _warn_of_short(document, kept, findings)
    return Values(
        variables=variables,
        known=known,
        secrets=kept,
        elsewhere=elsewhere,
        open=frozenset(left_open),
        withheld=frozenset(withheld),
    )


def _waits(value: Any, known: Mapping[str, Any], left_open: set[str], secrets: set[str]) -> bool:
    """Whether a variable uses what is known on another machine only."""
    unset = (name for name in names_in(value) if name not in known)
    return any(
        name in left_open or (name.startswith("env.") and name.removeprefix("env.") not in secrets)
        for name in unset
    )


def _define(
    document: Document,
    name: str,
    value: Any,
    known: Mapping[str, Any],
    written: Mapping[str, Any],
    secrets: set[str],
    findings: Findings,
) -> Any:
    try:
        return fill(value, known)
    except UnknownNameError:
        pass
    for path, unknown in unknown_names(value, lambda other: other in known):
        help = "a variable can use the environment and the variables above it"
        if unknown in written:
            message = f"variable {name!r} uses ${{{unknown}}}, which is not defined above it"
        elif is_later(unknown):
            message = f"variable {name!r} uses ${{{unknown}}}, which is known only while the plan runs"
        elif unknown.removeprefix("env.") in secrets:
            message = f"variable {name!r} uses the secret ${{{unknown}}}, and variables are shown in reports"
            help = f"write ${{{unknown}}} where it is needed"
        elif unknown.startswith("env."):
            message, help = _no_environment(unknown), _export_hint(unknown)
        else:
            message, help = f"unknown variable {unknown!r}", did_you_mean(unknown, written, "variables")
        findings.add(document, ("variables", name, *path), message, help=help)
    return finish(insert_values(value, known, keep=lambda _: True))


def _override_values(
    written: Mapping[str, Any], overrides: Mapping[str, str], files: Sequence[Path], findings: Findings
) -> dict[str, Any]:
    """What `--vars` files and `--set` say, the latter winning."""
    given: dict[str, Any] = {}
    first: dict[str, Position] = {}
    for file in files:
        try:
            document = read(file)
        except PlanError as error:
            findings.extend(error.problems)
            continue
        findings.document(document, within=("variables",))
        if not isinstance(document.tree, Mapping):
            findings.add(document, (), "a file of variables is a mapping of names to values")
            continue
        for name, value in document.tree.items():
            if name in first:
                message = f"variable {name!r} is also given {where(first[name], beside=document.file)}"
                findings.add(document, (name,), message, help="keep one of them", key=True)
            elif name in written:
                given[name], first[name] = value, document.key_at((name,))
            elif not name.startswith("x-"):
                help = did_you_mean(name, written, "variables")
                findings.add(document, (name,), f"the plan has no variable {name!r}", help=help, key=True)
    for name, text in overrides.items():
        if name in written:
            given[name] = _type_override(name, text, written[name], findings)
        else:
            help = did_you_mean(name, written, "variables")
            findings.extend([Problem(message=f"--set {name}: the plan has no variable {name!r}", help=help)])
    return given


def _type_override(name: str, text: str, default: Any, findings: Findings) -> Any:
    """Text from the command line, as text where the plan has text, else as YAML reads it."""
    if isinstance(default, str) or not text:
        return text
    if text in ODD:
        message, help = explain_word(text)
        findings.extend([Problem(message=f"--set {name}={text}: {message}", help=help)])
    try:
        return resolve_scalar(text)
    except ValueError:
        return text


def _warn_of_short(document: Document, secrets: Sequence[Secret], findings: Findings) -> None:
    for index, secret in enumerate(secrets):
        if 0 < len(secret.value) < _SHORT:
            message = fact(Code.SECRET_SHORT, name=secret.name, n=_SHORT)
            help = "everything that looks like it is redacted, where it is not a secret too"
            findings.add(document, ("secrets", index), message, help=help, warning=True)


def insert_known(tree: Any, values: Values, *, but: frozenset[str] = frozenset()) -> Any:
    """Put in what is known at load; every other name, secrets and those in `but` too, stays."""
    known = values.known
    if not but.isdisjoint(known):
        known = {name: value for name, value in known.items() if name not in but}
    return insert_values(tree, known, keep=lambda _: True)


def report_unknown(
    document: Document,
    path: TreePath,
    tree: Any,
    values: Values,
    findings: Findings,
    *,
    allowed: frozenset[str],
    entries: Addressable,
    capturing: bool = False,
) -> tuple[TreePath, ...]:
    """Say which names of a tree stay without a value. Shape: their places, below `path`.

    `allowed` holds the words that get a value later here: `each`, `out`, `self`, `target`, and names that a
    kind gives values to; `entries` are the target's. Where something is captured, other names without a dot
    are left to who captures.
    """
    wrong: list[TreePath] = []

    def fine(name: str) -> bool:
        first, dot, rest = name.partition(".")
        if name in values.withheld:
            return False
        if name in values.secret_names:
            return True
        if first == "target" and dot and "target" in allowed:
            return entries.has(rest)
        if first == "self" and dot:
            return "self" in allowed and rest in ("port", "url")
        if name in _LATER_WORDS:
            return name in allowed or capturing
        if name in allowed and first not in ("target", "self"):
            return True
        return capturing and first not in ("env", "target", "self")

    for place, name in unknown_names(tree, fine):
        wrong.append(place)
        if values.is_open(name):
            continue
        message, help = _explain_name(name, values, allowed, entries)
        findings.add(
            document, (*path, *place), message, help=help, within=_offset(document, (*path, *place), name)
        )
    return tuple(wrong)


def _explain_name(
    name: str, values: Values, allowed: frozenset[str], entries: Addressable
) -> tuple[str, str | None]:
    first, dot, rest = name.partition(".")
    if first == "env" and dot:
        return _no_environment(name), _export_hint(name)
    if first == "target" and dot:
        if "target" not in allowed:
            return (
                f"${{{name}}} is not known here",
                "addresses can be used in checks, commands and the target",
            )
        return entries.explained(rest)
    if first == "self" and dot:
        return f"${{{name}}} is not known here", "processes of the target know ${self.port} and ${self.url}"
    if name == "each":
        return "${each} is used without 'each'", "add each: {name: value, ...} to the check"
    if name == "out":
        return "${out} is not known here", "only checks have an evidence folder"
    names = [*values.variables, *(known for known in values.known if known.startswith("env."))]
    near = nearest(name, names)
    help = f"did you mean ${{{near}}}?" if near else "define it under 'variables'; a literal dollar is $$"
    return f"unknown variable {name!r}", help


def _no_environment(name: str) -> str:
    return f"environment variable {name.removeprefix('env.')!r} is not set"


def _export_hint(name: str) -> str:
    return f"export {name.removeprefix('env.')}=..., or list it under 'secrets' so that only its checks wait"


def unknown_names(tree: Any, fine: Callable[[str], bool]) -> Iterator[tuple[TreePath, str]]:
    """Places and names in a tree for which `fine(name)` is false."""
    for path, text in texts_in(tree):
        if "${" in text:
            yield from ((path, name) for name in dict.fromkeys(names_in(text)) if not fine(name))


def _offset(document: Document, path: TreePath, name: str) -> tuple[str, int, int] | None:
    """Where `${name}` stands in the text at a path, when it stands there as written."""
    document, path = document.find(path)
    at, token = document.value_at(path), f"${{{name}}}"
    line = document.line(at.line)
    begin = at.column - 1 + (line[at.column - 1 : at.column] in ("'", '"'))
    start = line.find(token, begin)
    return None if start < 0 else (line[begin : start + len(token)], start - begin, len(token))


def capture_names(document: Any) -> frozenset[str]:
    """Names that a document of requests gives values to itself: captures and columns of `each`."""
    return frozenset(_capture_names(document))


def _capture_names(tree: Any) -> Iterator[str]:
    match tree:
        case str() | int() | float() | None:  # told faster than that it is no mapping
            return
        case Mapping():
            capture, each = tree.get("capture"), tree.get("each")
            if isinstance(capture, Mapping):
                yield from capture
            if each is not None:
                yield "each"
                rows = each.values() if isinstance(each, Located) else each if isinstance(each, list) else ()
                for row in rows:
                    if isinstance(row, Mapping):
                        yield from row
            for item in tree.values():
                yield from _capture_names(item)
        case list():
            for item in tree:
                yield from _capture_names(item)
        case _:
            return
