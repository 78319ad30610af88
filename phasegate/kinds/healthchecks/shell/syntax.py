"""Lines for a POSIX shell, read into a tree of commands; pure.

What is not read for certain (options of `case` that only bash has, arrays, here-strings, aliases) is an
UnreadError, so that nobody takes it for something else.
"""

from __future__ import annotations

import re

from phasegate.base.dataclass import dataclass

DEPTH = 20
"""How deep groups are followed."""
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_OPERATORS = ("&&", "||", ";;", ";", "|", "&", "(", ")", "\n")
_REDIRECT = re.compile(r"\d*(?:<<-|<<(?!<)|>>|>\||>&|<&|<>|>|<(?![<(]))")
_SAFE_EXPANSION = re.compile(r"#?[A-Za-z_]\w*|[A-Za-z_]\w*(?::?[-+]|##?|%%?)[^?=]*")
"""Forms of `${...}` that every shell knows, and that can neither fail nor assign."""
_RESERVED = frozenset(
    (
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "in",
        "{",
        "}",
    )
)
_NOT_READ = frozenset(("function", "select", "coproc", "time"))


class UnreadError(Exception):
    """Not a line that is understood for certain."""


class KillsError(UnreadError):
    """It may end shells around it, by a signal."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word."""

    kind: str
    """`text`, `variable`, `line` (of a substitution), `arithmetic`, `unknown`, or `fatal`: what may end the
    shell where it is expanded."""
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    raw: str
    parts: tuple[Part, ...]

    @property
    def plain(self) -> str:
        """Its text where nothing in it is quoted or expanded, as reserved words are written; else empty."""
        only = len(self.parts) == 1 and self.parts[0].kind == "text" and not self.parts[0].quoted
        return self.raw if only and self.raw == self.parts[0].text else ""


@dataclass(frozen=True, slots=True)
class Simple:
    assigns: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    commands: tuple[Node, ...]
    inverted: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[tuple[Node, bool], ...]
    """Each with whether it is put in the background."""


@dataclass(frozen=True, slots=True)
class Subshell:
    body: Node


@dataclass(frozen=True, slots=True)
class If:
    condition: Node
    good: Node
    bad: Node | None


@dataclass(frozen=True, slots=True)
class Loop:
    condition: Node
    until: bool
    body: Node


@dataclass(frozen=True, slots=True)
class For:
    name: str
    words: tuple[Word, ...] | None
    """None for the arguments of the shell."""
    body: Node


@dataclass(frozen=True, slots=True)
class Case:
    word: Word
    branches: tuple[tuple[tuple[Word, ...], Node], ...]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    body: Node


