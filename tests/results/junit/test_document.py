"""Documents of any encoding are read, and what is not a document is refused with the place."""

from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.results.junit import document
from phasegate.results.junit.document import MalformedError, parse_document, without_terminal_sequences
from tests.telling import raises

ENCODINGS = {
    "Shift_JIS": ("cp932", "\u4fa1\u683c\u2460\uff5e\u8868"),
    "windows-31j": ("cp932", "\u4fa1\u683c\u8868\u30bd"),
    "EUC-JP": ("euc_jp", "\u4fa1\u683c"),
    "ISO-2022-JP": ("iso2022_jp", "\u4fa1\u683c"),
    "GBK": ("gbk", "\u4ef7\u683c"),
    "GB2312": ("gbk", "\u4ef7\u683c\u9555"),
    "gb18030": ("gb18030", "\u4ef7\u683c\U0001f600"),
    "Big5": ("big5", "\u50f9\u683c"),
    "EUC-KR": ("cp949", "\uac00\uaca9\ub620"),
    "windows-1252": ("cp1252", "gr\u00f6\u00dfe \u20ac"),
    "KOI8-R": ("koi8-r", "\u0446\u0435\u043d\u0430"),
    "UTF-8": ("utf-8", "\U0001f600"),
    "utf-16": ("utf-16", "\U0001f600"),
}


_THOUSAND = b" ".join(b"#%d=''" % number for number in range(1_000))
MANY_ATTRIBUTES = b" ".join(_THOUSAND.replace(b"#", b"b%d_" % number) for number in range(600))


@pytest.mark.parametrize("name", ENCODINGS)
def test_encoding_that_is_declared_is_read(name: str) -> None:
    codec, text = ENCODINGS[name]
    written = f"<?xml version='1.0' encoding='{name}'?>\n<a name='{text}'/>".encode(codec)
    assert parse_document(written).get("name") == text


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encoding_that_the_first_bytes_tell_is_read(codec: str) -> None:
    assert parse_document("<a name='\u20ac'/>".encode(codec)).get("name") == "\u20ac"


def test_declaration_of_two_bytes_a_character_over_one_byte_a_character_is_overlooked() -> None:
    text = "<?xml version='1.0' encoding='utf-16'?><a name='\u20ac'/>"
    assert parse_document(text.encode()).get("name") == "\u20ac"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<a>\n\n\x83</a>", "byte 0x83 in line 3 is not utf-8, and no other encoding is declared"),
        (b"<?xml version='1.0' encoding='Shift_JIS'?>\n<a>\x83</a>", "byte 0x83 in line 2 is not Shift_JIS"),
        (b"<?xml version='1.0' encoding='GBK'?>\n<a>\xff</a>", "byte 0xff in line 2 is not GBK"),
        (b"<a>\n\0</a>", "character U+0000 in line 2"),
        (b"<?xml version='1.0' encoding='rot13'?><a/>", "unknown encoding 'rot13'"),
        (b"<?xml version='1.0' encoding='unicode_escape'?><a/>", "unknown encoding 'unicode_escape'"),
        (b"<!DOCTYPE a><a/>", "a DTD"),
        (b"<!DOCTYPE a SYSTEM 'junit.dtd'><a/>", "a DTD"),
        (b"<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>", "a DTD"),
        (b"<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://127.0.0.1:9/'>%b;]><a/>", "a DTD"),
        (b"<a>&b;</a>", "undefined entity"),
        (b"<a b='" + b"x" * (5 << 20) + b"'/>", "a tag or comment in line 1 has more than"),
        (b"<a " + MANY_ATTRIBUTES + b"/>", "a tag or comment"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(content: bytes, why: str) -> None:
    with raises(MalformedError, match=re.escape(why)):
        parse_document(content)


CONTROLS = st.sampled_from(
    [chr(code) for code in range(1, 32) if chr(code) not in "\t\n\r"] + ["\ufffe", "\uffff"]
)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="<&]")), CONTROLS)
def test_control_characters_are_made_visible_wherever_they_stand(text: str, control: str) -> None:
    written = f"<a>{text}{control}{text}<failure/></a>"
    root = parse_document(written.encode("utf-8", "surrogatepass"))
    assert control not in (root.text or "")
    assert len(root.text or "") == 2 * len(text) + 1
    assert [child.tag for child in root] == ["failure"]


@pytest.mark.parametrize("escape", ["\x1b", "&#27;", "&#x1b;", "&#x001B;"])
def test_colours_and_links_of_a_terminal_are_left_out(escape: str) -> None:
    link = f"{escape}]8;;http://x{'&#7;' if '&' in escape else chr(7)}"
    text = f"<a>{escape}[31mred{escape}[0m {link}here{escape}[2K</a>"
    assert without_terminal_sequences(parse_document(text.encode()).text or "") == "red here"


def test_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "ELEMENTS", 1_000)
    with raises(MalformedError, match="more than 1,000 elements"):
        parse_document(b"<a>" + b"<b/>" * 1_000 + b"</a>")


def test_default_attribute_of_a_dtd_fills_no_memory() -> None:
    default = b"<!DOCTYPE a [<!ATTLIST b c CDATA '" + b"z" * 200_000 + b"'>]>"
    tracemalloc.start()
    try:
        with raises(MalformedError, match="a DTD"):
            parse_document(default + b"<a>" + b"<b/>" * 5_000 + b"</a>")
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()
