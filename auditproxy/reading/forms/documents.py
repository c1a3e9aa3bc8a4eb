"""Documents: JSON values that are not one a line: arrays, pretty-printed, one behind the other.

Pure: text comes in pieces. Memory is bounded by the longest value.
"""

import json
from collections.abc import Iterator
from typing import Any

from auditproxy.reading.meaning.events import TOO_LONG, TORN, Counts

SNIFFED = 64 * 1024
"""Bytes of a file's beginning that say what it is."""
_BETWEEN = " \t\r\n,[]\ufeff\0"
"""What may be between two values: an array's own characters too, so that its members are values."""
_WRAPPERS = (b'"messageType"', b'"logEvents"', b'"records"', b'"searchedLogStreams"')


def is_of_documents(beginning: bytes) -> bool:
    """Whether a file holds values that are not one a line, by its first SNIFFED bytes."""
    text = beginning.lstrip(b" \t\r\n\xef\xbb\xbf")
    if text.startswith(b"["):
        return True
    if not text.startswith(b"{"):
        return False
    first, newline, rest = text.partition(b"\n")
    if any(name in first[:4096] for name in _WRAPPERS):
        return True
    if not newline:
        return False
    return first.rstrip().endswith((b"{", b",", b"[")) and rest[:1] in (b" ", b"\t", b'"')


def documents_of(pieces: Iterator[str], counts: Counts, longest: int) -> Iterator[Any]:
    """The values in a text; one that is longer than ``longest`` is left out and counted."""
    decode = json.JSONDecoder().raw_decode
    text, position, wanted = "", 0, 1
    ended = False
    while True:
        if not ended and len(text) - position < wanted:
            piece = next(pieces, "")
            ended = not piece
            text, position = text[position:] + piece, 0
            continue
        position = _skipped(text, position)
        if position == len(text):
            if ended:
                return
            wanted = 1
            continue
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError):
            left = len(text) - position
            if not ended and left <= longest:
                # Perhaps only its end is missing: twice as much, so that little is read again.
                wanted = 2 * left + 1
                continue
            counts[TORN if ended else TOO_LONG] += 1
            line_end = text.find("\n", position)
            position = len(text) if line_end < 0 else line_end
            wanted = 1
            continue
        wanted = 1
        yield value


def _skipped(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BETWEEN:
        position += 1
    return position
