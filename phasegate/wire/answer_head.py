"""The head of an answer, read a second time with a parser that looks at headers.

Answers that come in one piece and say their length do without.
"""

from __future__ import annotations

from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    ends_with_connection: bool
    """No length was announced and it is not chunked, so the end of the connection ends the body (RFC 9112,
    6.3)."""
    keeps_alive: bool
    """The connection stays open for a next request, where the body has an end (RFC 9112, 9.3)."""


def read_head(seen: bytes) -> Head | None:
    """The head of the last answer in some bytes; None when it is not complete."""
    reader = _HeadReader()
    try:
        reader.parser.feed_data(seen)
    except (HttpParserError, HttpParserUpgrade):
        # What comes after a whole head does not matter here.
        return reader.head
    return reader.head


class _HeadReader:
    def __init__(self) -> None:
        self.head: Head | None = None
        self._fields: dict[str, str] = {}
        self.parser = HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self._fields = {}
        self.head = None

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").lower()
        # A field may come in several lines (RFC 9110, 5.3).
        self._fields[key] = f"{self._fields[key]},{text}" if key in self._fields else text

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:
            return
        coding = self._fields.get("transfer-encoding", "")
        chunked = coding.rpartition(",")[2].strip() == "chunked"
        length = "content-length" in self._fields and not coding
        options = {option.strip() for option in self._fields.get("connection", "").split(",")}
        old = self.parser.get_http_version() == "1.0"
        self.head = Head(
            status=status,
            ends_with_connection=not chunked and not length,
            keeps_alive="keep-alive" in options if old else "close" not in options,
        )
