"""What names an event to those who get it more than once: EventId, made of the event's own line.

    AUDIT-ID/STAGE/DIGEST      7f1c...-9d2e/ResponseComplete/5f2b...

The same event that is sent again has the same name, after a crash too. ``auditID`` and ``stage``
alone are not enough: clients may choose an Audit-ID, also the one of another request, and a stream
that drops what it has by these two would lose the later request. The digest covers the line.
"""

import hashlib
import re
from dataclasses import dataclass

import msgspec

DIGEST_BYTES = 16
"""Bytes of the digest of a line: enough that two lines with one digest cannot be made."""

LONGEST_PART = 64
"""Characters of an audit ID and of a stage in a name; kube-apiserver cuts audit IDs there."""

_UNPLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class _Named(msgspec.Struct):
    audit_id: str = msgspec.field(name="auditID", default="")
    stage: str = ""
    stage_timestamp: str = msgspec.field(name="stageTimestamp", default="")


_DECODER = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, slots=True)
class EventId:
    """An event's name: ``text`` is all of it; the rest are the event's members, as they are."""

    text: str
    audit_id: str
    stage: str
    stage_timestamp: str


def event_id(line: bytes) -> EventId:
    """The name of the event of a line of JSON; for other bytes it is the digest alone."""
    try:
        named = _DECODER.decode(line)
    except msgspec.MsgspecError:
        named = _Named()
    digest = hashlib.sha256(line.rstrip(b"\n")).digest()[:DIGEST_BYTES].hex()
    text = f"{_plain(named.audit_id)}/{_plain(named.stage)}/{digest}"
    return EventId(text, named.audit_id, named.stage, named.stage_timestamp)


def _plain(text: str) -> str:
    """The text without what could mean something else in a header line or a file name."""
    return _UNPLAIN.sub("-", text[:LONGEST_PART])
