"""How a line for a POSIX shell can end, as far as that is certain from its text alone.

The line is read into a tree, and run with every outcome that its commands may have: what is constant
(`[ 1 = 1 ]`, `exit $((0))`, a variable that only ever holds one text) has one, what asks something has two.
What is not read for certain may end in every way.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from phasegate.base.dataclass import dataclass
from phasegate.kinds.healthchecks.shell import syntax
from phasegate.kinds.healthchecks.shell.commands import (
    ANY,
    BAD,
    EITHER,
    GOOD,
    UNKNOWN,
    Dialect,
    End,
    Ends,
    Leaves,
    dialects_of,
    ends_of,
    own_shell,
    program,
    shell_line,
)
from phasegate.kinds.healthchecks.shell.constants import arithmetic, evaluate_test
from phasegate.kinds.healthchecks.shell.syntax import KillsError, Node, UnreadError, Word

DEPTH = 8
"""How deep shells in shells and functions are followed."""
LONGEST = 20_000
"""Characters of a line that is read."""
MOST = 4_000
"""Commands that are looked at, each as often as there are ways to come to it."""
_TEXTS = 8
"""Texts that a variable may hold before it counts as unknown."""
_CHANGES = frozenset(
    (
        "source",
        ".",
        "alias",
        "unalias",
        "readonly",
        "shopt",
        "enable",
        "declare",
        "typeset",
        "hash",
        "builtin",
    )
)
"""Commands after which the rest of a line may mean something else."""
_MEANING = frozenset(("PATH", "IFS", "ENV", "BASH_ENV"))
"""Variables that change what words and names mean."""
_ASSIGNS = frozenset(("read", "getopts", "mapfile", "readarray"))
_CHANGING = _CHANGES | _ASSIGNS | {"eval", "export", "local", "unset", "let", "command", "[["}
"""Commands that may change variables."""
_SPLIT = re.compile(r"[^\w./:=,%+-]")
"""What makes more, or others, of an unquoted word."""
_KILLED = End(False, Leaves.KILLED)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line does."""

    ends: Ends
    asks: tuple[str, ...] = ()
    """The commands in it that may fail, as written."""
    always_good: bool = False
    """Whether nothing that it asks makes a difference: in every shell that it may be for it ends well, or the
    shell does not know a word of it and it always fails, which no container is healthy by."""


@dataclass(frozen=True, slots=True)
class _Env:
    """What the variables of a shell may hold, and which functions it has; what is not there is unknown."""

    texts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    functions: Mapping[str, frozenset[syntax.Function | None]] = field(default_factory=dict)
    """None stands for there being none."""

    def having(self, name: str, texts: frozenset[str] | None) -> _Env:
        kept = {key: held for key, held in self.texts.items() if key != name}
        if texts is not None and len(texts) <= _TEXTS:
            kept[name] = texts
        return _Env(kept, self.functions)

    def without(self, names: frozenset[str] | None) -> _Env:
        """`names`: those that may change; None for all."""
        kept = {} if names is None else {key: held for key, held in self.texts.items() if key not in names}
        return _Env(kept, self.functions)

    def or_else(self, other: _Env) -> _Env:
        texts = {name: held | other.texts[name] for name, held in self.texts.items() if name in other.texts}
        texts = {name: held for name, held in texts.items() if len(held) <= _TEXTS}
        names = {*self.functions, *other.functions}
        none = frozenset({None})
        functions = {name: self.functions.get(name, none) | other.functions.get(name, none) for name in names}
        return _Env(texts, functions)


_Outcomes = dict[End, _Env]


def read_line(line: str, *, strict: bool = False, shell: str = "sh", depth: int = 0) -> Reading:
    """How a line can end that is given to `sh -c`, or to another shell; `strict`: with any options set."""
    readings = [_read(line, dialect, strict, shell, depth) for dialect in dialects_of(shell)]
    everything = [reading.ends for reading in readings]
    constant = all(len({end.ok for end in ends}) == 1 for ends in everything)
    return Reading(
        ends=frozenset().union(*everything),
        asks=tuple(dict.fromkeys(one for reading in readings for one in reading.asks)),
        always_good=constant and any(end.ok for ends in everything for end in ends),
    )


