"""Files that are nearly right: trees with nodes changed, written as YAML or JSON, and bytes spoilt after."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any


class Raw(str):
    """Text that stands in the file as it is, not quoted."""

    __slots__ = ()


class Pairs(list[tuple[Any, Any]]):
    """A mapping that may have a key twice."""


_WORDS = (
    *(
        "",
        "x",
        "run",
        "..",
        "/",
        ".",
        "a.b",
        "a/b",
        "$.a[0]",
        "web:app",
        "*",
        "[",
        "(",
        "(?<!a)(b|c)*$",
        "%",
        "-",
    ),
    *(
        "${v}",
        "${",
        "${}",
        "$$",
        "${each}",
        "${out}",
        "${self.port}",
        "${target.web.url}",
        "${target.x.port.80}",
    ),
    *(
        "${env.HOME}",
        "${env.}",
        "http://[",
        "http://h:99999/",
        "https://x/%zz",
        "/\u2028",
        "\ud800",
        "\x00",
        "\x1b[31m",
    ),
    *(
        "100%",
        "5s",
        "-1s",
        "1e999s",
        "10/s",
        "1..2h",
        "64MiB",
        "a.latency.p95 < 1s",
        "a/b.c.p200 >= baseline * 0",
    ),
    *(
        "2024-02-30",
        "2024-01-01T00:00:00",
        "9999-12-31",
        "0001-01-01",
        "é",
        "e\u0301",
        "\U0001f600",
        "İ",
        "ß" * 9,
    ),
    *(
        "aaaa " * 30,
        "a" * 300,
        "b" * 5000,
        "n/" * 3000,
        "../" * 50,
        "~",
        "~root",
        "/dev/null",
        "/proc/self/mem",
    ),
)
_NUMBERS = (0, 1, -1, 2.5, 65536, 2**31, 2**63, 2**64, 10**30, -(10**400), 1e308, 5e-324)
_RAW = tuple(
    map(
        Raw,
        (
            *(
                "~",
                "yes",
                ".nan",
                "-.inf",
                "0x1F",
                "0o17",
                "01234",
                "+49",
                "1_000",
                "1:30",
                "1e400",
                "2024-01-01",
            ),
            *(
                "2001-12-14t21:59:43.10-05:00",
                "*nowhere",
                "&a [*a]",
                "&a {<<: *a}",
                "!!python/object:os.system x",
            ),
            *(
                "!!binary aGk=",
                "!!int x",
                "!!set {a, b}",
                "!!timestamp 1",
                "!reset",
                "? x",
                "{? [a] : b}",
                "<<",
                "@x",
                "`",
            ),
            *(
                "NaN",
                "Infinity",
                "-",
                "9" * 5000,
                "0x" + "F" * 5000,
                "1" + "0" * 120_000,
                "|",
                ">-",
                "%YAML 3.0",
                "---",
            ),
        ),
    )
)


def junk(random: Random) -> Any:
    """A value that nobody expects."""
    match random.randrange(12):
        case 0 | 1 | 2:
            return random.choice(_WORDS)
        case 3 | 4:
            return random.choice(_NUMBERS)
        case 5:
            return random.choice(_RAW)
        case 6:
            return random.choice((None, True, False, [], {}, [None], [[]], {"": ""}))
        case 7:
            return [junk(random) for _ in range(random.randrange(4))]
        case 8:
            return Pairs((random.choice(_WORDS), junk(random)) for _ in range(random.randrange(1, 4)))
        case 9:
            return nested(random, random.choice((3, 40, 70, 200, 2_000)))
        case 10:
            return "".join(
                chr(random.choice((random.randrange(128), random.randrange(0x3000)))) for _ in range(8)
            )
        case _:
            return random.choice("ab[]{}:,&*#?|-<>=!%@\\") * random.choice((1, 2, 9, 300))


def nested(random: Random, depth: int) -> Raw:
    opening, closing = random.choice((("[", "]"), ('{"a": ', "}"), ('[{"a": ', "}]")))
    return Raw(opening * depth + "1" + closing * depth)


def mutated(tree: Any, random: Random, changes: int, others: tuple[Any, ...] = ()) -> Any:
    """A copy in which some nodes are others: junk, parts of `others`, keys misspelt, twice, or left out."""
    holder: list[Any] = [copy.deepcopy(tree)]
    for _ in range(changes):
        places = list(_places(holder))
        if not places:
            break
        at, key = random.choice(places)
        _change(at, key, random, others)
    return holder[0]


def _change(holder: Any, key: Any, random: Random, others: tuple[Any, ...]) -> None:
    value = holder[key]
    match random.randrange(10):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 0 if len(holder) > 1:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice((f"{key}x", str(random.choice(_WORDS)), "<<"))] = holder.pop(key)
        case 2 if isinstance(value, dict) and value:
            twice = random.choice(list(value))
            holder[key] = Pairs([*value.items(), (twice, junk(random))])
        case 3 if isinstance(value, list) and value:
            value.extend(copy.deepcopy(random.choice(value)) for _ in range(random.choice((1, 3))))
        case 4 if others:
            holder[key] = copy.deepcopy(random.choice(list(_values(random.choice(others)))))
        case 5 if isinstance(value, str) and value:
            at = random.randrange(len(value) + 1)
            holder[key] = value[:at] + str(random.choice(_WORDS)) + value[at + random.randrange(3) :]
        case 6 if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = random.choice(_NUMBERS)
        case 7:
            holder[key] = random.choice(([value], {"a": value}, str(value), [value, value]))
        case _:
            holder[key] = junk(random)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    items: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if type(tree) is list else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)


def _values(tree: Any) -> Iterator[Any]:
    yield tree
    for holder, key in _places(tree):
        yield holder[key]


def as_text(tree: Any) -> str:
    """YAML in its flow style, which is JSON where nothing raw and no pairs stand in the tree."""
    match tree:
        case Raw():
            return str(tree)
        case Pairs():
            return "{" + ", ".join(f"{json.dumps(str(key))}: {as_text(value)}" for key, value in tree) + "}"
        case dict():
            return as_text(Pairs(tree.items()))
        case list() | tuple():
            return "[" + ", ".join(map(as_text, tree)) + "]"
        case str():
            return json.dumps(tree, ensure_ascii=False)
        case None | bool() | int() | float():
            return json.dumps(tree)
        case _:
            return str(tree)


_BYTES = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\r",
        b"\n",
        b"\t",
        b"\x85",
        b"\x1b[2J",
        b"\x7f",
    ),
    *(
        b"'",
        b'"',
        b": ",
        b"- ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"&",
        b"*",
        b"!",
        b"|",
        b"#",
        b"%",
        b"\\",
        b"<",
        b">",
        b"<!--",
    ),
)


def spoilt(data: bytes, random: Random, others: tuple[bytes, ...] = ()) -> bytes:
    """Bytes with pieces put in, left out, doubled, cut off, or taken from elsewhere."""
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + random.choice((1, 2, 10, 100)))
        match random.randrange(9):
            case 0 | 1 | 2:
                data = data[:at] + random.choice(_BYTES) + data[at:]
            case 3:
                data = data[:at] + data[end:]
            case 4:
                data = data[:at] + data[at:end] * random.choice((2, 3, 50)) + data[end:]
            case 5:
                data = data[:at]
            case 6 if others:
                other = random.choice(others)
                begin = random.randrange(len(other) + 1)
                data = data[:at] + other[begin : begin + 200] + data[at:]
            case 7 if data:
                place = min(at, len(data) - 1)
                data = data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]
            case _:
                lines = data.split(b"\n")
                random.shuffle(lines) if random.random() < 0.3 else lines.insert(0, random.choice(lines))
                data = b"\n".join(lines)
    return data
