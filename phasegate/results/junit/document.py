"""The XML of a results file: decoded in any encoding, and bounded whatever it holds."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException, DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact

ELEMENTS = 1_000_000
"""Elements of one document."""
MARK = 4 << 20
"""Bytes of one tag or comment, which the parser holds as a whole."""
_CHUNK = 1 << 16
_DECLARATION = re.compile(rb"""\s*<\?xml\b[^>]*?\sencoding\s*=\s*["']([^"'>]*)""")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
"""How a document begins that says its encoding by its first bytes; longer ones first."""
_USUAL = {
    "shift_jis": "cp932",
    "euc_jp": "euc_jis_2004",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
"""What is written under a name is more than the standard of that name has (encoding.spec.whatwg.org)."""
_ALIASES = {
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "cp51932": "euc_jp",
    "windows-936": "gbk",
    "x-gbk": "gbk",
    "windows-949": "cp949",
    "x-big5": "big5",
}
"""Names that Python does not know."""
_NO_CHARSETS = frozenset({"utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
"""What no XML may hold, and programs write all the same: terminal sequences above all."""
_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}
_REFERENCE = re.compile(r"&#(?:x0{0,9}(1?[0-9a-fA-F])|0{0,9}([12]?[0-9]|3[01]));")
_TERMINAL = re.compile(
    r"(?:\u241b\[|\x9b)[0-?]{0,99}[ -/]{0,9}[@-~]"
    r"|(?:\u241b\]|\x9d)[^\u2407\u241b\x9c\n]{0,999}(?:\u2407|\u241b\\|\x9c)"
    r"|\u241b[ -/]{0,9}[0-Z\\^-~]"
)


class MalformedError(MessageError):
    """Why a document is malformed."""


def parse_document(content: bytes) -> Element:
    """The root. Errors: MalformedError."""
    text = _without_controls(_decode(content))
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    try:
        fed = 0
        for chunk in _chunks(text):
            parser.feed(chunk)
            fed += len(chunk.encode())
            if fed - max(parser.parser.CurrentByteIndex, 0) > MARK:
                line = parser.parser.CurrentLineNumber
                raise MalformedError(fact(Code.MARK_TOO_LARGE, line=line, most=MARK))
        return parser.close()
    except DTDForbidden as error:
        raise MalformedError(fact(Code.DTD)) from error
    except (ParseError, DefusedXmlException) as error:
        raise MalformedError(str(error)) from error


def without_terminal_sequences(text: str) -> str:
    """Text without colours and cursor movements; `parse_document` made their first character visible."""
    return _TERMINAL.sub("", text) if not text.isascii() else text


class _Builder(TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self._count += 1
        if self._count > ELEMENTS:
            raise MalformedError(fact(Code.ELEMENTS_TOO_MANY, most=ELEMENTS))
        return super().start(tag, attrs)


def _chunks(text: str) -> Iterator[str]:
    return (text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK))


def _decode(content: bytes) -> str:
    candidates, declared = _encoding(content)
    for codec in candidates[:-1]:
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode(codec)
    try:
        return content.decode(candidates[-1])
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        found = fact(
            Code.BYTE_NOT_OF,
            text=byte,
            line=line,
            encoding=declared or candidates[-1],
            declared=bool(declared),
        )
        raise MalformedError(found) from error


def _encoding(content: bytes) -> tuple[tuple[str, ...], str]:
    """The codecs to try in this order, and the encoding as the document declares it."""
    for mark, codec in _MARKS.items():
        if content.startswith(mark):
            return (codec,), ""
    match = _DECLARATION.match(content[:1024])
    declared = match[1].decode("ascii", "replace").strip() if match else ""
    if not declared:
        return ("utf-8",), ""
    try:
        found = codecs.lookup(_ALIASES.get(declared.lower(), declared))
    except (LookupError, ValueError):
        raise MalformedError(fact(Code.ENCODING_UNKNOWN, encoding=declared)) from None
    name = found.name.replace("-", "_")
    if name in _NO_CHARSETS or not getattr(found, "_is_text_encoding", True):
        raise MalformedError(fact(Code.ENCODING_UNKNOWN, encoding=declared))
    # A declaration that can be read byte by byte is not in these, whatever it says (.NET writes that).
    if name.startswith(("utf_16", "utf_32")):
        return ("utf-8",), declared
    return (_USUAL.get(name, name), found.name), declared


def _without_controls(text: str) -> str:
    """Text with each character that XML forbids made visible; lines and columns stay."""
    if "&#" in text:
        text = _REFERENCE.sub(_visible, text)
    found = _FORBIDDEN.search(text)
    if found is None:
        return text
    for match in _FORBIDDEN.finditer(text):
        character = match[0]
        if character == "\0" or "\ud800" <= character <= "\udfff":
            line = text.count("\n", 0, match.start()) + 1
            raise MalformedError(fact(Code.CHARACTER_FORBIDDEN, text=f"U+{ord(character):04X}", line=line))
    return text.translate(_PICTURES)


def _visible(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if code in (0x9, 0xA, 0xD) else chr(0x2400 + code)
