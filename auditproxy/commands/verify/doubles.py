"""Archives beside the file that they are of: the file is read, and so should be what they have.

A proxy leaves both for as long as it compresses, and where it is killed at it: the archive then
ends early.
"""

import zlib
from gzip import BadGzipFile
from itertools import zip_longest

from auditproxy.audit.chain.findings import ChainFinding, LinePlace
from auditproxy.commands.alerts.replay import lines_of

DAMAGED = (EOFError, BadGzipFile, zlib.error)
"""What reading a damaged archive raises; BadGzipFile is an OSError, to be caught before that."""


def compare_double(order: int, plain: str, packed: str) -> ChainFinding | str:
    """Say how an archive differs from its file: a finding, or a note; raises OSError."""
    number = 0
    try:
        for line, other in zip_longest(lines_of(plain), lines_of(packed)):
            number += 1
            if line != other:
                place = LinePlace(order, packed, number)
                return ChainFinding(
                    place, "changed", f"{plain} is there too, and has another line here"
                )
    except DAMAGED:
        return f"{packed} is not whole, and {plain} was read in its place"
    return f"{packed} has the same as {plain}"
