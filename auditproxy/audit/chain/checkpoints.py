"""Checkpoints: signed statements of how far a chain had got, one JSON object per line.

    {"kind":"Checkpoint","apiVersion":...,"sequence":7,"chain":"ID","number":4711,"digest":...,
        "time":...,"reason":"Interval","log":"audit.log","instance":"HOST","key":...,
        "signature":"BASE64"}

The signature covers the line's bytes before it: all but the last SIGNED_TAIL. Sequences have no
gaps within a file of checkpoints.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.apis.session import SESSION_API_VERSION
from auditproxy.audit.chain.links import ChainEnd
from auditproxy.serializer.json import encode

CHECKPOINT_API_VERSION = SESSION_API_VERSION

SIGNED_TAIL = 91
"""Bytes at a line's end that the signature does not cover: itself, in base64, and what is always
the same."""

Reason = Literal["ChainBegan", "Resumed", "Interval", "Rotated", "Shutdown"]
"""Why a checkpoint was made. ``Rotated``: its line is the last one of a file."""

Sign = Callable[[bytes], bytes]
"""Makes the Ed25519 signature of a message, 64 bytes."""

_SIGNATURE = b',"signature":"'
_END = b'"}\n'


class CheckpointError(ValueError):
    """A line is not a checkpoint."""


@dataclass(frozen=True, slots=True)
class CheckpointKey:
    """What checkpoints are signed with; ``name`` is the SHA-256 of the public key in DER."""

    name: str
    sign: Sign

    def __repr__(self) -> str:
        return f"CheckpointKey({self.name})"


@prepared
class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """That the line with this number had this digest at this time; 0 is before the first line.

    ``after`` is the end of the chain that the log had when this one began, ``message`` says why it
    was not continued. ``key`` names the public key. ``log`` is the file name of the log and
    ``instance`` the host that wrote it, "" in checkpoints of versions that did not say it.
    """

    kind: Literal["Checkpoint"]
    api_version: str
    sequence: int
    chain: str
    number: int
    digest: str
    time: str
    reason: str
    message: str = ""
    after: str = ""
    """CHAIN/NUMBER."""
    log: str = ""
    instance: str = ""
    key: str

    @property
    def origin(self) -> str:
        """INSTANCE/LOG, "" where it does not say it."""
        return f"{self.instance}/{self.log}" if self.log else ""


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint as it was read, with the bytes that were signed."""

    checkpoint: Checkpoint
    message: bytes
    signature: bytes


def checkpoint_line(
    end: ChainEnd,
    key: CheckpointKey,
    *,
    sequence: int,
    time: str,
    reason: Reason,
    message: str = "",
    after: str = "",
    log: str = "",
    instance: str = "",
) -> bytes:
    """Return a signed checkpoint of a chain's end, with its newline; ``time`` is RFC 3339."""
    checkpoint = Checkpoint(
        kind="Checkpoint",
        api_version=CHECKPOINT_API_VERSION,
        sequence=sequence,
        chain=end.chain,
        number=end.number,
        digest=end.digest,
        time=time,
        reason=reason,
        message=message,
        after=after,
        log=log,
        instance=instance,
        key=key.name,
    )
    covered = encode(checkpoint)[:-1] + _SIGNATURE
    return covered + base64.b64encode(key.sign(covered)) + _END


def read_checkpoint(line: bytes) -> SignedCheckpoint:
    """Read a line of checkpoints; raises CheckpointError. The signature is not checked."""
    covered, tail = line[:-SIGNED_TAIL], line[-SIGNED_TAIL:]
    if not (covered.endswith(_SIGNATURE) and tail.endswith(_END)):
        raise CheckpointError("it is not a checkpoint that auditproxy has written")
    try:
        checkpoint = msgspec.json.decode(line, type=Checkpoint)
        signature = base64.b64decode(tail[: -len(_END)], validate=True)
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError):
        raise CheckpointError("it is not a checkpoint that auditproxy has written") from None
    return SignedCheckpoint(checkpoint, covered, signature)