@dataclass(frozen=True, slots=True)
class Condition:
    """`[[ ... ]]`, its words, and `&&` and `||` between them."""

    words: tuple[Word, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`((...))`."""

    text: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """With a redirection that may fail."""

    body: Node


Node = (
    Simple
    | Pipeline
    | AndOr
    | Sequence
    | Subshell
    | If
    | Loop
    | For
    | Case
    | Function
    | Condition
    | Arithmetic
    | Redirected
)


def parse(line: str) -> Node:
    """Errors: UnreadError."""
    parser = _Parser(line)
    tree = parser.commands(())
    if not parser.at_end():
        raise UnreadError
    return tree


class _Parser:
    """Recursive descent over the characters of one line.

    list     = and_or { ( ";" | "&" | newline ) and_or }
    and_or   = pipeline { ( "&&" | "||" ) pipeline }
    pipeline = [ "!" ] command { "|" command }
    command  = words with redirections | a compound command with redirections | name "()" command
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._waiting: list[tuple[str, bool, bool]] = []
        """Here-documents that begin after this line: end, whether tabs go, whether it is taken literally."""
        self._doubtful = False
        """Whether the redirections of the command that is being read may fail."""

    # Characters and words.

    def at_end(self) -> bool:
        self._blanks()
        return self._at >= len(self._text)

    def _blanks(self) -> None:
        while True:
            if self._text.startswith(("\\\n",), self._at):
                self._at += 2
            elif self._text[self._at : self._at + 1] in (" ", "\t"):
                self._at += 1
            elif self._text.startswith("#", self._at) and self._begins_word():
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                return

    def _begins_word(self) -> bool:
        return self._at == 0 or self._text[self._at - 1] in " \t\n;|&()"

    def _operator(self) -> str:
        """The operator that comes next; empty where there is none."""
        self._blanks()
        if self._text.startswith(("|&", "&>", ";&", ";;&"), self._at):
            raise UnreadError  # bash has operators of its own there
        return next((one for one in _OPERATORS if self._text.startswith(one, self._at)), "")

    def _take(self, operator: str) -> bool:
        if self._operator() != operator:
            return False
        self._at += len(operator)
        if operator == "\n":
            self._here_documents()
        return True

    def _newlines(self) -> None:
        while self._take("\n"):
            pass

    def _next_word(self) -> str:
        """The word that comes next, as far as it is plain; nothing is taken."""
        self._blanks()
        match = re.compile(r"[^\s'\"\\`$&|;<>()]+").match(self._text, self._at)
        after = self._text[match.end() : match.end() + 1] if match else ""
        return match[0] if match and after not in tuple("'\"\\`$") else ""

    def _take_word(self, word: str) -> bool:
        if self._next_word() != word:
            return False
        self._blanks()
        self._at += len(word)
        return True

    def _need(self, word: str) -> None:
        if not self._take_word(word):
            raise UnreadError

    def word(self) -> Word | None:
        self._blanks()
        start, parts = self._at, []
        while self._at < len(self._text) and self._text[self._at] not in " \t\n&|;<>()":
            parts += self._piece()
        return Word(self._text[start : self._at], tuple(parts)) if self._at > start else None

    def _piece(self) -> list[Part]:
        first = self._text[self._at]
        match first:
            case "'":
                return [Part("text", self._until("'"), quoted=True)]
            case '"':
                return self._double()
            case "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                if not escaped:
                    raise UnreadError
                self._at += 2
                return [] if escaped == "\n" else [Part("text", escaped, quoted=True)]
            case "$" | "`":
                return [self._expansion(quoted=False)]
        match = re.compile(r"[^\s'\"\\`$&|;<>()]+").match(self._text, self._at)
        if match is None:
            raise UnreadError
        self._at = match.end()
        return [Part("text", match[0])]

    def _until(self, end: str) -> str:
        """What stands between here and the next `end`, both of which are taken."""
        close = self._text.find(end, self._at + 1)
        if close < 0:
            raise UnreadError
        inside, self._at = self._text[self._at + 1 : close], close + 1
        return inside

    def _double(self) -> list[Part]:
        self._at += 1
        parts = [Part("text", "", quoted=True)]
        while True:
            if self._at >= len(self._text):
                raise UnreadError
            one = self._text[self._at]
            if one == '"':
                self._at += 1
                return parts
            if one in "$`":
                parts.append(self._expansion(quoted=True))
                continue
            if one == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                self._at += 2
                if escaped != "\n":
                    parts.append(Part("text", escaped if escaped in tuple('"\\`$') else f"\\{escaped}", True))
                continue
            self._at += 1
            parts.append(Part("text", one, quoted=True))

    def _expansion(self, *, quoted: bool) -> Part:
        text, at = self._text, self._at
        if text[at] == "`":
            inside = self._until("`")
            if "\\" in inside:
                raise UnreadError
            return Part("line", inside, quoted)
        if text.startswith("$((", at):
            close = text.find("))", at)
            inside = text[at + 3 : close]
            if close < 0 or inside.count("(") != inside.count(")"):
                raise UnreadError
            self._at = close + 2
            return Part("arithmetic", inside, quoted)
        if text.startswith("$(", at):
            return Part("line", self._parenthesis(), quoted)
        if text.startswith("${", at):
            match = re.compile(r"\$\{([^{}'\"`$\\\n]*)\}").match(text, at)
            if match is None:
                raise UnreadError
            self._at = match.end()
            if _NAME.fullmatch(match[1]):
                return Part("variable", match[1], quoted)
            return Part("unknown" if _SAFE_EXPANSION.fullmatch(match[1]) else "fatal", match[0], quoted)
        match = re.compile(r"\$([A-Za-z_]\w*|[?!$#@*0-9-])").match(text, at)
        if match is not None:
            self._at = match.end()
            return Part("variable", match[1], quoted)
        if text[at + 1 : at + 2] in ("'", '"') and not quoted:
            raise UnreadError
        self._at += 1
        return Part("text", "$", True)

    def _parenthesis(self) -> str:
        """The line within `$(`, up to the parenthesis that closes it."""
        start = self._at + 2
        at, open_ = start, 1
        quotes = re.compile(r"'[^']*'|\"(?:[^\"\\`$]|\\.|\$(?!\())*\"|\\.|[()]|[^'\"\\()]+", re.DOTALL)
        while open_:
            match = quotes.match(self._text, at)
            if match is None:
                raise UnreadError
            open_ += {"(": 1, ")": -1}.get(match[0], 0)
            at = match.end()
        inside, self._at = self._text[start : at - 1], at
        if re.search(r"\bcase\b|#|<<", inside):
            raise UnreadError  # there a parenthesis may close something else
        return inside

    # Redirections.

    def _redirection(self) -> bool:
        """Take one, where there is one."""
        self._blanks()
        match = _REDIRECT.match(self._text, self._at)
        if match is None:
            return False
        self._at = match.end()
        operator = match[0].lstrip("0123456789")
        target = self.word()
        if target is None:
            raise UnreadError
        where = "".join(part.text for part in target.parts)
        if operator in ("<<", "<<-"):
            if any(part.kind != "text" for part in target.parts):
                raise UnreadError
            self._waiting.append((where, operator == "<<-", any(part.quoted for part in target.parts)))
        elif operator.endswith("&"):
            self._doubtful |= target.raw not in ("1", "2")
        else:
            self._doubtful |= target.raw != "/dev/null"
        return True

    def _here_documents(self) -> None:
        waiting, self._waiting = self._waiting, []
        for end, tabs, literal in waiting:
            while True:
                if self._at >= len(self._text):
                    raise UnreadError
                line, _, _ = self._text[self._at :].partition("\n")
                self._at = min(self._at + len(line) + 1, len(self._text))
                if (line.lstrip("\t") if tabs else line) == end:
                    break
                if not literal and ("$" in line or "`" in line or "\\" in line):
                    raise UnreadError  # what is put in there may fail

    # Commands.

    def commands(self, until: tuple[str, ...]) -> Sequence:
        """A list ends at the end of the line, at `)`, at `;;`, or at a word of `until` where a command may
        begin. An empty list in a group is an error of syntax."""
        items: list[tuple[Node, bool]] = []
        while True:
            self._newlines()
            ended = self._at >= len(self._text) or self._operator() in (")", ";;")
            if ended or (until and self._next_word() in until):
                if until and not items:
                    raise UnreadError
                if self._waiting:
                    raise UnreadError
                return Sequence(tuple(items))
            item = self._and_or()
            background = self._take("&")
            items.append((item, background))
            if not background and not self._take(";"):
                following = self._operator()
                if following not in ("\n", ")", ";;") and self._at < len(self._text):
                    raise UnreadError

    def _and_or(self) -> Node:
        first, rest = self._pipeline(), []
        while (operator := self._operator()) in ("&&", "||"):
            self._take(operator)
            self._newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        inverted = self._take_word("!")
        commands = [self._command()]
        while self._take("|"):
            self._newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), inverted) if inverted or len(commands) > 1 else commands[0]

    def _command(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH:
            raise UnreadError
        outer, self._doubtful = self._doubtful, False
        try:
            node = self._compound()
            if node is None:
                node = self._simple()
            else:
                while self._redirection():
                    pass
            return Redirected(node) if self._doubtful else node
        finally:
            self._depth -= 1
            self._doubtful = outer

    def _compound(self) -> Node | None:
        self._blanks()
        if self._text.startswith("((", self._at) and (found := self._arithmetic()) is not None:
            return found
        if self._take("("):
            body = self.commands(())
            if not body.items or not self._take(")"):
                raise UnreadError
            return Subshell(body)
        match self._next_word():
            case "{":
                self._need("{")
                return self._body("}")
            case "if":
                self._need("if")
                return self._if()
            case "while" | "until" as kind:
                self._need(kind)
                condition = self._body("do")
                return Loop(condition, kind == "until", self._body("done"))
            case "for":
                return self._for()
            case "case":
                return self._case()
            case "[[":
                return self._condition()
            case word if word in _NOT_READ or word in _RESERVED or word == "!":
                raise UnreadError
        return None

    def _arithmetic(self) -> Arithmetic | None:
        close = self._text.find("))", self._at)
        inside = self._text[self._at + 2 : close]
        if close < 0 or re.search(r"[;'\"\n`]|\$\(", inside) or inside.count("(") != inside.count(")"):
            return None
        self._at = close + 2
        return Arithmetic(inside)

    def _body(self, end: str) -> Node:
        body = self.commands((end,))
        self._need(end)
        return body

    def _if(self) -> If:
        condition = self._body("then")
        good = self.commands(("elif", "else", "fi"))
        if self._take_word("elif"):
            return If(condition, good, self._if())
        if self._take_word("else"):
            return If(condition, good, self._body("fi"))
        self._need("fi")
        return If(condition, good, None)

    def _for(self) -> For:
        self._need("for")
        name = self.word()
        if name is None or not _NAME.fullmatch(name.plain):
            raise UnreadError
        words: list[Word] | None = None
        self._newlines()
        if self._take_word("in"):
            words = self._words()
        if not self._take(";"):
            self._operator()
        self._newlines()
        self._need("do")
        return For(name.plain, None if words is None else tuple(words), self._body("done"))

    def _words(self) -> list[Word]:
        words = []
        while not self._operator() and (word := self.word()) is not None:
            words.append(word)
        return words

    def _case(self) -> Case:
        self._need("case")
        word = self.word()
        if word is None:
            raise UnreadError
        self._newlines()
        self._need("in")
        branches: list[tuple[tuple[Word, ...], Node]] = []
        while True:
            self._newlines()
            if self._take_word("esac"):
                return Case(word, tuple(branches))
            self._take("(")
            patterns = []
            while True:
                pattern = self.word()
                if pattern is None:
                    raise UnreadError
                patterns.append(pattern)
                if self._take(")"):
                    break
                if not self._take("|"):
                    raise UnreadError
            self._newlines()
            body = Sequence(()) if self._operator() == ";;" else self.commands(("esac",))
            branches.append((tuple(patterns), body))
            if not self._take(";;"):
                self._newlines()
                self._need("esac")
                return Case(word, tuple(branches))

    def _condition(self) -> Condition:
        self._blanks()
        start = self._at
        self._need("[[")
        words: list[Word] = []
        while not self._take_word("]]"):
            if (operator := self._operator()) in ("&&", "||"):
                self._take(operator)
                words.append(Word(operator, (Part("operator", operator),)))
            elif operator or (word := self.word()) is None:
                raise UnreadError
            else:
                words.append(word)
        return Condition(tuple(words), self._text[start : self._at])

    def _simple(self) -> Node:
        self._blanks()
        start, end = self._at, self._at
        assigns: list[tuple[str, Word]] = []
        words: list[Word] = []
        while True:
            if self._redirection():
                end = self._at
                continue
            if self._operator() or (word := self.word()) is None:
                break
            end = self._at
            assigned = _ASSIGNMENT.match(word.raw)
            if not words and assigned and word.parts[0].text.startswith(assigned[0]):
                if assigned[2] or self._operator() == "(":
                    raise UnreadError
                head = word.parts[0]
                value = Part("text", head.text[assigned.end() :], head.quoted)
                assigns.append((assigned[1], Word(word.raw[assigned.end() :], (value, *word.parts[1:]))))
            else:
                words.append(word)
        if end == start:
            raise UnreadError  # nothing where a command belongs
        if self._operator() == "(":
            return self._function(words, assigns)
        return Simple(tuple(assigns), tuple(words), self._text[start:end])

    def _function(self, words: list[Word], assigns: list[tuple[str, Word]]) -> Function:
        if len(words) != 1 or assigns or not _NAME.fullmatch(words[0].plain) or not self._take("("):
            raise UnreadError
        if not self._take(")"):
            raise UnreadError
        self._newlines()
        return Function(words[0].plain, self._command())