def read_program(argv: Sequence[str]) -> Reading:
    """How a program can end that is started without a shell."""
    line = shell_line(argv)
    if line is not None:
        name = next(one for one in argv if shell_line([one, "-c", line]) is not None)
        reading = read_line(line, shell=name.rpartition("/")[2])
        return dataclasses.replace(reading, ends=own_shell(reading.ends))
    try:
        ends = program(
            argv, lambda text, name: read_line(text, shell=name, depth=1).ends, dialect=Dialect.DASH
        )
    except UnreadError:
        ends = EITHER
    return Reading(ends, () if ends == GOOD else (" ".join(argv),), always_good=ends == GOOD)


def read_tree(node: Node, *, strict: bool) -> Ends:
    """How a part of a line for bash can end, after a command that failed."""
    try:
        return frozenset(_Run(Dialect.BASH, strict=strict, own_name="bash", depth=0).run(node, False, _Env()))
    except (UnreadError, RecursionError):
        return ANY


def _read(line: str, dialect: Dialect, strict: bool, shell: str, depth: int) -> Reading:
    try:
        if len(line) > LONGEST or depth > DEPTH:
            raise UnreadError
        run = _Run(dialect, strict=strict, own_name=shell, depth=depth)
        ends = run.shell(syntax.parse(line), True, _Env())
    except KillsError:
        if depth:
            raise  # what kills may not stop at its own shell
        return Reading(ANY, (line,))
    except (UnreadError, RecursionError):
        return Reading(ANY, (line,))
    return Reading(ends, tuple(run.asks))


