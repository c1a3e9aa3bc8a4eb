"""Checkpoints as events of the audit webhook, and read of them again."""

from collections.abc import Iterator

import msgspec

from auditproxy.apis.audit import Event
from auditproxy.audit.chain.checkpoints import read_checkpoint
from auditproxy.audit.ownevents import own_event

CHECKPOINT = "auditproxy.io/checkpoint"
"""The annotation that has a checkpoint's line, without its newline."""

URI = "/auditproxy/checkpoints"

_BEGIN = b'{"kind":"Checkpoint",'
_ESCAPED = rb"{\"kind\":\"Checkpoint\","


def checkpoint_event(line: bytes, time: str) -> Event:
    """Return the event that carries a checkpoint; ``time`` is a MicroTime.

    Raises CheckpointError.
    """
    checkpoint = read_checkpoint(line).checkpoint
    said = {CHECKPOINT: line.decode().removesuffix("\n")}
    return own_event(f"{checkpoint.chain}-{checkpoint.sequence}", URI, said, time)


def checkpoints_in(line: bytes) -> Iterator[bytes]:
    """Yield the checkpoints that a line has somewhere, each as a line of its own.

    The line is one of checkpoints, an event or a list of events that the webhook got, a line for
    operators, or any JSON around these.
    """
    if line.startswith(_BEGIN):
        yield line
    elif _BEGIN in line:
        yield _cut(line)
    elif _ESCAPED in line:
        try:
            value = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                waiting += reversed(value.values())
            elif isinstance(value, list):
                waiting += reversed(value)
            elif isinstance(value, str) and _BEGIN.decode() in value:
                yield _cut(value.encode())


def _cut(text: bytes) -> bytes:
    """From where a checkpoint begins to where an object ends."""
    found = text[text.index(_BEGIN) :]
    return found[: found.rfind(b"}") + 1] + b"\n"
