"""Keeps secrets out of everything that is written: values, their encodings, and headers that carry them.

Known values are replaced however they are written: encodings are undone (`decoding`) and the values looked
for in what comes of it (`needles`; values with few letters byte by byte). The values of `Authorization`,
`Cookie` and `Set-Cookie`, bearer tokens and passwords in URLs are replaced whether known or not.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import EnumMeta
from functools import cache
from itertools import compress
from typing import Any, get_args, get_type_hints
from urllib.parse import quote, quote_plus

from phasegate.base.facts import NAMES
from phasegate.base.secret_shapes import arguments_without_secrets, is_secret, without_secrets
from phasegate.model.events import Event
from phasegate.record.decoding import View, has_escapes, is_plain, spaced, unescape_rounds, views
from phasegate.record.needles import Needles

REPLACEMENT = "[redacted]"
_REPLACEMENT = REPLACEMENT.encode()
SHORTEST = 4
"""Shorter values would shred ordinary text; they are replaced only where they are the whole of a text."""
_BEGINNING = 3
"""Bytes by which forms are grouped; no form is shorter than `SHORTEST`."""
_ELLIPSIS = "…".encode()
_SHORTENED = 80
"""Bytes from which on a text may be one that was shortened without an ellipsis."""
_TELLING = 8
"""Bytes of the beginning of a form that already tell too much."""
_ANY_CASE = 6
"""Characters from which on a value is found in upper and lower case."""
_WHOLE = 64 * 1024
"""Bytes that are searched at once."""
_LONGEST_WAIT = 16 * 1024
"""Bytes of lines that a stream holds back for the sake of a value that may go on."""
_MARGIN = 4 * 1024
"""Bytes that a value may take up, with all that is put between its letters."""
_GOES_ON = re.compile(rb"(?:=|[A-Za-z0-9+/_-]{48})\r?\n\Z")
_PUT_BETWEEN = bytes(range(32)) + b"\x7f\\'\""
"""What programs put between characters; a space is part of a value."""
_KEPT = bytes(byte not in _PUT_BETWEEN for byte in range(256))
_SECRET_LINE = 8
"""Lines of a value with several lines, such as a key, are secrets of their own from this length on."""
LONGEST_LINE = 64 * 1024
"""Bytes that a stream holds back for the sake of header values while no line ends."""
_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
_TOLD = frozenset(("command", "variables", "summary", "environment"))
"""Fields of the record that hold commands, or settings by their names, as somebody wrote them."""
_NEVER_ENCODED = ("", "/", "!'()*~", ";,/?:@&=+$!'()*~#")
"""Characters that encoders leave alone: Python's two ways, encodeURIComponent, encodeURI."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")

# A header in text: `Cookie: a=b`, `cookie=a`, a dump as JSON or Python, also one that was escaped again, a
# pair in a list, a pair of `name` and `value`. A value in quotes ends with the quote, one in brackets with
# the bracket, any other with the line. A dot before the name, as in `headers.cookie: expected`, is how
# messages name a header, not how one is written. The first character stands alone so that `re` can skip to
# it, and space is matched possessively so that long runs of it cost no more than their length.
_NAME = rb"""(?P<start> [AaPpCcSs] (?: (?<![\w.-].) | (?<=\\[nrt].) )
    (?i: (?<=a)uthorization | (?<=p)roxy-authorization | (?<=c)ookie | (?<=s)et-cookie ) )"""
