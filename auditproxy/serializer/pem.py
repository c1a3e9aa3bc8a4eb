"""Cut PEM texts into blocks, whatever is between them.

Bundles have comments in any encoding between their certificates. Cutting raises nothing.
"""

import re
from collections.abc import Iterator

CERTIFICATE = b"CERTIFICATE"
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_BEGIN_CERTIFICATE = b"-----BEGIN " + CERTIFICATE + b"-----"
_END_CERTIFICATE = b"-----END " + CERTIFICATE + b"-----"


def blocks(pem: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each whole block with its kind, such as ``RSA PRIVATE KEY``, in their order."""
    position = 0
    while (begin := _BEGIN.search(pem, position)) is not None:
        kind = begin.group(1)
        end = b"-----END " + kind + b"-----"
        stop = pem.find(end, begin.end())
        if stop < 0:
            # The five dashes may begin the next block.
            position = begin.end() - 5
        else:
            position = stop + len(end)
            yield kind, pem[begin.start() : position]


def certificates(pem: bytes) -> tuple[bytes, ...]:
    """Every whole certificate; other blocks are skipped."""
    found = []
    begin = pem.find(_BEGIN_CERTIFICATE)
    while begin >= 0:
        stop = pem.find(_END_CERTIFICATE, begin)
        if stop < 0:
            break
        found.append(pem[begin : stop + len(_END_CERTIFICATE)])
        begin = pem.find(_BEGIN_CERTIFICATE, stop)
    return tuple(found)


def is_cut_off(pem: bytes) -> bool:
    """Whether the last certificate has no end."""
    return pem.rfind(_BEGIN_CERTIFICATE) > pem.rfind(_END_CERTIFICATE)
