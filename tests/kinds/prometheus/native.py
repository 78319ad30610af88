"""A native histogram as a target writes it: a message of protobuf, by hand.

Source: https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable

SCHEMA = 3
"""Each power of two is cut into 8 buckets."""
TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def metric_family(name: str, values: Iterable[float]) -> bytes:
    """A family with one histogram of values above 0."""
    seen = list(values)
    counts = Counter(math.ceil(math.log2(value) * 2**SCHEMA) for value in seen)
    spans, deltas, before, last = b"", b"", 0, None
    for index in sorted(counts):
        offset = index if last is None else index - last - 1
        spans += _message(12, _number(1, _zigzag(offset)) + _number(2, 1))
        deltas += _number(13, _zigzag(counts[index] - before))
        before, last = counts[index], index
    histogram = b"".join(
        (
            _number(1, len(seen)),
            _double(2, sum(seen)),
            _number(5, _zigzag(SCHEMA)),
            _double(6, 1e-9),
            _number(7, 0),
            # Without a span, it would be taken for a classic one.
            spans or _message(12, _number(1, 0) + _number(2, 0)),
            deltas,
        )
    )
    family = _message(1, name.encode()) + _number(3, 4) + _message(4, _message(7, histogram))
    return _varint(len(family)) + family


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _double(field: int, number: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", number)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
