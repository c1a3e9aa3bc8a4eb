"""Recordings of real kubectl's sessions equal what the containers received and sent, byte for byte."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auditproxy.apis.session import Channel
from auditproxy.sessions.castnotes import (
    ConnectionClosedNote,
    CopiedFileNote,
    CopyNote,
)
from tests.fakes.followed import FollowedStage, followed
from tests.fakes.waiting import until
from tests.kubectl import kubectl_binaries, minor_version

# kubectl speaks WebSocket from 1.30 on.
COMBINATIONS = [
    pytest.param((binary, over_spdy), id=f"1.{minor_version(binary)}-{name}")
    for binary in kubectl_binaries()
    for name, over_spdy in (("websocket", False), ("spdy", True))
    if over_spdy or minor_version(binary) >= 30
]
pytestmark = [
    pytest.mark.skipif(not COMBINATIONS, reason="there is no kubectl on this machine"),
    pytest.mark.timeout(120),
]
TERMINAL_POD = b"""\
apiVersion: v1
kind: Pod
metadata: {name: terminal}
spec: {containers: [{name: c, image: example.com/i, stdin: true, tty: true}]}
"""


@pytest.fixture(params=COMBINATIONS)
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FollowedStage]:
    """Each kubectl over each protocol that it speaks."""
    binary, over_spdy = request.param
    async with followed(tmp_path, binary, over_spdy=over_spdy) as found:
        yield found


async def test_commands(stage: FollowedStage) -> None:
    """exec and attach on pipes: streams apart, input to its last byte, exit codes."""
    script = "echo on stdout; nope; exit 3"
    content = os.urandom(300_000)
    code, out, _ = await stage.kubectl("exec hello --", "sh", "-c", script)
    assert (code, out) == (3, b"on stdout\n")
    assert await stage.kubectl("exec -i hello -- cat", text=content) == (0, content, b"")
    code, out, _ = await stage.kubectl("attach -i hello", text=b"typed\n")
    assert (code, out.endswith(b"hello log line 2\ntyped\n")) == (0, True)
    shell, cat, attach = await stage.sessions()
    for session in (shell, cat, attach):
        session.equals_what_the_container_saw()
        assert [event["stage"] for event in session.events] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]
    assert shell.seen.command == ("sh", "-c", script)
    assert shell.annotations["reason"] == "NonZeroExitCode"
    assert b"nope: not found" in shell.seen.stderr.data
    assert cat.seen.stdin.data == cat.seen.stdout.data == content
    (line,) = cat.of_type("Input")
    assert (line["inputBytes"], line["inputSha256"]) == (len(content), cat.seen.stdin.sha256)
    assert attach.seen.stdin.data == b"typed\n"


async def test_terminals(stage: FollowedStage) -> None:
    """exec, attach and debug on a terminal, with sizes that change, and the commands that were typed."""
    async with stage.typing("exec -it hello -- sh", columns=90, rows=40) as shell:
        await shell.until_shown(b"$ ")
        shell.type(b"echo on $HOSTNAMX\x7fE\r")
        await shell.until_shown(b"\r\non hello\r\n$ ")
        shell.resize(101, 33)
        session = stage.server.sessions[-1]
        await until(lambda: (101, 33) in session.resizes, "the new size")
        shell.type(b"exit 6\r")
        code, _ = await shell.ended()
        assert code == 6
    assert (await stage.kubectl("create --validate=false -f -", text=TERMINAL_POD))[0] == 0
    async with stage.typing("attach -it terminal") as attached:
        await attached.until_shown(b"log line 2\r\n")
        attached.type(b"said\r\x04")
        await attached.ended()
    shell_session, attach = await stage.sessions()
    shell_session.equals_what_the_container_saw()
    attach.equals_what_the_container_saw()
    assert shell_session.seen.resizes[0] == (90, 40)
    assert b"said\r\nsaid\r\n" in attach.seen.stdout.data
    commands = [line["line"] for line in shell_session.of_type("Command") if line.get("line")]
    assert commands == ["echo on $HOSTNAME", "exit 6"]


async def test_debug(stage: FollowedStage) -> None:
    """An ephemeral container is attached to like any other."""
    if minor_version(stage.binary) < 30:
        pytest.skip("this kubectl asks for the ephemeral containers of its own time")
    command = "debug -it hello --image=busybox -c helper"
    async with stage.typing(command) as debugging:
        await debugging.until_shown(b"log line 2\r\n")
        debugging.type(b"said\r\x04")
        await debugging.ended()
    (session,) = await stage.sessions()
    session.equals_what_the_container_saw()
    assert (session.seen.subresource, session.seen.container) == ("attach", "helper")
    assert session.annotations["container"] == "helper"


async def test_copies(stage: FollowedStage) -> None:
    """cp both ways: names and sizes are recorded, and none of the content."""
    content = b"never recorded" * 20_000
    (stage.folder / "there").write_bytes(content)
    assert (await stage.kubectl(f"cp {stage.folder}/there hello:/tmp/copied"))[0] == 0
    assert (await stage.kubectl(f"cp hello:/tmp/copied {stage.folder}/back"))[0] == 0
    assert (stage.folder / "back").read_bytes() == content
    sessions = await stage.sessions()
    copies = [session for session in sessions if "tar" in session.seen.command]
    assert len(copies) == 2
    for session, direction in zip(copies, ("to the container", "from the container"), strict=True):
        assert session.cast is not None
        session.tells_of_the_end()
        (copy,) = (note for note in session.cast.notes() if isinstance(note, CopyNote))
        (file,) = (note for note in session.cast.notes() if isinstance(note, CopiedFileNote))
        assert copy.direction == direction
        assert (Path(file.name).name, file.size) == ("copied", len(content))
        recording = Path(session.end["recording"]["path"]).read_bytes()
        assert b"never recorded" not in recording
        assert session.annotations["bytes-in"] == str(session.seen.stdin.size)
        assert session.annotations["bytes-out"] == str(session.seen.stdout.size)
        assert session.cast.data(Channel.STDERR) == session.seen.stderr.data


async def test_port_forward(stage: FollowedStage) -> None:
    """Each connection has its port and its bytes, and none of its content."""
    process = await stage.start("port-forward", "pod/hello", ":80")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
            port = int(line.split(b" -> ")[0].rpartition(b":")[2])
            for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"said" * 10_000, b"again"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                writer.write_eof()
                assert await reader.read()
                writer.close()
                await writer.wait_closed()
    finally:
        process.terminate()
        await process.communicate()
    (session,) = await stage.sessions()
    assert session.cast is not None
    session.tells_of_the_end()
    seen = [(int(each.port), each.received, each.sent) for each in session.seen.connections]
    assert [received for _, received, _ in seen] == [27, 40_000, 5]
    notes = [note for note in session.cast.notes() if isinstance(note, ConnectionClosedNote)]
    assert [(note.port, note.bytes_in, note.bytes_out) for note in notes] == seen
    lines = [line["forwarded"] for line in session.of_type("ForwardedConnection")]
    assert [(line["port"], line["bytesIn"], line["bytesOut"]) for line in lines] == seen
    assert session.annotations["bytes-in"] == str(sum(received for _, received, _ in seen))
    assert session.annotations["bytes-out"] == str(sum(sent for _, _, sent in seen))
    assert b"said" not in Path(session.end["recording"]["path"]).read_bytes()