class _Run:
    """One run of a line with everything that may come of it."""

    def __init__(self, dialect: Dialect, *, strict: bool, own_name: str, depth: int) -> None:
        self._dialect = dialect
        self._strict = strict
        self._own_name = own_name
        self._depth = depth
        self._left = MOST
        self._traps: list[str] = []
        self._replaced = False
        """Whether another program may take the place of the shell, which then has no traps."""
        self._hangs = False
        """Whether something in the background may never end."""
        self._locals: set[str] = set()
        self._within = 0
        """How many functions deep."""
        self._loops = 0
        """How many loops deep; outside of one, shells differ in what `break` does."""
        self.asks: dict[str, None] = {}

    def shell(self, node: Node, ok: bool, env: _Env) -> Ends:
        """How a tree can end in a shell of its own, with what it has trapped."""
        outer, self._traps = self._traps, []
        replaced, self._replaced = self._replaced, False
        try:
            ends = own_shell(frozenset(self.run(node, ok, env)))
            for handler in dict.fromkeys(self._traps):
                trapped = frozenset(self.run(syntax.parse(handler), False, _Env()))
                left = frozenset(End(end.ok) for end in trapped if end.leaves is not Leaves.NOTHING)
                always = not self._replaced and len(self._traps) == 1 and _first_is_trap(node)
                killed = frozenset({_KILLED}) & ends
                ends = left | killed if always and len(left) and _all_leave(trapped) else ends | left
            return ends
        finally:
            self._traps, self._replaced = outer, self._replaced or replaced

    def run(self, node: Node, ok: bool, env: _Env) -> _Outcomes:
        """Every way in which a tree can end, after a command that ended well or not.

        Errors: UnreadError.
        """
        self._left -= 1
        if self._left < 0:
            raise UnreadError
        match node:
            case syntax.Simple():
                return self._simple(node, ok, env)
            case syntax.Sequence():
                return self._sequence(node, ok, env)
            case syntax.AndOr():
                return self._and_or(node, ok, env)
            case syntax.Pipeline():
                return self._pipeline(node, ok, env)
            case syntax.Subshell():
                return dict.fromkeys(self.shell(node.body, ok, env), env)
            case syntax.If():
                return self._if(node, ok, env)
            case syntax.Loop():
                return self._loop(node, env)
            case syntax.For():
                return self._for(node, env)
            case syntax.Case():
                return self._case(node, ok, env)
            case syntax.Function():
                functions = {**env.functions, node.name: frozenset({node})}
                return {End(True): _Env(env.texts, functions)}
            case syntax.Condition():
                return dict.fromkeys(self._condition(node, ok, env), env)
            case syntax.Arithmetic():
                return self._arithmetic(node, env)
            case syntax.Redirected():
                found = self.run(node.body, ok, env)
                return _merge([found, {End(False): env, End(False, Leaves.SHELL): env}])

    def _sequence(self, node: syntax.Sequence, ok: bool, env: _Env) -> _Outcomes:
        found: _Outcomes = {End(ok): env} if node.items else {End(True): env}
        for item, background in node.items:
            found = self._then(found, item, background)
        return found

    def _then(self, before: _Outcomes, item: Node, background: bool = False) -> _Outcomes:
        parts: list[_Outcomes] = []
        for end, env in before.items():
            if end.leaves is not Leaves.NOTHING:
                parts.append({end: env})
                continue
            if background:
                self._hangs |= _KILLED in self.shell(item, end.ok, env)
                parts.append({End(True): env})
                continue
            found = self.run(item, end.ok, env)
            if self._strict and End(False) in found:  # as with `set -e`
                parts.append({End(False, Leaves.SHELL): found[End(False)]})
            parts.append(found)
        return _merge(parts)

    def _and_or(self, node: syntax.AndOr, ok: bool, env: _Env) -> _Outcomes:
        found = self.run(node.first, ok, env)
        for operator, item in node.rest:
            goes_on = End(operator == "&&")
            if goes_on in found:
                env = found.pop(goes_on)
                found = _merge([found, self.run(item, goes_on.ok, env)])
        return found

    def _pipeline(self, node: syntax.Pipeline, ok: bool, env: _Env) -> _Outcomes:
        if len(node.commands) == 1:
            found = self.run(node.commands[0], ok, env)
        else:
            *before, last = [self.shell(one, ok, env) for one in node.commands]
            ends = last | frozenset(end for one in before for end in one if end.leaves is Leaves.KILLED)
            if self._strict:  # as with pipefail
                ends |= frozenset(End(False) for one in before for end in one if not end.ok)
            # Some shells run the last of them themselves.
            found = dict.fromkeys(ends, env.without(_assigned_names(node.commands[-1], env)))
        if not node.inverted:
            return found
        # `!` turns what a command says, not what the whole shell ends with.
        return {
            end if end.leaves is not Leaves.NOTHING else End(not end.ok): env for end, env in found.items()
        }

    def _if(self, node: syntax.If, ok: bool, env: _Env) -> _Outcomes:
        found = self.run(node.condition, ok, env)
        parts = []
        for end, branch in ((End(True), node.good), (End(False), node.bad)):
            if end in found:
                env = found.pop(end)
                parts.append({End(True): env} if branch is None else self.run(branch, end.ok, env))
        return _merge([found, *parts])

    def _loop(self, node: syntax.Loop, env: _Env) -> _Outcomes:
        """Without an end that is certain it may go on until an engine ends it, which is a failure."""
        self._loops += 1
        try:
            return self._turns(node, env.without(_assigned_names(node, env)))
        finally:
            self._loops -= 1

    def _turns(self, node: syntax.Loop, env: _Env) -> _Outcomes:
        asked = _merge([self.run(node.condition, ok, env) for ok in (True, False)])
        stops, goes = End(node.until), End(not node.until)
        found = {end: env for end in asked if end.leaves in (Leaves.SHELL, Leaves.FUNCTION, Leaves.KILLED)}
        if stops in asked or any(end.leaves is Leaves.LOOP for end in asked):
            found[End(True)] = env
        if goes not in asked:
            return found
        for end in self.run(node.body, goes.ok, env):
            match end.leaves:
                case Leaves.NOTHING | Leaves.TURN:
                    found |= {_KILLED: env} | ({End(end.ok): env} if stops in asked else {})
                case Leaves.LOOP:
                    found[End(True)] = env
                case _:
                    found[end] = env
        return found

    def _for(self, node: syntax.For, env: _Env) -> _Outcomes:
        env = env.without(_assigned_names(node, env)).having(node.name, None)
        found: _Outcomes = {}
        if self._strict and any("$" in word.raw for word in node.words or ()):
            found |= dict.fromkeys(ANY, env)
        texts = [] if node.words is None else [self._text(word, True, env) for word in node.words]
        if not texts or None in texts:
            found[End(True)] = env
        if node.words is not None and any(_is_fatal(word) for word in node.words):
            found |= dict.fromkeys(ANY, env)
        if node.words == ():
            return found
        self._loops += 1
        try:
            ended = _merge([self.run(node.body, ok, env) for ok in (True, False)])
        finally:
            self._loops -= 1
        for end in ended:
            kept = end.leaves not in (Leaves.NOTHING, Leaves.TURN, Leaves.LOOP)
            found[end if kept else End(end.ok or end.leaves is Leaves.LOOP)] = env
        return found

    def _case(self, node: syntax.Case, ok: bool, env: _Env) -> _Outcomes:
        words = [node.word, *(pattern for patterns, _ in node.branches for pattern in patterns)]
        if any(map(_is_fatal, words)) or (self._strict and any("$" in word.raw for word in words)):
            return dict.fromkeys(ANY, env.without(_assigned_names(node, env)))
        texts = self._texts(node.word, ok, env, quoted=True)
        parts = []
        for patterns, body in node.branches:
            matches = [_matches(texts, pattern) for pattern in patterns]
            if any(match is not False for match in matches):
                parts.append(self.run(body, True, env))
            if True in matches:
                return _merge(parts)
        return _merge([*parts, {End(True): env}])

    def _condition(self, node: syntax.Condition, ok: bool, env: _Env) -> Ends:
        if self._dialect is Dialect.DASH:
            return BAD  # there is no such command
        if any(map(_is_fatal, node.words)) or (self._strict and "$" in node.raw):
            return ANY
        groups: list[list[list[str | None]]] = [[[]]]
        for word in node.words:
            if word.parts[0].kind != "operator":
                groups[-1][-1].append(self._text(word, ok, env, quoted=True))
            elif word.raw == "||":
                groups.append([[]])
            else:
                groups[-1].append([])
        ends = ends_of(_any(_all(_evaluate_double_test(one) for one in group) for group in groups))
        if len(ends) > 1:
            self.asks[node.raw] = None
        return ends

    def _arithmetic(self, node: syntax.Arithmetic, env: _Env) -> _Outcomes:
        value = arithmetic(node.text)
        if self._dialect is not Dialect.BASH:
            if value is None:
                raise UnreadError
            return {End(False): env}  # a shell in a shell, with a command that is not there
        changed = frozenset(re.findall(r"[A-Za-z_]\w*", node.text))
        return dict.fromkeys(EITHER if value is None else ends_of(bool(value)), env.without(changed))

    # Simple commands.

    def _simple(self, node: syntax.Simple, ok: bool, env: _Env) -> _Outcomes:
        words = [*node.words, *(word for _, word in node.assigns)]
        if any(map(_is_fatal, words)) or (self._strict and any("$" in word.raw for word in words)):
            self.asks[node.raw] = None
            return dict.fromkeys(ANY, env.without(_assigned_names(node, env)))
        if not node.words:
            return self._assignments(node, ok, env)
        if any(name in _MEANING - {"IFS"} for name, _ in node.assigns):
            raise UnreadError  # a name may mean another program there, or none
        env = env.without(frozenset(name for name, _ in node.assigns))
        argv = [self._text(word, ok, env) for word in node.words]
        if argv[0] is None:
            found = dict.fromkeys(ANY, env)
        else:
            arguments = [UNKNOWN if text is None else text for text in argv[1:]]
            found = self._call(argv[0], arguments, node.words[1:], ok, env)
        if argv[0] not in ("exit", "false") and {end.ok for end in found} != {True}:
            self.asks[node.raw] = None
        return found

    def _assignments(self, node: syntax.Simple, ok: bool, env: _Env) -> _Outcomes:
        lines = [part.text for _, word in node.assigns for part in word.parts if part.kind == "line"]
        ends = GOOD if not lines else self._line(lines[-1]) if len(lines) == 1 else EITHER
        for name, word in node.assigns:
            if name in _MEANING:
                raise UnreadError  # from here on a name may mean another program, or none
            env = env.having(name, self._texts(word, ok, env, quoted=True))
        if ends != GOOD:
            self.asks[node.raw] = None
        return dict.fromkeys(ends, env)

    def _call(self, name: str, arguments: list[str], words: Sequence[Word], ok: bool, env: _Env) -> _Outcomes:
        found: list[_Outcomes] = []
        for function in env.functions.get(name, (None,)):
            if function is None:
                found.append(self._command(name, arguments, words, ok, env))
            else:
                found.append(self._function(function, ok, env))
        return _merge(found)

    def _function(self, function: syntax.Function, ok: bool, env: _Env) -> _Outcomes:
        self._within += 1
        if self._within > DEPTH:
            raise UnreadError
        try:
            found = self.run(function.body, ok, env)
        finally:
            self._within -= 1
        if any(end.leaves in (Leaves.LOOP, Leaves.TURN) for end in found):
            raise UnreadError
        own = frozenset(self._locals)
        parts = [
            {End(end.ok) if end.leaves is Leaves.FUNCTION else end: held.without(own)}
            for end, held in found.items()
        ]
        return _merge(parts)

    def _command(
        self, name: str, arguments: list[str], words: Sequence[Word], ok: bool, env: _Env
    ) -> _Outcomes:
        if name in _CHANGES or (name in ("export", "unset", "printf") and {"-f", "-v", "-n"} & {*arguments}):
            raise UnreadError
        if name in _ASSIGNS:
            return dict.fromkeys(EITHER, env.without(None))
        match name:
            case ":" | "times" | "umask" if name == ":" or not arguments:
                return {End(True): env}
            case "exit":
                return dict.fromkeys(self._leaving(Leaves.SHELL, words, ok, env), env)
            case "return":
                return dict.fromkeys(self._returning(words, ok, env), env)
            case "break" | "continue":
                if not self._loops or arguments not in ([], ["1"]):
                    raise UnreadError
                return {End(True, Leaves.LOOP if name == "break" else Leaves.TURN): env}
            case "exec":
                return self._replacing(arguments, words, ok, env)
            case "command" if arguments and not arguments[0].startswith("-"):
                if UNKNOWN in arguments[0]:
                    return dict.fromkeys(ANY, env)
                return self._command(arguments[0], arguments[1:], words[1:], ok, env)
            case "eval":
                return self._evaluate(arguments, ok, env)
            case "trap":
                return dict.fromkeys(self._trap(arguments), env)
            case "set":
                return dict.fromkeys(self._set(arguments), env)
            case "wait":
                hangs = frozenset({_KILLED}) if self._hangs else frozenset()
                return dict.fromkeys((EITHER if arguments else GOOD) | hangs, env)
            case "export" | "local":
                return self._export(name, words, ok, env)
            case "unset":
                return {End(True): env.without(None if UNKNOWN in arguments else frozenset(arguments))}
            case "let":
                value = arithmetic(arguments[0]) if len(arguments) == 1 else None
                known = ends_of(None if value is None else bool(value))
                return dict.fromkeys(BAD if self._dialect is Dialect.DASH else known, env.without(None))
        return dict.fromkeys(program([name, *arguments], self._run_nested, dialect=self._dialect), env)

    def _leaving(self, leaves: Leaves, words: Sequence[Word], ok: bool, env: _Env) -> Ends:
        if not words:
            return frozenset({End(ok, leaves)})
        texts = self._texts(words[0], ok, env, quoted=False) if len(words) == 1 else None
        if texts is not None and all(
            text.isdecimal() and len(text) < 4 and int(text) < 256 for text in texts
        ):
            return frozenset(End(int(text) == 0, leaves) for text in texts)
        if len(words) == 1 and words[0].raw.strip('"') == "$?":
            return frozenset({End(ok, leaves)})
        return frozenset({End(True, leaves), End(False, leaves), End(False, Leaves.SHELL)})

    def _returning(self, words: Sequence[Word], ok: bool, env: _Env) -> Ends:
        """Outside of a function it ends dash and busybox, which `sh` mostly is; bash tells of an error."""
        if not self._within and self._own_name == "bash":
            return BAD
        return self._leaving(Leaves.FUNCTION if self._within else Leaves.SHELL, words, ok, env)

    def _replacing(self, arguments: list[str], words: Sequence[Word], ok: bool, env: _Env) -> _Outcomes:
        if not arguments:
            return {End(True): env}
        if arguments[0].startswith("-") or UNKNOWN in arguments[0]:
            return dict.fromkeys(ANY, env)
        self._replaced = True
        ends = program(arguments, self._run_nested, dialect=self._dialect)
        return {_KILLED if end == _KILLED else End(end.ok, Leaves.SHELL): env for end in ends}

    def _evaluate(self, arguments: list[str], ok: bool, env: _Env) -> _Outcomes:
        if any(UNKNOWN in one for one in arguments):
            raise UnreadError
        return self.run(syntax.parse(" ".join(arguments)), ok, env)

    def _trap(self, arguments: list[str]) -> Ends:
        """A handler may run at any time, and surely at the end where it is set first of all."""
        if len(arguments) < 2 or any(UNKNOWN in one for one in arguments) or arguments[0] == "-":
            raise UnreadError
        handler, *signals = arguments
        if "ERR" in signals or "DEBUG" in signals or "RETURN" in signals:
            if self._dialect is Dialect.DASH:
                return BAD  # there is no such signal
            raise UnreadError
        if handler and {"EXIT", "0"} & set(signals):
            self._traps.append(handler)
        return GOOD

    def _set(self, arguments: list[str]) -> Ends:
        for number, one in enumerate(arguments):
            if one in ("-", "--") or not one.startswith(("-", "+")):
                break
            if one.startswith("+") or not re.fullmatch(r"-[euxvfo]+", one):
                raise UnreadError
            self._strict = self._strict or bool({*"euo"} & {*one})
            if "o" in one:
                named = arguments[number + 1 : number + 2]
                if named not in (["pipefail"], ["errexit"], ["nounset"], ["xtrace"]):
                    raise UnreadError
                return ANY  # not every shell knows all of them
        return GOOD

    def _export(self, name: str, words: Sequence[Word], ok: bool, env: _Env) -> _Outcomes:
        if name == "local" and not self._within:
            return dict.fromkeys(ANY, env.without(None))
        for word in words:
            match = re.match(r"([A-Za-z_]\w*)(=?)", word.raw)
            rest = word.raw[match.end() :] if match else word.raw
            if match is None or (rest and not match[2]) or match[1] in _MEANING:
                raise UnreadError
            if name == "local":
                self._locals.add(match[1])
            texts = self._texts(word, ok, env, quoted=True) if match[2] else None
            values = None if texts is None else frozenset(text.partition("=")[2] for text in texts)
            if match[2] or name == "local":
                env = env.having(match[1], values)
        return {End(True): env}

    def _run_nested(self, line: str, shell: str) -> Ends:
        """A line that is given to another shell; `sh` there is what it is here."""
        if shell == "sh":
            return _read(line, self._dialect, False, "sh", self._depth + 1).ends
        return read_line(line, shell=shell, depth=self._depth + 1).ends

    def _line(self, line: str) -> Ends:
        """A substitution: the line in a shell of its own, of the same kind, of which only the end counts."""
        return own_shell(_read(line, self._dialect, self._strict, self._own_name, self._depth + 1).ends)

    # Words.

    def _text(self, word: Word, ok: bool, env: _Env, *, quoted: bool = False) -> str | None:
        """The one text that a word comes to; None where it may be another, or more than one word."""
        texts = self._texts(word, ok, env, quoted=quoted)
        return next(iter(texts)) if texts is not None and len(texts) == 1 else None

    def _texts(self, word: Word, ok: bool, env: _Env, *, quoted: bool) -> frozenset[str] | None:
        """Every text that a word may come to; None where it is unknown. `quoted`: nothing splits it."""
        found = {""}
        for part in word.parts:
            texts = self._part(part, ok, env, quoted or part.quoted)
            if texts is None or len(found) * len(texts) > _TEXTS:
                return None
            found = {before + text for before in found for text in texts}
        anything = quoted or any(part.quoted for part in word.parts) or "" not in found
        return frozenset(found) if anything else None

    def _part(self, part: syntax.Part, ok: bool, env: _Env, quoted: bool) -> frozenset[str] | None:
        match part.kind:
            case "text":
                open_ = not part.quoted and not quoted and re.search(r"[*?~{]|\[.*\]", part.text)
                return None if open_ else frozenset({part.text})
            case "variable" if part.text == "?":
                return frozenset({"0"}) if ok else None
            case "variable":
                texts = env.texts.get(part.text)
                splits = texts is not None and not quoted and any(_SPLIT.search(text) for text in texts)
                return None if splits else texts
            case "arithmetic":
                value = arithmetic(part.text)
                return None if value is None else frozenset({str(value)})
        return None