_HEADER = re.compile(
    rb"(?x)"
    + _NAME
    + rb"""
    (?P<between>
        (?P<dump> \\*+["'] (?: \s*+ , \s*+ \\*+["']value\\*+["'] \s*+ : | \s*+ [:,] ) \s*+ )
      | = | \s*+ : [ \t]*+ )
    (?: (?P<list> \[ [^\]]* \]? | \{ [^}]* \}? )
      | b? (?P<quote> ["'] ) (?: \\[^\r\n] | (?!(?P=quote)) [^\\\r\n] )*
      | (?P<escaped> \\++["'] ) (?: (?! (?P=escaped) \s*+ (?: [],})\r\n] | \Z ) ) [^\r\n] )*
      | (?P<bare> [^\s"'\\] (?(dump) [^],})\r\n]* | (?: (?! \\++[rn] ) [^\r\n] )* ) )
    )"""
)
_TELLTALES = (b"authorization", b"cookie", b"bearer ", b"basic ")
"""In lower case, what stands in every JSON line in which something is replaced though no secret is known, but
for URLs and what is below the keys of `_TOLD`."""
_TOLD_KEY = re.compile(f'"({"|".join(sorted(_TOLD))})":')
"""A key in a line without blanks; in a text the quotes would be escaped."""
_TOLD_KEYS = [f'"{key}":'.encode() for key in sorted(_TOLD)]
_json = json.JSONDecoder()
_URL = re.compile(rb"(?P<kept>://[^\s/:@'\"]{0,200}:)(?!\$)[^\s/'\"@]{1,200}(?=@[\w.\[-])")
_CREDENTIALS = re.compile(
    rb"(?P<kept>\b[Bb](?i:earer|asic) +)(?:(?<=[Rr] )(?=[\w.~+/-]*[0-9])[\w.~+/-]{8,}=*"
    rb"|(?<=[Cc] )(?=[A-Za-z0-9+/]*[0-9=])[A-Za-z0-9+/]{8,}={0,2}(?![\w]))"
)
"""Passwords in URLs, and what stands behind the name of a scheme where no header is."""
_OPEN = re.compile(
    rb"(?x)"
    + _NAME
    + rb"""(?: \\*+["'] (?: \s*+ , \s*+ \\*+["']value\\*+["'] )? )? \s*+ [:,=]? \s*+
    (?: \[ [^\]]* | \{ [^}]* )? \Z"""
)
"""A header that text ends in the middle of, before its value or inside a list of values."""


