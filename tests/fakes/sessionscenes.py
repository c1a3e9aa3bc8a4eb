"""What people do with kubectl inside pods, and what the proxy must have recorded of it.

Each scene compares the recording, the events and the session log with what the container received
and sent. ``pod`` is a pod with one container, of the embedded API server's kind.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from auditproxy.apis.session import Channel
from auditproxy.sessions.castnotes import ConnectionClosedNote, CopiedFileNote, CopyNote
from tests.fakes.followed import FollowedStage
from tests.fakes.waiting import until
from tests.kubectl import minor_version

STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete"]
HELPER = "helper"
"""The container that is added to a pod for debugging."""

Runs = Callable[[str], Awaitable[None]]
"""Makes the helper of a pod run, once it is there."""


async def commands(stage: FollowedStage, pod: str) -> None:
    """exec and attach on pipes: streams apart, input to its last byte, exit codes."""
    script = "echo on stdout; nope; exit 3"
    content = os.urandom(300_000)
    code, out, _ = await stage.kubectl(f"exec {pod} --", "sh", "-c", script)
    assert (code, out) == (3, b"on stdout\n")
    assert await stage.kubectl(f"exec -i {pod} -- cat", text=content) == (0, content, b"")
    code, out, _ = await stage.kubectl(f"attach -i {pod}", text=b"typed\n")
    assert (code, out.endswith(f"{pod} log line 2\ntyped\n".encode())) == (0, True)
    shell, cat, attach = await stage.sessions()
    for session in (shell, cat, attach):
        session.equals_what_the_container_saw()
        assert [event["stage"] for event in session.events] == STAGES
    assert shell.seen.command == ("sh", "-c", script)
    assert shell.annotations["reason"] == "NonZeroExitCode"
    assert b"nope: not found" in shell.seen.stderr.data
    assert cat.seen.stdin.data == cat.seen.stdout.data == content
    (line,) = cat.of_type("Input")
    assert (line["inputBytes"], line["inputSha256"]) == (len(content), cat.seen.stdin.sha256)
    assert attach.seen.stdin.data == b"typed\n"


async def terminals(stage: FollowedStage, pod: str, terminal_pod: str) -> None:
    """exec and attach on a terminal, with sizes that change, and the commands that were typed.

    The container of ``terminal_pod`` has a terminal of its own.
    """
    async with stage.typing(f"exec -it {pod} -- sh", columns=90, rows=40) as shell:
        await shell.until_shown(b"$ ")
        shell.type(b"echo on $HOSTNAMX\x7fE\r")
        await shell.until_shown(f"\r\non {pod}\r\n$ ".encode())
        shell.resize(101, 33)
        session = stage.server.sessions[-1]
        await until(lambda: (101, 33) in session.resizes, "the new size")
        shell.type(b"exit 6\r")
        code, _ = await shell.ended()
        assert code == 6
    async with stage.typing(f"attach -it {terminal_pod}") as attached:
        await attached.until_shown(b"log line 2\r\n")
        attached.type(b"said\r\x04")
        await attached.ended()
    shell_session, attach = await stage.sessions()
    shell_session.equals_what_the_container_saw()
    attach.equals_what_the_container_saw()
    assert shell_session.seen.resizes[0] == (90, 40)
    assert b"said\r\nsaid\r\n" in attach.seen.stdout.data
    typed = [line["line"] for line in shell_session.of_type("Command") if line.get("line")]
    assert typed == ["echo on $HOSTNAME", "exit 6"]


async def debug(stage: FollowedStage, pod: str, runs: Runs) -> None:
    """``kubectl debug``: an ephemeral container is attached to like any other.

    A kubectl that asks for the ephemeral containers of its own time makes a copy of the pod.
    """
    words, debugged = f"debug -it {pod} --image=busybox -c {HELPER}", pod
    if minor_version(stage.binary) < 30:
        debugged = f"{pod}-copy"
        words += f" --copy-to={debugged} --same-node"
    async with stage.typing(words) as debugging:
        await runs(debugged)
        await debugging.until_shown(b"log line 2\r\n")
        debugging.type(b"said\r\x04")
        await debugging.ended()
    (session,) = await stage.sessions()
    session.equals_what_the_container_saw()
    seen = session.seen
    assert (seen.subresource, seen.pod, seen.container) == ("attach", debugged, HELPER)
    assert session.annotations["container"] == HELPER
    assert session.annotations.get("ephemeral") == ("true" if debugged == pod else None)


async def copies(stage: FollowedStage, pod: str) -> None:
    """cp both ways: names and sizes are recorded, and none of the content."""
    content = b"never recorded" * 20_000
    (stage.folder / "there").write_bytes(content)
    assert (await stage.kubectl(f"cp {stage.folder}/there {pod}:/tmp/copied"))[0] == 0
    assert (await stage.kubectl(f"cp {pod}:/tmp/copied {stage.folder}/back"))[0] == 0
    assert (stage.folder / "back").read_bytes() == content
    sessions = await stage.sessions()
    found = [session for session in sessions if "tar" in session.seen.command]
    assert len(found) == 2
    for session, direction in zip(found, ("to the container", "from the container"), strict=True):
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


async def port_forward(stage: FollowedStage, pod: str) -> None:
    """Connections one by one and two at once: each has its port and its bytes, and no content."""
    process = await stage.start("port-forward", f"pod/{pod}", ":80")
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
            first, second = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            for reader, writer in (first, second, first):
                writer.write(b"said in turns")
                assert await reader.readexactly(13) == b"said in turns"
            for reader, writer in (first, second):
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()
    finally:
        process.terminate()
        await process.communicate()
    (session,) = await stage.sessions()
    assert session.cast is not None
    session.tells_of_the_end()
    seen = [(int(each.port), each.received, each.sent) for each in session.seen.connections]
    assert [received for _, received, _ in seen[:3]] == [27, 40_000, 5]
    assert sorted(seen[3:]) == [(80, 13, 13), (80, 26, 26)]
    notes = [note for note in session.cast.notes() if isinstance(note, ConnectionClosedNote)]
    noted = [(note.port, note.bytes_in, note.bytes_out) for note in notes]
    assert (noted[:3], sorted(noted[3:])) == (seen[:3], sorted(seen[3:]))
    lines = [line["forwarded"] for line in session.of_type("ForwardedConnection")]
    assert [(line["port"], line["bytesIn"], line["bytesOut"]) for line in lines] == noted
    assert session.annotations["bytes-in"] == str(sum(received for _, received, _ in seen))
    assert session.annotations["bytes-out"] == str(sum(sent for _, _, sent in seen))
    assert b"said" not in Path(session.end["recording"]["path"]).read_bytes()
