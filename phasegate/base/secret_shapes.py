"""What looks like a secret: names of settings, and shapes of values; pure.

One rule for all who look: a name tells of a secret (`DB_PWD=x`), or a value has the shape of one, whatever
it is called (a password in a URL, a token of a known service).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise

from phasegate.base.dataclass import dataclass

_STRONG = r"passwor[dt]s?|passwd|passphrase|secrets?|tokens?(?!iz)|credentials?|api_?keys?"
_WORDS = r"pwd|pass|pw|keys?|auth|pat|erlang_cookie|dsn|psk|salt|passcode"
_NAMES = re.compile(rf"(?i)(?:{_STRONG})|(?:^|_)(?:{_WORDS})\d*(?:$|_)|(?<=[a-z])(?:pwd|key)$")
_NOT_THE_THING = re.compile(
    r"(?i)_(?:files?|path|dir|urls?|uri|host|port|names?|user|username|id|ids|type|ttl|length|size|len|min|max"
    r"|limit|count|policy|expiry|expires|method|methods|mode|enabled|required|algorithm|timeout|issuer|provider"
    r"|header|prefix|rounds|version|hash_?algo)$"
    r"|^(?:max|min|num|n|no|use|enable|disable|require|allow|skip)_"
    r"|(?:^|_)(?:public|pub|gpg|ssh_host|sort|primary|foreign|partition|cache|routing|group|map)_?keys?(?:$|_)"
    r"|monkey|turkey|hockey|keyboard|keyspace|keyring|keymap"
)
_NO_SECRETS = frozenset({"PWD", "OLDPWD", "PROXY_PASS"})
_PLACEHOLDERS = frozenset(
    (
        *("", "none", "null", "true", "false", "unset", "0", "1", "yes", "no", "on", "off", "***"),
        *("basic", "login", "plain", "digest", "trust", "required", "optional", "enabled", "disabled"),
    )
)
_VALUE = r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"'|;&,]+)"
_ASSIGNED = re.compile(rf"(?<![\w$])(?P<name>[A-Za-z_][\w.-]*)={_VALUE}")
_OPTION = re.compile(rf"(?<![\w-])--(?P<name>[A-Za-z][\w.-]*)[ ]+(?!-){_VALUE}")
_UP_TO = r"[^|;&\n]{0,200}?\s"
_GIVEN = (
    re.compile(rf"\b(?:mysql\w*|mariadb[\w-]*)\b{_UP_TO}-p{_VALUE}"),
    re.compile(rf"\bsshpass\s+-p\s*{_VALUE}"),
    re.compile(rf"\bredis-cli\b{_UP_TO}-a\s+{_VALUE}"),
    re.compile(rf"\b(?:docker|podman|helm|nerdctl)\b{_UP_TO}login\b{_UP_TO}-p\s*{_VALUE}"),
    re.compile(
        rf"\b(?:curl|wget|http(?!:))\b{_UP_TO}(?:-u|--user|--proxy-user|-U|-a)[ =]*[\"']?"
        rf"[^\s:\"'@/{{}}]+:{_VALUE}"
    ),
)
"""How programs that many know are given a password by a flag of one letter."""
_SETTING = re.compile(
    r"\b(?:config|configure|set)\s+(?:-[^\s;|&]+\s+)*(?:set\s+)?(?:[\w./:@-]*[/:])?(?P<name>[A-Za-z_][\w.-]*)"
    rf"[\s=]+(?!-){_VALUE}"
)
"""`npm config set _authToken x`, `aws configure set aws_secret_access_key x`, `poetry config NAME x`."""
_HEADER = re.compile(rf"(?:-H|--header)[\s=]*[\"']?(?P<name>[A-Za-z][\w-]*):\s*{_VALUE}")
_FIELD = re.compile(rf"(?m)(?<![\w$])(?P<name>[A-Za-z_][\w.-]*):[ ]+{_VALUE}(?=[\"']?\s*(?:$|[>|]))")
"""`password: x`, as YAML and JSON have it."""
_FED = (
    re.compile(r"(?i)\bauthorization:\s*(?:[a-z]+\s+)?(?P<value>[^\s\"'|;&,]{8,})"),
    re.compile(rf"\bhttp-basic\.\S+\s+\S+\s+{_VALUE}"),
    re.compile(rf"\b(?:useradd|usermod)\b{_UP_TO}-p\s+{_VALUE}"),
    re.compile(rf"\becho\s+[\"']?[\w.-]+:{_VALUE}[\"']?\s*\|\s*(?:sudo\s+)?chpasswd\b"),
    re.compile(
        rf"\b(?:echo|printf)\s+(?:-\S+\s+)*{_VALUE}\s*\|[^|;&\n]*?\s(?:--password-stdin|--stdin|--with-token"
        r"|--passphrase-fd)\b"
    ),
    re.compile(rf"\blogin\s+\S+\s+password\s+{_VALUE}"),
    re.compile(rf"\bpass:{_VALUE}"),
)
"""How else programs are given a password: headers, composer, chpasswd, a login, .netrc, OpenSSL."""
_REFERENCES = re.compile(r"[$`<%{*]|/run/secrets/|\.\*|\\[1-9(]|EXPRESSION")
"""What a value begins with, or holds, that is put in when it runs, or is a pattern."""
_PUBLIC = re.compile(
    r"(?i)^(?:.*\.)?(?:recv|receive|fetch|import|export|trusted|list|l?sign|signing|default|local|edit)_?keys?$"
)
"""Options of gpg that name keys which everybody may know."""
_TOO_SHORT = frozenset({"key", "keys", "auth", "salt"})
"""Names that say too little in a text."""
_SHAPES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]{0,4096}"),
    "an AWS access key": re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}\b"),
    "a GitLab token": re.compile(r"\bglpat-[\w-]{20,}"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[\w-]{10,}"),
    "a Slack webhook": re.compile(r"(?<=hooks\.slack\.com/services/)T\w+/B\w+/\w{8,}"),
    "a Google API key": re.compile(r"\bAIza[\w-]{35}\b"),
    "a Stripe key": re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    "an API key": re.compile(r"(?<![\w-])sk-[A-Za-z0-9][\w-]{18,}"),
    "an npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "a PyPI token": re.compile(r"\bpypi-[\w-]{30,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a bearer token": re.compile(r"(?i)(?<=\bbearer )[ ]*[A-Za-z0-9][\w.~+/=-]{7,}"),
    "basic credentials": re.compile(r"(?i)(?<=authorization: basic )[A-Za-z0-9+/=]{8,}"),
    "a token in a URL": re.compile(r"(?<=://)[A-Za-z0-9_-]{20,}(?=@[\w.\[-])"),
    "a password in a URL": re.compile(r"(?<=://)[^\s/:@'\"]*:(?![$])[^\s/'\"]+(?=@[\w.\[-])"),
}
_SHORTEST_SHAPE = 15
"""Characters of the shortest text that has one of these shapes, but for a password in a URL."""


_PLAIN = re.compile(r"[\w./#-]*")
"""A word in which nothing is given to a name."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A secret in a text."""

    what: str
    """Its name, or what its shape is."""
    value: str
    start: int
    end: int