class Redactor:
    """Replaces secret values; more may be added while the run goes on."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._needles = Needles()
        self._forms: set[bytes] = set()
        """Of values that have too few letters and digits to be found by those."""
        self._folded: set[bytes] = set()
        """The same in lower case, of values that are long enough to be found in any case."""
        self._patterns: tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None] = (None, None)
        self._stale = False
        self._escaped = False
        """Whether a value has escapes or terminal sequences itself."""
        self._spaced = False
        """Whether a value has white space in it, which reports write as a single space."""
        self._longest = 0
        self._beginnings: dict[bytes, list[bytes]] = {}
        self.generation = 0
        """Grows with every new value; what was redacted in an earlier generation may hold a later secret."""
        for secret in secrets:
            self.add(secret)

    def add(self, value: str) -> None:
        """Replace a value from now on."""
        if not value or value in self._values:
            return
        self._values.add(value)
        words = value.split()
        self._spaced = self._spaced or len(words) > 1
        self._escaped = self._escaped or has_escapes(_bytes(value))
        lines = [line.strip() for line in value.splitlines()]
        # A value that looks encoded itself is found decoded where what is around it is decoded.
        plainer = (form.decode("utf-8", "replace") for form in unescape_rounds(_bytes(value)))
        parts = (*lines, " ".join(words), *plainer)
        for text in {value, *(part for part in parts if len(part) >= _SECRET_LINE)}:
            raw = _bytes(text)
            if len(text) >= SHORTEST and not self._needles.add(text, raw):
                self._forms.update(_forms_of(text), _base64_forms(raw))
                if len(text) >= _ANY_CASE:
                    cases = (text, text.upper(), text.lower(), text.title())
                    forms = (_bare(form) for case in cases for form in _forms_of(case))
                    self._folded.update(form for form in forms if len(form) >= _ANY_CASE)
        self.generation += 1
        self._stale = True

    def redact(self, text: str) -> str:
        """Text with every secret and every header value replaced."""
        if self._is_short_secret(text):
            return REPLACEMENT
        data = text.encode("utf-8", "surrogatepass")
        redacted = self._without_beginnings(self._values_and_headers(data))
        return text if redacted == data else _decoded(redacted)

    def redact_bytes(self, data: bytes) -> bytes:
        """The same for bytes, text or not."""
        if len(data) < 64 and self._is_short_secret(data.decode("utf-8", "replace")):
            return _REPLACEMENT
        return self._values_and_headers(data)

    def is_clean(self, line: bytes) -> bool:
        """Whether a look at a JSON line of the record shows that nothing in it is replaced: no secret is
        known, it has nothing that a header or a URL with a password would have, and its settings and
        commands stay as they are."""
        if self._values:
            return False
        small = line.lower()
        if any(map(small.__contains__, _TELLTALES)) or (b"://" in small and b"@" in small):
            return False
        if not any(map(line.__contains__, _TOLD_KEYS)):
            return True
        text = line.decode("utf-8", "surrogatepass")
        settings = ({match[1]: _json.raw_decode(text, match.end())[0]} for match in _TOLD_KEY.finditer(text))
        return all(self.redact_tree(one, free=False) == one for one in settings)

    def redact_name(self, name: str) -> str:
        """A name of a file: whoever made it may have replaced whatever is not a letter in it."""
        data = self.redact(name).encode("utf-8", "surrogatepass")
        spans = sorted(set(self._needles.find(data, anything_between=True)))
        if spans:
            data = data[: spans[0][0]] + _REPLACEMENT + data[max(end for _, end in spans) :]
        return _decoded(data)

    def redact_tree(self, value: Any, *, free: bool = True) -> Any:
        """A JSON-able tree with strings and keys redacted, and the values beside names of headers.

        Words of the record itself and points in time stay, so that it can be read whatever the secrets are.
        `free`: whether its keys are anybody's. Those of the record are fields and identifiers, such as the
        name of a part, which may be `cookie`.
        """
        match value:
            case str():
                return self._redact_string(value)
            case None | int() | float():
                return value
            case dict() | Mapping():
                return self._redact_mapping(value, free)
            case [str() as name, content] if (
                free and _names_header(name) and not isinstance(content, Mapping)
            ):
                return type(value)((name, _hide(content)))
            case list() | tuple():
                return type(value)([self.redact_tree(item, free=free) for item in value])
            case _:
                return value

    def stream(self) -> RedactingStream:
        """Redaction of bytes that come piece by piece."""
        return RedactingStream(self)

    @property
    def _has_values(self) -> bool:
        return bool(self._needles or self._forms)

    def views_of(self, data: bytes) -> list[View]:
        """What values are looked for in: the text alone where nothing in it could be an encoding."""
        if not self._forms and is_plain(data):
            return [View(data)]
        return list(views(data, own=self._escaped))

    def spans(self, views: Iterable[View]) -> list[tuple[int, int]]:
        """Where values stand in the text that all the views are of, ascending, none in another."""
        exact, folded = self._exact_patterns()
        found: list[tuple[int, int]] = []
        for view in self._with_spaced(views):
            found += (view.origin(*span) for span in self._needles.find(view.data))
            if exact is not None:
                found += (view.origin(*match.span()) for match in exact.finditer(view.data))
            if folded is not None:
                found += (view.origin(*span) for span in _find_in_any_case(folded, view.data))
        if len(found) < 2:
            return found
        found.sort()
        merged = [found[0]]
        for start, end in found[1:]:
            if start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return merged

    def unfinished(self, view: View) -> Iterator[tuple[int, int, bool]]:
        """Where the end of a text may be a part of a value, how much of it there is, and whether it begins
        the value."""
        self._exact_patterns()
        for one in self._with_spaced((view,), last=_MARGIN):
            yield from self._unfinished(one)

    def _unfinished(self, view: View) -> Iterator[tuple[int, int, bool]]:
        for start, count, begins in self._needles.unfinished(view.data):
            yield view.origin(start, len(view.data))[0], count, begins
        tail = view.data[-4 * self._longest :] if self._beginnings else b""
        before = len(view.data) - len(tail)
        yield from (
            (view.origin(before + at, before + at + 1)[0], n, True)
            for at, n in self._possible_beginnings(tail)
        )
        places = list(compress(range(len(tail)), tail.translate(_KEPT)))
        for at, count in self._possible_beginnings(_bare(tail)):
            yield view.origin(before + places[at], before + places[at] + 1)[0], count, True

    def _with_spaced(self, views: Iterable[View], *, last: int = 0) -> Iterator[View]:
        """Each text as it is, and, where it matters, with plain spaces; of that one the last bytes only."""
        for view in views:
            yield view
            if self._spaced and (plain := spaced(view.end(last) if last else view)) is not None:
                yield plain

    def _possible_beginnings(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Where the end of a text may be the beginning of a form, and how much of it there is."""
        size = len(text)
        for at in range(max(size - self._longest + 1, 0), size):
            forms = self._beginnings.get(text[at : at + _BEGINNING], ())
            if any(len(form) > size - at and form.startswith(text[at:]) for form in forms):
                yield at, size - at

    def _exact_patterns(self) -> tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None]:
        if self._stale:
            forms = self._forms | self._folded
            self._patterns = (
                _alternation(self._forms) if self._forms else None,
                _alternation(self._folded) if self._folded else None,
            )
            self._longest = max(map(len, forms), default=0)
            self._beginnings = _by_beginning(forms)
            self._stale = False
        return self._patterns

    def _is_short_secret(self, text: str) -> bool:
        return len(text) < 64 and len(word := text.strip()) < SHORTEST and word in self._values

    def _values_and_headers(self, data: bytes) -> bytes:
        if len(data) > _WHOLE:
            stream = self.stream()
            parts = [stream.feed(data[at : at + _WHOLE]) for at in range(0, len(data), _WHOLE)]
            return b"".join((*parts, stream.flush()))
        if self._has_values and (spans := self.spans(self.views_of(data))):
            data = replace_spans(data, spans)
        return _without_headers(data)

    def _without_beginnings(self, data: bytes) -> bytes:
        """Without the first part of a value where text was shortened: at its end, before an ellipsis."""
        if (len(data) < _SHORTENED and _ELLIPSIS not in data) or not self._has_values:
            return data
        pieces = data.split(_ELLIPSIS)
        for number, piece in enumerate(pieces):
            begun = (at for at, count, begins in self.unfinished(View(piece)) if begins and count >= _TELLING)
            at = min(begun, default=len(piece))
            if at < len(piece):
                pieces[number] = piece[:at] + _REPLACEMENT
        return _ELLIPSIS.join(pieces)

    def _redact_string(self, text: str) -> str:
        if not self._values and _has_nothing_to_hide(text):
            return text
        if text in _record_words() or (len(text) < 40 and _INSTANT.fullmatch(text)):
            return text
        return self.redact(text)

    def _redact_mapping(self, mapping: Mapping[Any, Any], free: bool) -> dict[Any, Any]:
        # As HAR files and many logs write a header.
        is_header = free and _names_header(mapping.get("name")) and "value" in mapping
        redacted: dict[Any, Any] = {}
        names, of_anybody = _plain_names(), _free_names()
        for key, item in mapping.items():
            inside = free or key in of_anybody
            if key in names and not (is_header and key == "value"):
                redacted[key] = self.redact_tree(item, free=inside)
                continue
            hide = (free and _names_header(key)) or (is_header and key == "value")
            if key in _TOLD:
                item = _without_shapes(item)
            new_key = self._redact_string(key) if isinstance(key, str) else key
            while new_key != key and new_key in redacted:
                new_key += "'"  # two secrets as keys stay two entries
            redacted[new_key] = _hide(item) if hide else self.redact_tree(item, free=inside)
        return redacted