def _first_is_trap(node: Node) -> bool:
    first = node.items[0] if isinstance(node, syntax.Sequence) and node.items else None
    return (
        first is not None
        and not first[1]
        and isinstance(first[0], syntax.Simple)
        and not first[0].assigns
        and first[0].words[0].plain == "trap"
    )


def _all_leave(ends: Ends) -> bool:
    return all(end.leaves is Leaves.SHELL for end in ends)


def _is_fatal(word: Word) -> bool:
    """Whether expanding it may end the shell."""
    return any(
        part.kind == "fatal" or (part.kind == "arithmetic" and arithmetic(part.text) is None)
        for part in word.parts
    )


def _merge(parts: Sequence[_Outcomes]) -> _Outcomes:
    found: _Outcomes = {}
    for part in parts:
        for end, env in part.items():
            found[end] = found[end].or_else(env) if end in found else env
    return found


def _matches(texts: frozenset[str] | None, pattern: Word) -> bool | None:
    """Whether a pattern of `case` matches; None where it may or may not."""
    if pattern.raw == "*":
        return True
    if texts is None or any(part.kind != "text" for part in pattern.parts):
        return None
    wanted = "".join(part.text for part in pattern.parts)
    if any(not part.quoted and re.search(r"[*?\[]", part.text) for part in pattern.parts):
        return None
    return (texts == {wanted}) or (None if wanted in texts else False)


