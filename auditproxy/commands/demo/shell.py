"""A shell on a terminal, over WebSocket, for ``auditproxy demo --once``; and what it must leave.

The frames are made here by hand: v5.channel.k8s.io has the channel in the first byte of a message.
"""

import asyncio
import json
import struct
from collections.abc import Sequence
from pathlib import Path

from auditproxy.apis.session import Channel
from auditproxy.commands.demo.events import Event
from auditproxy.sessions.castreader import read_cast
from auditproxy.sessions.lines import SESSION_COMMAND, SESSION_EXIT_CODE, SESSION_RECORDING
from auditproxy.sessions.wire.frames import BINARY, CLOSE, frame

COMMANDS = ("ls /data", "hostname", "exit")
"""What is typed, each followed by the return key."""
OUTPUT = b"hello.txt"
"""What the first command writes."""

PROMPT = b"$ "
_SIZE = b'\x04{"Width":80,"Height":24}'
_STDIN, _STDOUT = b"\x00", b"\x01"
_MASK = bytes(4)
"""A mask that changes nothing; clients must have one."""


async def type_commands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Type COMMANDS into a shell whose 101 has been read, each at its prompt, up to the end."""
    writer.write(_masked(_SIZE))
    waiting = list(COMMANDS)
    shown = b""
    while True:
        opcode, message = await _read_frame(reader)
        if opcode == CLOSE:
            return
        if message[:1] != _STDOUT:
            continue
        shown += message[1:]
        if waiting and shown.endswith(PROMPT):
            shown = b""
            writer.write(_masked(_STDIN + waiting.pop(0).encode() + b"\r"))


def _masked(message: bytes) -> bytes:
    """A client's frame of a short message."""
    whole = bytearray(frame(BINARY, message))
    whole[1] |= 0x80
    return bytes(whole[:2]) + _MASK + bytes(whole[2:])


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The opcode and payload of a server's frame, as short as a kubelet's are."""
    first, size = await reader.readexactly(2)
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    return first & 0x0F, await reader.readexactly(size)


def has_ended(lines: Sequence[Event], audit_id: str) -> bool:
    """Whether the session log says that the session is over, and its recording is there.

    A recording gets its name when the disk has it, which is later than that line.
    """
    ended = [
        line for line in lines if line["auditID"] == audit_id and line["type"] == "SessionEnded"
    ]
    path = ended[0].get("recording", {}).get("path", "") if ended else ""
    return bool(ended) and (not path or Path(path).is_file())


def shell_faults(lines: Sequence[Event], events: Sequence[Event], audit_id: str) -> list[str]:
    """What is missing or wrong in the shell's lines, its recording and its last event."""
    own = [line for line in lines if line["auditID"] == audit_id]
    faults = []
    typed = [line.get("line", "") for line in own if line["type"] == "Command"]
    if typed != list(COMMANDS):
        faults.append(f"shell: the commands are {typed}, not {list(COMMANDS)}")
    ended = [line for line in own if line["type"] == "SessionEnded"]
    if not ended:
        return [*faults, "shell: no SessionEnded"]
    path = ended[0].get("recording", {}).get("path", "")
    if not _is_recorded(path):
        faults.append(f"shell: its output is not in the recording {path!r}")
    annotations = [
        event.get("annotations", {})
        for event in events
        if event["auditID"] == audit_id and event["stage"] == "ResponseComplete"
    ]
    for found in annotations:
        if json.loads(found.get(SESSION_COMMAND, "[]")) != ["sh"]:
            faults.append(f"shell: no annotation {SESSION_COMMAND}")
        if found.get(SESSION_EXIT_CODE) != "0":
            faults.append(f"shell: no annotation {SESSION_EXIT_CODE}")
        if not path or not found.get(SESSION_RECORDING, "").startswith(path):
            faults.append(f"shell: no annotation {SESSION_RECORDING}")
    return faults


def _is_recorded(path: str) -> bool:
    if not path or not Path(path).is_file():
        return False
    return OUTPUT in read_cast(Path(path).read_bytes().splitlines()).data(Channel.STDOUT)