class RedactingStream:
    """Gives back what is safe to write so far; the rest comes with later pieces or with `flush`.

    The output is the same however the input is cut up: bytes that could be the beginning of a secret wait for
    what follows, and lines that may hold a header wait for their end.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._raw = b""
        """Not yet searched for values to its end."""
        self._line = b""
        """The beginning of a line, free of values, that ends in a later piece."""
        self._in_header = False
        """Inside the value of a header whose line was too long to wait for."""

    def feed(self, chunk: bytes) -> bytes:
        self._raw += chunk
        return self._lines(self._search(final=False))

    def flush(self) -> bytes:
        """The end of the input."""
        done = self._lines(self._search(final=True))
        line, self._line = self._line, b""
        if self._in_header:
            line = b""
        self._in_header = False
        return done + _without_headers(line)

    def _search(self, *, final: bool) -> bytes:
        """Everything that is certain to belong to no value any more, with values replaced."""
        raw = self._raw
        if not self._redactor._has_values:
            self._raw = b""
            return raw
        found = self._redactor.views_of(raw)
        spans = self._redactor.spans(found)
        end = len(raw) if final else self._safe_end(raw, found, spans)
        self._raw = raw[end:]
        return replace_spans(raw[:end], [span for span in spans if span[0] < end])

    def _safe_end(self, raw: bytes, found: list[View], spans: list[tuple[int, int]]) -> int:
        """Where text can be cut without cutting a value in two, known or begun: after a line, unless it is
        longer than what is waited for."""
        end = _line_start(raw, len(raw) - raw.endswith(b"\r"))  # which a line feed may follow
        begun = [at for view in found if not view.nested for at, _, _ in self._redactor.unfinished(view)]
        end = _outside(raw, min([end, *begun, _open_code(raw, end)]), spans)
        if len(raw) - end > _LONGEST_WAIT:
            end = max(end, len(raw) - _MARGIN)
            end = min((start for start, stop in spans if start < end < stop), default=end)
        return end

    def _lines(self, data: bytes) -> bytes:
        text = self._line + data
        end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if self._in_header and end:
            skipped = _first_line_end(text)
            text, end = text[skipped:], end - skipped
            self._in_header = False
        end = _before_open_header(text, end)
        whole, self._line = text[:end], text[end:]
        done = _without_headers(whole)
        if len(self._line) > LONGEST_LINE:
            done += self._part_of_line()
        return done

    def _part_of_line(self) -> bytes:
        """Give out most of a line that does not end, and remember when a header value goes on after it."""
        line, self._line = self._line, b""
        if self._in_header:
            return b""
        cut = len(line) - 128  # a name and what stands between it and its value may be cut in two here
        for match in _HEADER.finditer(line) if _may_hold_header(line) else ():
            if match.end() == len(line):
                self._in_header = True
                return _without_headers(line)
            if match.start() < cut < match.end():
                cut = match.end()
        self._line = line[cut:]
        return _without_headers(line[:cut])


def _bare(form: bytes) -> bytes:
    """In lower case, without what programs put between characters."""
    return form.translate(None, _PUT_BETWEEN).lower()


def _find_in_any_case(pattern: re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, int]]:
    places: list[int] = []
    for match in pattern.finditer(_bare(data)):
        places = places or list(compress(range(len(data)), data.translate(_KEPT)))
        yield places[match.start()], places[match.end() - 1] + 1


def replace_spans(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """Data with the replacement in place of each span."""
    pieces: list[bytes] = []
    done = 0
    for start, end in spans:
        pieces += (data[done:start], _REPLACEMENT)
        done = end
    return b"".join((*pieces, data[done:]))


def _outside(raw: bytes, at: int, spans: list[tuple[int, int]]) -> int:
    """The start of a line at or before a place that is inside no span."""
    at = _line_start(raw, at)
    for start, end in reversed(spans):
        if start < at < end:
            at = _line_start(raw, start)
    return at


def _open_code(raw: bytes, end: int) -> int:
    """The start of the lines before a place that go on in the next, as wrapped base64 does."""
    at = end
    while end - at < _LONGEST_WAIT and (match := _GOES_ON.search(raw, max(at - 80, 0), at)):
        if match[0].islower() or match[0].isupper():
            break
        at = _line_start(raw, match.start())
    return at


def _before_open_header(text: bytes, end: int) -> int:
    """The start of a line at or before `end` where text can be cut without cutting a header in two."""
    if not _may_hold_header(text[:end]) or not (open_header := _OPEN.search(text, 0, end)):
        return end
    cut = _line_start(text, open_header.start())
    for match in reversed(list(_HEADER.finditer(text, 0, end))):
        if match.start() < cut < match.end():
            cut = _line_start(text, match.start())
    return cut


def _line_start(data: bytes, at: int) -> int:
    return max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1


def _first_line_end(data: bytes) -> int:
    ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
    return min(ends, default=len(data))


def _may_hold_header(data: bytes) -> bool:
    small = data.lower()
    return b"authorization" in small or b"cookie" in small


def _has_nothing_to_hide(text: str) -> bool:
    """Whether one look shows that nothing of a text is replaced where no secret is known."""
    small = text.lower()
    return not (
        "authorization" in small
        or "cookie" in small
        or "bearer " in small
        or "basic " in small
        or ("://" in small and "@" in small)
    )


def _without_headers(data: bytes) -> bytes:
    small = data.lower()
    if b"authorization" in small or b"cookie" in small:
        data = _HEADER.sub(_without_value, data)
    if b"://" in data and b"@" in data:
        data = _URL.sub(rb"\g<kept>" + _REPLACEMENT, data)
    if b"bearer " in small or b"basic " in small:
        data = _CREDENTIALS.sub(rb"\g<kept>" + _REPLACEMENT, data)
    return data


def _without_value(match: re.Match[bytes]) -> bytes:
    kept = match["start"] + match["between"]
    if match["list"] is not None or (match["dump"] is not None and match["bare"] is not None):
        return kept + b'"' + _REPLACEMENT + b'"'
    return kept + (match["quote"] or match["escaped"] or b"") + _REPLACEMENT


def _without_shapes(value: Any, name: str = "") -> Any:
    """A command, or a setting by its name, without what looks like a secret."""
    match value:
        case str():
            return without_secrets(value, put=REPLACEMENT, name=name)
        case Mapping():
            return {key: _without_shapes(item, str(key)) for key, item in value.items()}
        case list() | tuple() if value and all(isinstance(item, str) for item in value):
            return type(value)(arguments_without_secrets(value, put=REPLACEMENT))
        case list() | tuple():
            return type(value)([_without_shapes(item, name) for item in value])
        case int() | float() if name and not isinstance(value, bool) and is_secret(name, str(value)):
            return REPLACEMENT
        case _:
            return value


def _names_header(name: object) -> bool:
    return isinstance(name, str) and name.lower() in _HEADERS


def _hide(value: Any) -> Any:
    """The value of a header, which may be repeated."""
    if isinstance(value, list | tuple):
        return type(value)([_hide(item) for item in value])
    return REPLACEMENT if value is not None else None


@cache
def _record_words() -> frozenset[str]:
    """Names of fields, events and states: without them the record could not be read again."""
    words = {"event", "histogram", "buckets", "min", "max", "min_ns", "max_ns", *NAMES}
    for kind in _types_of_record():
        if isinstance(kind, EnumMeta):
            words.update(str(member.value) for member in kind)  # type: ignore[var-annotated]
        elif isinstance(kind, type) and is_dataclass(kind):
            words.update((kind.__name__, *(field.name for field in fields(kind))))
    return frozenset(words)


@cache
def _types_of_record() -> Mapping[Any, Mapping[str, Any]]:
    """All types of events, and of the fields of their dataclasses; with the annotations of each."""
    found: dict[Any, Mapping[str, Any]] = {}
    left: list[Any] = list(Event.__subclasses__())
    while left:
        if (hint := left.pop()) not in found:
            found[hint] = get_type_hints(hint) if is_dataclass(hint) else {}
            left += found[hint].values() or get_args(hint)
    return found


@cache
def _free_names() -> frozenset[str]:
    """Names of fields of the record whose content has keys that are anybody's."""
    hints = (pair for of_kind in _types_of_record().values() for pair in of_kind.items())
    return _TOLD | {name for name, hint in hints if _holds_any(hint)}


