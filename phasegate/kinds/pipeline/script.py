"""Commands in the scripts of jobs: which ones deploy, test or roll back, and whether their failure counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.kinds.healthchecks.shell import syntax
from phasegate.kinds.healthchecks.shell.commands import SHELLS, End, Ends, Leaves, shell_line
from phasegate.kinds.healthchecks.shell.status import LONGEST, MOST, read_line, read_tree
from phasegate.kinds.pipeline import deploy_commands
from phasegate.kinds.pipeline.model import Shell


class Role(StrEnum):
    DEPLOYS = "deploys"
    TESTS = "tests"
    ROLLS_BACK = "rolls_back"


_RUNNERS = (
    r"(?:(?:sudo|time|exec|nice|then|do|else|if|while|until|!|command|npx|pnpx|bunx|xvfb-run|coverage run -m|"
    r"python[\d.]* -m|bash|sh|(?:poetry|uv|pdm|hatch|pipenv|rye|bundle|pnpm|yarn|npm|dotenv) (?:run|exec)|"
    r"timeout \S+|[A-Za-z_]\w*=\S*)\s+(?:--?[\w-]+(?:=\S+)?\s+)*)*(?:[^\s'\"]*/)?"
)
_COMMANDS = {
    Role.TESTS: (
        r"phasegate run|pytest|py\.test|tox|nox|unittest|ctest|jest|vitest|mocha|rspec|phpunit|"
        r"pest|karma|bats|playwright test|cypress run|newman run|behave|robot|k6 run|"
        r"xcodebuild .*\btest|\S*manage\.py test|"
        r"(?:npm|yarn|pnpm|bun|deno)(?: run)? (?:t|test[\w:-]*|[\w:-]*[:-]test|e2e)|"
        r"(?:go|cargo|dotnet|swift|flutter|dart|mix|sbt|lein|zig build|bazel|bazelisk|composer|"
        r"stack|cabal|helm|ng|nx|rails|artisan|forge|hardhat|molecule|lerna run|turbo run|cargo hack)"
        r" (?:nextest|test\b)|"
        r"(?:make|just|task) (?:\S+ )*?(?:\w+[-_])*(?:test|check)s?(?:[-_:]\w+)*|"
        r"rake(?: \w*(?:test|spec)\w*|$)|"
        r"docker\b.* (?:run|exec)\b.* (?:pytest|phpunit|rspec|(?:npm|yarn|pnpm)(?: run)? test|"
        r"(?:go|cargo) test)|"
        r"(?:mvn|mvnw)\s.*\b(?:test|verify|install|package|deploy)|"
        r"(?:gradle|gradlew)\s.*\b(?:test|check|build)\w*|(?:run[-_]?)?tests?\.(?:sh|py|js)|"
        r"run[-_]tests?"
    ),
    Role.ROLLS_BACK: (
        r"kubectl\b.* rollout undo|helm rollback|helm upgrade .*--(?:atomic|rollback-on-failure)|"
        r"cf rollback|heroku (?:releases:)?rollback|argo rollouts undo|"
        r"kubectl-argo-rollouts undo|nomad job revert|docker service rollback|"
        r"argocd app rollback|vercel rollback|rollback\S*|gcloud .*(?:set|update)-traffic|"
        r"cap \w+ deploy:rollback"
    ),
    Role.DEPLOYS: deploy_commands.PATTERN,
}
_STARTS = {role: re.compile(rf"\s*{_RUNNERS}(?:{text})(?![\w-])", re.S) for role, text in _COMMANDS.items()}
_DRY = re.compile(
    r"^\s*(?:command\s+-[vV]|which|type|hash)\b|\s-h$|--dry-?run(?!=(?:none|false)\b)|--dryrun|--help\b"
    r"|--version$|--client\b|--check\b(?=.*ansible)|ansible.*--check|--collect-only|--co(?=\s|$)|--no-run\b"
    r"|--list-?tests\b|ctest .*(?:-N\b|--show-only)"
    r"|\bmake (?:\S+ )*?-n\b|-D(?:skipTests|maven\.test\.skip)(?!=false)"
    r"|\bgradlew? .*(?:-x|--exclude-task)[ =](?:\S*:)?test\b",
    re.IGNORECASE,
)
"""What a command does nothing for, or tests nothing."""
_CANNOT_FAIL = re.compile(
    r"--if-present\b|--pass-?with-?no-?tests\b|--no-tests=ignore|--allow-no-tests|--suppress-no-test-exit-code"
    r"|--suppress-exit-code|--no-status-?rc|--nostatusrc|--failure-exit-code[ =]0\b|--no-thresholds"
    r"|\b(?:make|gmake)\b.*\s(?:-[a-zA-Z]*i[a-zA-Z]*(?=\s|$)|--ignore-errors)"
    r"|\bmvnw?\b.*(?:\s-fn\b|--fail-never|-Dmaven\.test\.failure\.ignore(?!=false)|-DtestFailureIgnore(?!=false))"
    r"|-PignoreFailures(?!=false)",
    re.IGNORECASE,
)
"""What makes a test end well although it fails, or although there is none."""
_WEAK_ELSEWHERE = re.compile(
    r"\bexit\s+(?:/b\s+)?0\s*;?\s*$|\|\|\s*(?:exit\s+(?:/b\s+)?0|true|rem|echo|ver)\b|&\s*exit\s+/b\s+0"
    r"|LASTEXITCODE\s*=\s*0|ErrorActionPreference\s*=\s*['\"]?(?:SilentlyContinue|Continue|Ignore)\b",
    re.IGNORECASE,
)
"""What makes a script for PowerShell or cmd end well whatever it does."""
_ALWAYS_WELL = frozenset(
    (
        *(
            "echo",
            "printf",
            "cat",
            "logger",
            "date",
            "ls",
            "tail",
            "head",
            "touch",
            "mkdir",
            "rm",
            "cp",
            "mv",
        ),
        *("tee", "sleep", "true", ":", "export", "kill", "set", "unset", "pwd", "env", "wait", "trap"),
    )
)
"""Commands that end well where nothing odd happens, so that a failure before them is lost."""
_DOCUMENT = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_SHELL_READS = re.compile(r"^\s*(?:sudo\s+)?(?:ssh|bash|sh|zsh|dash)\b")
_SPLIT = re.compile(r"\n|;|&&|\|\||\||\$\(|`|\(|\{\s|(?:\bssh\b[^'\"\n]*|\s-l?c\s+)['\"]")
_SSH = re.compile(
    r"(?m)(?:^|[;&|({]|\b(?:then|do|else|if|sudo|exec|time|command)\s|\bsshpass\b[^\n;&|]*?\s)[ \t]*"
    r"(ssh\s(?:'[^']*'|\"[^\"]*\"|[^'\";&|\n])*)"
)
"""A command on another machine, with what it is given there."""
_PREFIX = re.compile(rf"\s*{_RUNNERS}")
_TALK = re.compile(r"\b(?:echo|printf)\b[^\n]*?(?:'[^'\n]*'|\"[^\"\n]*\")|(?:^|(?<=\s))#[^\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    text: str
    start: int = 0
    """Where it begins in the script."""


def find_commands(script: str, role: Role) -> tuple[Command, ...]:
    """The commands of a script that do something; those in comments and in what is printed do not."""
    plain = _without_documents(re.sub(r"\\\n", "  ", script[:LONGEST]))
    plain = _TALK.sub(lambda match: _blank(match[0]), plain)
    found, start = [], 0
    for match in (*_SPLIT.finditer(plain), None):
        end = match.start() if match else len(plain)
        text = plain[start:end].strip(" '\"\t")
        if is_command(text, role):
            found.append(Command(text=" ".join(text.split())[:80], start=start))
        start = match.end() if match else end
    for match in _SSH.finditer(plain) if role is Role.DEPLOYS else ():
        if deploy_commands.sends_elsewhere(match[1]):
            found.append(Command(text=" ".join(match[1].split())[:80], start=match.start(1)))
    return tuple(sorted(found, key=lambda one: one.start))


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _without_documents(script: str) -> str:
    """A script without the lines of its here-documents, but for those that a shell reads."""
    lines, ends = [], list[str]()
    for line in script.split("\n"):
        if ends:
            ends = ends[line.strip() == ends[0] :]
            lines.append(_blank(line))
            continue
        if "<<" in line and not _SHELL_READS.match(line):
            ends = [match[2] for match in _DOCUMENT.finditer(line)]
        lines.append(line)
    return script if ends else "\n".join(lines)


def is_command(text: str, role: Role) -> bool:
    text = text[:1_000]
    if not text or _DRY.search(text):
        return False
    if role is Role.DEPLOYS and deploy_commands.sends_elsewhere(_PREFIX.sub("", text, count=1)):
        return True
    return _STARTS[role].match(text) is not None


def excuse_of(script: str, shell: Shell) -> str:
    """What keeps every test in a script from failing it, as written; empty where one can."""
    tests = find_commands(script, Role.TESTS)
    if not tests:
        return ""
    if not shell.posix:
        lost = _WEAK_ELSEWHERE.search(script) is not None
        lost = lost or all(_CANNOT_FAIL.search(_line_of(script, test)) for test in tests)
        return _line_of(script, tests[0]) if lost else ""
    try:
        run = _Run(shell)
        found = run.counts(syntax.parse(script))
        lost = found is _Counts.LOST or (found is _Counts.NO_TEST and bool(run.functions))
    except (syntax.UnreadError, RecursionError):
        lost = all(_is_lost(script, test, shell) for test in tests)
    return _line_of(script, tests[0]) if lost else ""


def can_fail(script: str, shell: Shell) -> bool:
    """Whether a script, whatever it does, can end badly."""
    if not shell.posix:
        return bool(script.strip())
    return any(not end.ok for end in read_line(script, strict=shell.strict, shell="bash").ends)


def _line_of(script: str, command: Command) -> str:
    """The line of a command as written, without its surroundings."""
    start = script.rfind("\n", 0, command.start) + 1
    return " ".join(script[start:].partition("\n")[0].split())[:120]


def _is_lost(script: str, test: Command, shell: Shell) -> bool:
    """Whether the failure of a test is lost, by its line and by what is set before it."""
    before, line = script[: test.start], script[test.start :].lstrip().partition("\n")[0]
    if "$?" in script[test.start :]:
        return False
    modes = re.findall(r"\bset ([-+])\w*e", before)
    lax = modes[-1:] == ["+"] or (not shell.strict and not modes)
    piped = not shell.pipefail and "pipefail" not in before and re.search(r"(?<!\|)\|(?!\|)", line)
    weak = re.search(r"(?:\|\||;)\s*(?:true|:|(?:exit|return) 0|echo\b[^|&;]*)\s*\)?$", line)
    trapped = re.search(r"\btrap\s+(['\"])[^'\"]*\bexit 0;?\s*\1\s+(?:EXIT|ERR|0)\b", before)
    return bool(lax or piped or weak or trapped or _CANNOT_FAIL.search(line))


class _Counts(StrEnum):
    """What comes of a test that fails, the more the further up."""

    ENDS = "the shell ends with a failure"
    FAILS = "the command fails"
    IGNORED = "the command fails, and the shell goes on even if it is strict"
    LOST = "nothing fails"
    NO_TEST = "there is no test"


_ORDER = list(_Counts)
_DEEPEST = 8
"""Functions and shells in one another."""


class _Run:
    """What becomes of the failure of the tests in a script, each of which is taken to fail."""

    def __init__(self, shell: Shell, depth: int = 0) -> None:
        self._strict = shell.strict
        self._pipefail = shell.pipefail
        self._depth = depth
        self._left = MOST
        self._trapped = False
        """Whether a trap makes the shell end well when it ends."""
        self.functions: dict[str, syntax.Node] = {}

    def counts(self, node: syntax.Node) -> _Counts:
        """Errors: UnreadError where there is too much of it."""
        self._left -= 1
        if self._left < 0:
            raise syntax.UnreadError
        match node:
            case syntax.Simple():
                return self._simple(node)
            case syntax.Sequence():
                return self._sequence(node)
            case syntax.AndOr():
                return self._and_or(node)
            case syntax.Pipeline():
                return self._pipeline(node)
            case syntax.Subshell():
                inner = self.counts(node.body)
                return _Counts.FAILS if inner is _Counts.ENDS else inner
            case syntax.If():
                return self._if(node)
            case syntax.Loop():
                asked = self.counts(node.condition)
                failing = any(
                    not end.ok and end.leaves is Leaves.SHELL for end in read_tree(node, strict=False)
                )
                asked = asked if asked is _Counts.NO_TEST else _Counts.ENDS if failing else _Counts.LOST
                return _best(self.counts(node.body), asked)
            case syntax.Function():
                self.functions[node.name] = node.body
            case syntax.For() | syntax.Redirected():
                return self.counts(node.body)
            case syntax.Case():
                return _best(*(self.counts(body) for _, body in node.branches))
        return _Counts.NO_TEST

    def _simple(self, node: syntax.Simple) -> _Counts:
        name = node.words[0].plain if node.words else ""
        inner = _line_given(node)
        if name in self.functions and self._depth < _DEEPEST:
            self._depth += 1
            try:
                return self.counts(self.functions[name])
            finally:
                self._depth -= 1
        if not find_commands(node.raw, Role.TESTS):
            return _Counts.NO_TEST
        if _CANNOT_FAIL.search(node.raw):
            return _Counts.LOST
        if inner is not None and self._depth < _DEEPEST:
            found = _Run(Shell(strict=False), self._depth + 1).counts(syntax.parse(inner))
            return _Counts.FAILS if found is not _Counts.LOST else found
        lines = [part.text for word in _words_of(node) for part in word.parts if part.kind == "line"]
        if not any(find_commands(line, Role.TESTS) for line in lines):
            return _Counts.FAILS
        counts = [_Run(Shell(strict=False), self._depth + 1).counts(syntax.parse(line)) for line in lines]
        return _Counts.LOST if node.words or _best(*counts) is _Counts.LOST else _Counts.FAILS

    def _sequence(self, node: syntax.Sequence) -> _Counts:
        found = [_Counts.NO_TEST]
        for number, (item, background) in enumerate(node.items):
            self._set(item)
            one = self.counts(item)
            rest = node.items[number + 1 :]
            if one not in (_Counts.NO_TEST, _Counts.LOST) and self._trapped:
                one = _Counts.LOST
            elif one is _Counts.LOST and "PIPESTATUS" in f"{rest}":
                one = _Counts.FAILS
            elif one in (_Counts.FAILS, _Counts.IGNORED) and background:
                one = _Counts.FAILS if _waits_for_one(rest) else _Counts.LOST
            elif one is _Counts.FAILS and self._strict:
                one = _Counts.ENDS
            elif one in (_Counts.FAILS, _Counts.IGNORED) and rest:
                one = _Counts.FAILS if _asks_status(rest) else _Counts.LOST
            found.append(one)
            if not background and all(end.leaves is Leaves.SHELL for end in _ends(item, strict=False)):
                rest_tests = self.counts(syntax.Sequence(rest)) is not _Counts.NO_TEST
                never = rest_tests and all(one is _Counts.NO_TEST for one in found)
                return _Counts.LOST if never else _best(*found)
        return _best(*found)

    def _set(self, item: syntax.Node) -> None:
        if not isinstance(item, syntax.Simple):
            return
        words = [word.raw for word in item.words]
        if words[:1] == ["trap"] and len(words) > 2 and {"EXIT", "ERR", "0"} & {*words[2:]}:
            self._trapped = self._ends_well(_text_of(item.words[1]))
        if words[:1] != ["set"]:
            return
        for word in words[1:]:
            if re.fullmatch(r"[-+]\w*e\w*", word) or word == "errexit":
                self._strict = word[0] == "-" or (word == "errexit" and "-o" in words)
            if word == "pipefail":
                self._pipefail = "+o" not in words

    def _and_or(self, node: syntax.AndOr) -> _Counts:
        steps = [("", node.first), *node.rest]
        found = [_Counts.NO_TEST]
        known = _constant(node.first)
        for number, (operator, item) in enumerate(steps):
            rest = steps[number + 1 :]
            if number == 1 and known is (operator == "||") and self.counts(item) is not _Counts.NO_TEST:
                return _best(*found, _Counts.LOST)
            strict, self._strict = self._strict, self._strict and not rest
            one = self.counts(item)
            self._strict = strict
            if one not in (_Counts.FAILS, _Counts.IGNORED):
                found.append(one)
                continue
            saved = next((after for operator, after in rest if operator == "||"), None)
            if saved is not None and self.counts(saved) is _Counts.LOST:
                one = _Counts.LOST
            elif saved is not None and self.counts(saved) is not _Counts.NO_TEST:
                continue  # it is tried again, and the last try counts
            elif saved is not None:
                ends = _ends(saved, strict=self._strict)
                left = any(not end.ok and end.leaves for end in ends)
                one = (
                    _Counts.ENDS
                    if left
                    else _Counts.FAILS
                    if any(not end.ok for end in ends)
                    else _Counts.LOST
                )
            elif rest:
                one = _Counts.IGNORED
            found.append(one)
        return _best(*found)

    def _pipeline(self, node: syntax.Pipeline) -> _Counts:
        *before, last = [self.counts(one) for one in node.commands]
        lost = [one if self._pipefail or one is _Counts.NO_TEST else _Counts.LOST for one in before]
        found = _best(*lost, last)
        return _Counts.LOST if node.inverted and found is not _Counts.NO_TEST else found

    def _if(self, node: syntax.If) -> _Counts:
        known = _constant(node.condition)
        branches = [
            _Counts.LOST if known is dead and counts is not _Counts.NO_TEST else counts
            for one, dead in ((node.good, False), (node.bad, True))
            if one is not None
            for counts in (self.counts(one),)
        ]
        if self.counts(node.condition) is _Counts.NO_TEST:
            return _best(*branches)
        asked = node.condition
        last = asked.items[-1][0] if isinstance(asked, syntax.Sequence) and asked.items else asked
        then = node.good if isinstance(last, syntax.Pipeline) and last.inverted else node.bad
        ends = _ends(then, strict=self._strict) if then is not None else frozenset()
        bad = any(not end.ok for end in ends)
        return _best(*branches, _Counts.ENDS if bad else _Counts.LOST)

    def _ends_well(self, handler: str) -> bool:
        """Whether what a trap runs ends the shell well, whatever happened."""
        try:
            node = self.functions.get(handler.strip()) or syntax.parse(handler)
        except syntax.UnreadError:
            return False
        ends = read_tree(node, strict=False)
        return all(end.ok and end.leaves is Leaves.SHELL for end in ends)


def _ends(node: syntax.Node, *, strict: bool) -> Ends:
    """How a part of a script ends after a command that failed, where nothing odd happens: commands that only
    tell something end well."""
    match node:
        case syntax.Simple() if node.words and node.words[0].plain in _ALWAYS_WELL:
            return frozenset({End(True)})
        case syntax.Simple() if [word.plain for word in node.words] in (["return", "0"], ["exit", "0"]):
            return frozenset({End(True, Leaves.SHELL)})
        case syntax.Redirected():
            return _ends(node.body, strict=strict)
        case syntax.Sequence() if node.items:
            found = frozenset({End(True)})
            for item, _ in node.items:
                found = frozenset(end for end in found if end.leaves) | _ends(item, strict=strict)
            return found
        case syntax.Subshell():
            return frozenset(End(end.ok) for end in _ends(node.body, strict=strict))
    return read_tree(node, strict=strict)


def _constant(node: syntax.Node) -> bool | None:
    """How a condition always comes out; None where it may come out in both ways."""
    ends = {end.ok for end in read_tree(node, strict=False) if end.leaves is Leaves.NOTHING}
    return ends.pop() if len(ends) == 1 else None


def _text_of(word: syntax.Word) -> str:
    return "".join(part.text for part in word.parts)


def _words_of(node: syntax.Simple) -> Iterator[syntax.Word]:
    yield from (word for _, word in node.assigns)
    yield from node.words


def _line_given(node: syntax.Simple) -> str | None:
    """The line that a command gives to a shell; None for any other, or where variables are in it."""
    if any(part.kind != "text" for word in node.words for part in word.parts):
        return None
    texts = [_text_of(word) for word in node.words]
    if texts[:1] == ["eval"]:
        return " ".join(texts[1:])
    starts = (n for n, text in enumerate(texts) if text.rpartition("/")[2] in SHELLS)
    lines = (shell_line(texts[n:]) for n in starts)
    return next((line for line in lines if line is not None), None)


def _waits_for_one(items: tuple[tuple[syntax.Node, bool], ...]) -> bool:
    """Whether commands wait for one in the background, and so get its status."""
    return any(
        isinstance(item, syntax.Simple) and len(item.words) > 1 and item.words[0].plain == "wait"
        for item, _ in items
    )


def _best(*counts: _Counts) -> _Counts:
    return min(counts, key=_ORDER.index, default=_Counts.NO_TEST)


def _asks_status(items: tuple[tuple[syntax.Node, bool], ...]) -> bool:
    """Whether commands after one that failed may still make something of it."""
    return "$?" in f"{items}" or "PIPESTATUS" in f"{items}"
