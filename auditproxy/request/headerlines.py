"""Header lines as HTTP/1.1 writes them."""

import re

from auditproxy.request.headers import RawHeaders

_FRAMING = re.compile(
    rb"\n(?:content-length|transfer-encoding|connection|upgrade|expect|keep-alive|te|trailer)"
    rb"[ \t]*:"
)


class UnwritableHeadersError(ValueError):
    """These headers would be read otherwise than they are meant; the text repeats none of them."""


def header_lines(headers: RawHeaders) -> bytes:
    """Return each header as one line, with its line break.

    Raises UnwritableHeadersError for line breaks and NUL in them, and for headers that frame a
    message, which only its writer adds.
    """
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    breaks = len(headers)
    if lines.count(b"\n") != breaks or lines.count(b"\r") != breaks or b"\0" in lines:
        raise UnwritableHeadersError("the head contains a line break or NUL")
    if _FRAMING.search(b"\n" + lines.lower()) is not None:
        raise UnwritableHeadersError("the head holds a framing header that is not ours to forward")
    return lines