def _holds_any(hint: Any) -> bool:
    return hint is Any or any(map(_holds_any, get_args(hint)))


@cache
def _plain_names() -> frozenset[str]:
    """Names of fields of the record that tell nothing of what they hold."""
    return _record_words() - _TOLD - {word for word in _record_words() if word.lower() in _HEADERS}


def _forms_of(text: str) -> Iterator[bytes]:
    raw = _bytes(text)
    yield raw
    for form in (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)):
        yield form.encode("utf-8", "surrogatepass")
    for name in ("utf-16-le", "utf-16-be"):
        yield text.encode(name, "surrogatepass")
    yield raw[::-1] if text.isascii() else text[::-1].encode("utf-8", "surrogatepass")
    if not text.isascii():
        yield from (part.encode() for part in re.split(r"[^\x00-\x7f]+", text) if len(part) > _TELLING)
        if sum(map(str.isascii, text)) >= SHORTEST:
            yield text.encode("ascii", "replace")
        for name in ("latin-1", "cp1252"):
            with suppress(UnicodeEncodeError):
                yield text.encode(name)
            # UTF-8 that was read as another encoding, and written as UTF-8 again.
            yield raw.decode(name, "replace").encode()
    yield shlex.quote(text)[1:-1].encode("utf-8", "surrogatepass") if "'" in text else raw
    encoded = [quote(raw, safe=safe) for safe in _NEVER_ENCODED]
    for item in (*encoded, quote_plus(raw), *(item.replace("%20", "+") for item in encoded)):
        yield item.encode()
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), item).encode()
    escaped = [json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]
    escaped += [re.sub(r"\\u[0-9a-f]{4}", lambda match: r"\u" + match[0][2:].upper(), escaped[0])]
    escaped += [item.replace("/", r"\/") for item in escaped]
    # Escaped again: JSON kept as a string inside JSON.
    escaped += [json.dumps(item)[1:-1] for item in escaped]
    escaped += [html.escape(text), html.escape(text, quote=False), repr(text)[1:-1]]
    escaped += [html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")]
    yield from (item.encode("utf-8", "surrogatepass") for item in escaped)


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    """The characters that a value alone decides, at each alignment, in both alphabets.

    With k bytes before it, the value covers bits 8k to 8(k + n) of the text; characters hold 6 bits each, so
    those from ceil(8k / 6) to floor(8(k + n) / 6) depend on nothing else.
    """
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw)
        core = text[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]
        if len(core) >= SHORTEST:
            yield core
            yield core.replace(b"+", b"-").replace(b"/", b"_")
            yield core.replace(b"/", rb"\/")
            yield quote(core, safe="").encode()


def _bytes(text: str) -> bytes:
    """As the environment held it; bytes there that are not UTF-8 arrive as lone surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    """A redacted text; what is left of a character that a value ended in the middle of becomes U+FFFD."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _alternation(forms: Iterable[bytes], depth: int = _BEGINNING) -> re.Pattern[bytes]:
    """One pattern that matches the longest form at each place.

    Forms are grouped by their first characters, so that what is tried at a place does not grow with the
    number of forms.
    """
    return re.compile(_branches(sorted(set(forms)), depth))


def _by_beginning(forms: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Forms by each beginning of up to `_BEGINNING` bytes."""
    grouped: dict[bytes, list[bytes]] = {}
    for form in forms:
        for size in range(1, _BEGINNING + 1):
            grouped.setdefault(form[:size], []).append(form)
    return grouped


def _branches(forms: list[bytes], depth: int) -> bytes:
    if depth == 0 or len(forms) == 1:
        return b"|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
    groups: dict[int, list[bytes]] = {}
    for form in forms:
        groups.setdefault(form[0], []).append(form[1:])
    return b"|".join(
        re.escape(bytes([first])) + b"(?:" + _branches(rest, depth - 1) + b")"
        for first, rest in groups.items()
    )
