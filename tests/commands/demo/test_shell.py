"""The demo's shell: what it types, and how what is missing of it is found."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.session import Carried, Channel, Record, SessionEventType
from auditproxy.commands.demo.shell import COMMANDS, OUTPUT, has_ended, shell_faults, type_commands
from auditproxy.tunnel.websocket import WebSocketClosed
from tests.fakes.recorded import STARTED, Stores, a_session
from tests.fakes.websocket import pair

ID = "demo-08"
ANNOTATIONS = {
    "auditproxy.io/session-command": '["sh"]',
    "auditproxy.io/session-exit-code": "0",
}


async def test_type_commands() -> None:
    """Each command at its prompt, whatever else comes, up to the close."""
    async with pair() as (socket, reader, writer):
        typing = asyncio.create_task(type_commands(reader, writer))
        assert await socket.receive() == b'\x04{"Width":80,"Height":24}'
        for command in COMMANDS:
            await socket.send(b"\x02not output")
            await socket.send(b"\x01" + b"x" * 200 + b"$")
            await socket.send(b"\x01 ")
            assert await socket.receive() == b"\x00" + command.encode() + b"\r"
        await socket.send(b"\x01$ ")
        await socket.send(b"\x03{}")
        await socket.close()
        await typing
        writer.close()
        with pytest.raises(WebSocketClosed):
            await socket.receive()


def recorded(folder: Path, output: bytes) -> str:
    """The path of a recording with this output."""
    recording = Stores(folder).new().open(a_session(), Record.OUTPUT, moment=STARTED)
    recording.take(STARTED, (Carried(Channel.STDOUT, output),))
    return recording.finish(STARTED).path


def lines(path: str, *commands: str) -> list[dict[str, Any]]:
    """The session log."""
    typed = [{"auditID": ID, "type": "Command", "line": command} for command in commands]
    ended = {"auditID": ID, "type": "SessionEnded", "recording": {"path": path}}
    return [{"auditID": "other", "type": "Command", "line": "rm"}, *typed, ended]


def event(path: str, **changes: str) -> dict[str, Any]:
    """The last event."""
    annotations = ANNOTATIONS | {"auditproxy.io/session-recording": f"{path} sha256:x"}
    return {"auditID": ID, "stage": "ResponseComplete", "annotations": annotations | changes}


def test_nothing_is_missing(tmp_path: Path) -> None:
    """Commands, recording and annotations."""
    path = recorded(tmp_path, OUTPUT)
    found = lines(path, *COMMANDS)
    assert shell_faults(found, [event(path)], ID) == []
    assert has_ended(found, ID)
    assert not has_ended(found[:-1], ID)
    # The line is written before the disk has the recording, which gets its name then.
    there = Path(path).rename(f"{path}.part")
    assert not has_ended(found, ID)
    there.rename(path)
    assert has_ended(found, ID)
    assert found[-1]["type"] == SessionEventType.ENDED


def test_what_is_missing(tmp_path: Path) -> None:
    """Each by its name."""
    path = recorded(tmp_path, b"nothing of the kind")
    assert shell_faults([], [], ID) == [
        f"shell: the commands are [], not {list(COMMANDS)}",
        "shell: no SessionEnded",
    ]
    faults = shell_faults(
        lines(path, *COMMANDS[1:]), [{"auditID": ID, "stage": "ResponseComplete"}], ID
    )
    assert faults == [
        f"shell: the commands are {list(COMMANDS[1:])}, not {list(COMMANDS)}",
        f"shell: its output is not in the recording {path!r}",
        "shell: no annotation auditproxy.io/session-command",
        "shell: no annotation auditproxy.io/session-exit-code",
        "shell: no annotation auditproxy.io/session-recording",
    ]
    (fault,) = shell_faults(lines("/nowhere.cast", *COMMANDS), [event("/nowhere.cast")], ID)
    assert fault == "shell: its output is not in the recording '/nowhere.cast'"
