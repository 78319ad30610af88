"""Commands in the scripts of jobs: which ones deploy, test or roll back, and whether their failure counts."""

from __future__ import annotations

import re
from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.kinds.healthchecks.shell import syntax
from phasegate.kinds.healthchecks.shell.status import LONGEST, read_line, read_tree
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
    Role.DEPLOYS: (
        r"kubectl\b.* (?:apply|set image|rollout restart|create deployment|patch)|"
        r"helmfile (?:\S+ )*?(?:apply|sync)|kubectl (?:apply|patch)|"
        r"helm (?:\S+ )*?(?:upgrade|install)|oc (?:apply|rollout|new-app)|pulumi up|"
        r"skaffold (?:run|deploy)|(?:terraform|tofu|terragrunt) (?:\S+ )*?apply|ansible-playbook|"
        r"sam deploy|gcloud (?:beta |alpha )?(?:run|app|functions) (?:\S+ )*?deploy|"
        r"gcloud deploy|cdk deploy|eb deploy|"
        r"aws (?:ecs update-service|cloudformation deploy|lambda update-function-code|"
        r"deploy create-deployment)|"
        r"az (?:webapp|functionapp|containerapp) (?:\S+ )*?(?:deploy|up|update|config)\S*|"
        r"heroku container:release|"
        r"(?:flyctl|fly|serverless|sls|vercel|netlify|firebase|wrangler|railway|cap \w+) (?:\S+ )*?deploy|"
        r"vercel .*--prod|git push (?:\S+ )*?heroku|cf push|docker stack deploy|"
        r"nomad (?:job )?run|argocd app sync|deploy[\w-]*\.(?:sh|py)|"
        r"(?:npm|yarn|pnpm)(?: run)? deploy\S*|make deploy\S*|mkdocs gh-deploy"
    ),
}
_STARTS = {role: re.compile(rf"\s*{_RUNNERS}(?:{text})(?![\w-])", re.S) for role, text in _COMMANDS.items()}
_DRY = re.compile(
    r"--dry-?run(?!=(?:none|false)\b)|--help\b|--version$|--client\b|--check\b(?=.*ansible)|ansible.*--check"
    r"|--collect-only|--co(?=\s|$)|--no-run\b|--list-?tests\b|ctest .*(?:-N\b|--show-only)"
    r"|\bmake (?:\S+ )*?-n\b|-D(?:skipTests|maven\.test\.skip)(?!=false)"
    r"|\bgradlew? .*(?:-x|--exclude-task)[ =](?:\S*:)?test\b",
    re.IGNORECASE,
)
"""What a command does nothing for, or tests nothing."""
_SPLIT = re.compile(r"\n|;|&&|\|\||\||\$\(|`|\(|\{\s|(?:\bssh\b[^'\"\n]*|\s-l?c\s+)['\"]")
_TALK = re.compile(r"\b(?:echo|printf)\b[^\n]*?(?:'[^'\n]*'|\"[^\"\n]*\")|(?:^|(?<=\s))#[^\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    text: str
    start: int = 0
    """Where it begins in the script."""


def find_commands(script: str, role: Role) -> tuple[Command, ...]:
    """The commands of a script that do something; those in comments and in what is printed do not."""
    plain = _TALK.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), re.sub(r"\\\n", "  ", script[:LONGEST]))
    found, start = [], 0
    for match in (*_SPLIT.finditer(plain), None):
        end = match.start() if match else len(plain)
        text = plain[start:end].strip(" '\"\t")
        if is_command(text, role):
            found.append(Command(text=" ".join(text.split())[:80], start=start))
        start = match.end() if match else end
    return tuple(found)


def is_command(text: str, role: Role) -> bool:
    return bool(text) and _STARTS[role].match(text[:1_000]) is not None and not _DRY.search(text[:1_000])


def excuse_of(script: str, shell: Shell) -> str:
    """What keeps every test in a script from failing it, as written; empty where one can."""
    tests = find_commands(script, Role.TESTS)
    if not shell.posix or not tests:
        return ""
    try:
        lost = _Run(shell).counts(syntax.parse(script)) is _Counts.LOST
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
    weak = re.search(r"(?:\|\||;)\s*(?:true|:|exit 0|echo\b[^|&;]*)\s*\)?$", line)
    return bool(lax or piped or weak)


class _Counts(StrEnum):
    """What comes of a test that fails, the more the further up."""

    ENDS = "the shell ends with a failure"
    FAILS = "the command fails"
    IGNORED = "the command fails, and the shell goes on even if it is strict"
    LOST = "nothing fails"
    NO_TEST = "there is no test"


_ORDER = list(_Counts)


class _Run:
    """What becomes of the failure of the tests in a script, each of which is taken to fail."""

    def __init__(self, shell: Shell) -> None:
        self._strict = shell.strict
        self._pipefail = shell.pipefail

    def counts(self, node: syntax.Node) -> _Counts:
        match node:
            case syntax.Simple():
                return _Counts.FAILS if find_commands(node.raw, Role.TESTS) else _Counts.NO_TEST
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
                return _best(self.counts(node.body), asked if asked is _Counts.NO_TEST else _Counts.IGNORED)
            case syntax.For() | syntax.Function() | syntax.Redirected():
                return self.counts(node.body)
            case syntax.Case():
                return _best(*(self.counts(body) for _, body in node.branches))
        return _Counts.NO_TEST

    def _sequence(self, node: syntax.Sequence) -> _Counts:
        found = [_Counts.NO_TEST]
        for number, (item, background) in enumerate(node.items):
            self._set(item)
            one = self.counts(item)
            rest = node.items[number + 1 :]
            if one in (_Counts.FAILS, _Counts.IGNORED) and background:
                one = _Counts.LOST
            elif one is _Counts.FAILS and self._strict:
                one = _Counts.ENDS
            elif one in (_Counts.FAILS, _Counts.IGNORED) and rest:
                one = _Counts.FAILS if _asks_status(rest) else _Counts.LOST
            found.append(one)
        return _best(*found)

    def _set(self, item: syntax.Node) -> None:
        words = [word.raw for word in item.words] if isinstance(item, syntax.Simple) else []
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
        for number, (_, item) in enumerate(steps):
            rest = steps[number + 1 :]
            strict, self._strict = self._strict, self._strict and not rest
            one = self.counts(item)
            self._strict = strict
            if one not in (_Counts.FAILS, _Counts.IGNORED):
                found.append(one)
                continue
            saved = next((after for operator, after in rest if operator == "||"), None)
            if saved is not None:
                ends = read_tree(saved, strict=self._strict)
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
        branches = [self.counts(one) for one in (node.good, node.bad) if one is not None]
        if self.counts(node.condition) is _Counts.NO_TEST:
            return _best(*branches)
        asked = node.condition
        last = asked.items[-1][0] if isinstance(asked, syntax.Sequence) and asked.items else asked
        then = node.good if isinstance(last, syntax.Pipeline) and last.inverted else node.bad
        ends = read_tree(then, strict=self._strict) if then is not None else frozenset()
        bad = any(not end.ok for end in ends)
        return _best(*branches, _Counts.ENDS if bad else _Counts.LOST)


def _best(*counts: _Counts) -> _Counts:
    return min(counts, key=_ORDER.index, default=_Counts.NO_TEST)


def _asks_status(items: tuple[tuple[syntax.Node, bool], ...]) -> bool:
    """Whether commands after one that failed may still make something of it."""
    return "$?" in f"{items}" or "PIPESTATUS" in f"{items}"