def _evaluate_double_test(words: Sequence[str | None]) -> bool | None:
    """What stands between `[[` and `]]`; a pattern on the right may match what it is not."""
    if not words:
        return None
    known = [word for word in words if word is not None]
    plain = len(known) == len(words) and not any(re.search(r"[*?\[\\(]|=~|^[<>]$", word) for word in known)
    return evaluate_test(known, doubled=True) if plain and not {"-a", "-o"} & {*known} else None


def _any(values: Iterator[bool | None]) -> bool | None:
    found = list(values)
    return True if True in found else None if None in found else False


def _all(values: Iterator[bool | None]) -> bool | None:
    found = list(values)
    return False if False in found else None if None in found else True


def _assigned_names(node: object, env: _Env) -> frozenset[str] | None:
    """The variables that a tree may change; None where that is not known."""
    found: set[str] = set()
    waiting: list[object] = [node]
    while waiting:
        one = waiting.pop()
        match one:
            case syntax.Simple():
                found.update(name for name, _ in one.assigns)
                name = one.words[0].plain if one.words else "true"
                if not name or name in _CHANGING or name in env.functions:
                    return None
            case syntax.For():
                found.add(one.name)
                waiting.append(one.body)
            case syntax.Arithmetic() | syntax.Function():
                return None
            case tuple():
                waiting += one
            case _ if dataclasses.is_dataclass(one) and not isinstance(one, Word):
                waiting += [getattr(one, each.name) for each in dataclasses.fields(one)]
    return frozenset(found)
