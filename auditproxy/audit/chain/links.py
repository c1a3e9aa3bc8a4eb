"""The hash chain: what is added to a line, and what is read of it again.

    {...,"annotations":{...,"auditproxy.io/chain":"ID/NUMBER",
        "auditproxy.io/chain-previous":"DIGEST","auditproxy.io/chain-digest":"DIGEST"}}

The digest is the SHA-256 of the line's bytes before it: of all but the last TAIL. So nothing has
to be parsed to check it, and a line can be checked alone. ``chain-previous`` is the digest of the
line before; for the first line of a chain the SHA-256 of the whole line that was found before
it, or NOTHING where no line was.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

CHAIN = "auditproxy.io/chain"
PREVIOUS = "auditproxy.io/chain-previous"
DIGEST = "auditproxy.io/chain-digest"

NOTHING = "0" * 64
"""In place of a digest: there was no line before."""

TAIL = 68
"""Bytes at a line's end that its digest does not cover: the digest, which is checked, and what
follows it, which is always the same."""

ADDED = 320
"""No line gets longer by more than so many bytes."""

_LINK = re.compile(
    rb'"auditproxy\.io/chain":"([0-9a-f]{16})/([1-9][0-9]{0,18})",'
    rb'"auditproxy\.io/chain-previous":"([0-9a-f]{64})",'
    rb'"auditproxy\.io/chain-digest":"([0-9a-f]{64})"\}\}\n\Z'
)
_ANNOTATED = b"}}\n"
_END = b'"}}\n'


class Link(NamedTuple):
    """What a line says of its place: its chain, its number there from 1, and two digests."""

    chain: str
    number: int
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The end of a chain: its last line's number and digest; 0 where there is none yet.

    ``digest`` is then what the first line has as ``previous``.
    """

    chain: str
    number: int
    digest: str

    def chained(self, line: bytes) -> "tuple[bytes, ChainEnd]":
        """Return the next line with its place in the chain, and the chain's new end.

        ``line`` is an event in JSON with its newline, of which annotations are the last member or
        absent.
        """
        covered, number = self._covered(line)
        return self._ended(covered, number, hashlib.sha256(covered))

    def chained_parts(self, *parts: bytes) -> "tuple[tuple[bytes, ...], ChainEnd]":
        """Return the same of a line in parts, the last of which begins before its last members."""
        *before, last = parts
        covered, number = self._covered(last)
        digest = hashlib.sha256()
        for part in before:
            digest.update(part)
        digest.update(covered)
        ended, end = self._ended(covered, number, digest)
        return (*before, ended), end

    def _covered(self, line: bytes) -> tuple[bytes, int]:
        """The line up to its digest, and its number."""
        if line.endswith(_ANNOTATED):
            head, opening = line[:-3], b","
        else:
            # Behind the last member, a time.
            head, opening = line[:-2], b',"annotations":{'
        number = self.number + 1
        covered = (
            b'%b%b"auditproxy.io/chain":"%b/%d","auditproxy.io/chain-previous":"%b",'
            b'"auditproxy.io/chain-digest":"'
        ) % (head, opening, self.chain.encode(), number, self.digest.encode())
        return covered, number

    def _ended(
        self, covered: bytes, number: int, digest: "hashlib._Hash"
    ) -> "tuple[bytes, ChainEnd]":
        text = digest.hexdigest()
        return covered + text.encode() + _END, ChainEnd(self.chain, number, text)


def read_link(line: bytes) -> Link | None:
    """Return what a line says of its place; None for a line without one. Nothing is checked.

    The line's last ADDED bytes are enough.
    """
    found = _LINK.search(line, max(0, len(line) - ADDED))
    if found is None:
        return None
    chain, number, previous, digest = found.groups()
    return Link(chain.decode(), int(number), previous.decode(), digest.decode())


def is_sound(line: bytes, link: Link) -> bool:
    """Whether the line is the one that its own digest was made of."""
    return hashlib.sha256(memoryview(line)[:-TAIL]).hexdigest() == link.digest


def digest_of_line(line: bytes) -> str:
    """Return what the first line of a chain has as ``previous``: the digest of a whole line."""
    return hashlib.sha256(line).hexdigest()
