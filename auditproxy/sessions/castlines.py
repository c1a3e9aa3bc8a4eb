"""Lines of a recording in the form of asciicast.py: the text of streams, cut and quoted."""

import json
from collections.abc import Iterator

import msgspec

OUTPUT = "o"
INPUT = "i"
RESIZE = "r"
MARKER = "m"
BYTES = "b"
STREAM = "s"
NOTE = "a"

PIECE = 16 * 1024
"""Bytes of a stream in one line at most."""

_quoted = json.encoder.encode_basestring_ascii
"""A text as JSON in ASCII, as ``json.dumps`` makes it."""
_quoted_plain = msgspec.json.Encoder().encode
"""The same of a plain text, in a fifth of the time where the text is long."""


def line(seconds: str, code: str, data: str) -> bytes:
    """A line with a text."""
    # The text of a JSON string is all that has to be escaped; times have no exponent.
    return f'[{seconds}, "{code}", {_quoted(data)}]\n'.encode("ascii")


def is_plain(data: bytes) -> bool:
    """Whether bytes are ASCII without DEL, which both ways of quoting make the same of."""
    return data.isascii() and b"\x7f" not in data


def plain_lines(seconds: str, code: str, data: bytes) -> bytes:
    """The lines of plain bytes of one stream, PIECE of them in each but the last."""
    head, view, parts = f'[{seconds}, "{code}", '.encode("ascii"), memoryview(data), list[bytes]()
    for start in range(0, len(data), PIECE):
        parts += (head, _quoted_plain(str(view[start : start + PIECE], "ascii")), b"]\n")
    return b"".join(parts)


def apart(lines: bytes, size: int) -> Iterator[tuple[bytes, int]]:
    """The lines of ``plain_lines``, each with how many of ``size`` bytes of a stream it has.

    Lines with no more than one PIECE belong together, and stay so.
    """
    if size <= PIECE:
        yield lines, size
        return
    for one in lines.splitlines(keepends=True):
        yield one, min(size, PIECE)
        size -= PIECE


def unfinished(data: bytes) -> int:
    """Bytes at the end of ``data`` that may be the start of a character, 0 to 3."""
    for count in range(1, min(3, len(data)) + 1):
        byte = data[-count]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if 0xF0 <= byte < 0xF8 else 3 if 0xE0 <= byte < 0xF0 else 2
        return count if byte >= 0xC2 and byte < 0xF8 and needed > count else 0
    return 0


def is_binary(piece: bytes, text: str) -> bool:
    """Whether bytes are not text; ``text`` is what can be shown of them."""
    return b"\0" in piece or text.count("\ufffd") * 8 > len(text)