def is_secret(name: str, value: str) -> bool:
    """A name that tells of a secret, with a value that is one: no reference and no flag."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-.]", "_", name)
    if name.upper() in _NO_SECRETS or not _NAMES.search(words) or _NOT_THE_THING.search(words):
        return False
    return value.strip().lower() not in _PLACEHOLDERS and not value.startswith(("$", "/run/secrets/"))


def secrets_in_variable(name: str, value: str) -> Iterator[Shaped]:
    """The secrets in one setting: all of its value, or what has the shape of one."""
    if is_secret(name, value):
        yield Shaped(f"{name}=***", value, 0, len(value))
    else:
        yield from (
            Shaped(f"{name}: {one.what}", one.value, one.start, one.end) for one in _find_shapes(value)
        )


def secrets_in_text(text: str) -> Iterator[Shaped]:
    """The secrets in a line of text: what is given to a name (`NAME=value`, `--password value`), and shapes.

    They may overlap.
    """
    assigned = _ASSIGNED.finditer(text) if "=" in text else ()
    with_flags = "-" in text
    for match in chain(assigned, _OPTION.finditer(text) if with_flags else ()):
        name, value = match["name"], match["value"]
        quoted = value[0] in "\"'"
        inside, start = value[1:-1] if quoted else value, match.start("value") + quoted
        if name.lower() not in _TOO_SHORT and is_secret(name, inside):
            yield Shaped(f"{name}=***", inside, start, start + len(inside))
    for given in _GIVEN if with_flags else ():
        for match in given.finditer(text):
            if not match["value"].startswith("$"):
                yield Shaped("a password", match["value"], match.start("value"), match.end("value"))
    yield from _find_shapes(text)


def secrets_in_command(text: str) -> Iterator[Shaped]:
    """The secrets that are written out in a command: those of a text, what a program is set to or fed with,
    and headers. References to what is put in when it runs, and patterns, are none."""
    found = list(secrets_in_text(text))
    for written in (_SETTING, _HEADER, _FIELD):
        for match in written.finditer(text):
            value, names = match["value"].strip("\"'"), match["name"].split(".")
            told = any(is_secret(name, value) for name in names if name.lower() not in _TOO_SHORT)
            if told and names[0] != "credential":
                found.append(Shaped(f"{match['name']}=***", value, match.start("value"), match.end("value")))
    for fed in _FED:
        for match in fed.finditer(text):
            value = match["value"].strip("\"'")
            found.append(Shaped("a password", value, match.start("value"), match.end("value")))
    for one in found:
        name = one.what.removesuffix("=***").replace("-", "_")
        if one.value and not _REFERENCES.search(one.value[:200]) and not _PUBLIC.match(name):
            yield one


def arguments_without_secrets(arguments: Sequence[str], *, put: str) -> list[str]:
    """The words of a command with `put` in place of every secret, also of one that is the next word."""
    found = [without_secrets(word, put=put) for word in arguments]
    for number, (flag, value) in enumerate(pairwise(arguments)):
        if flag.startswith("-") and "=" not in flag and is_secret(flag.lstrip("-"), value):
            found[number + 1] = put
    line = " ".join(arguments)
    ends = list(accumulate(len(word) + 1 for word in arguments))
    for given in _GIVEN:
        for match in given.finditer(line):
            place = bisect_right(ends, match.start("value"))
            if not match["value"].startswith("$"):
                found[place] = arguments[place].replace(match["value"], put)
    return found


def without_secrets(text: str, *, put: str, name: str = "") -> str:
    """A text with `put` in place of every secret in it; `name`: of the setting whose value it is."""
    if not name and len(text) < _SHORTEST_SHAPE and _PLAIN.fullmatch(text):
        return text
    found = [*(secrets_in_variable(name, text) if name else ()), *secrets_in_text(text)]
    pieces, done = [], 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.end > done:
            pieces += [text[done : one.start], put] if one.start >= done else []
            done = one.end
    return "".join((*pieces, text[done:]))


def _find_shapes(text: str) -> Iterator[Shaped]:
    if len(text) < _SHORTEST_SHAPE and "://" not in text:
        return
    for what, shape in _SHAPES.items():
        for match in shape.finditer(text):
            yield Shaped(what, match[0], match.start(), match.end())
