"""A proxy that is killed while 200 sessions run, and the one that is started after it."""

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auditproxy.apis.session import Channel, Record
from auditproxy.recordings.names import stem
from auditproxy.sessions.asciicast import header_line
from auditproxy.sessions.castnotes import UnfinishedNote
from auditproxy.sessions.wire.frames import BINARY, frame
from auditproxy.tunnel.protocols import websocket_accept
from tests.e2e.cluster import free_ports
from tests.fakes import asciinema
from tests.fakes.processes import Started, serve_arguments, started
from tests.fakes.recorded import a_session, read_recording
from tests.fakes.waiting import until
from tests.fakes.websocket import masked

SESSIONS = 200
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: " + websocket_accept(KEY) + b"\r\n"
    b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
)
POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{record: Output}]
"""

pytestmark = pytest.mark.timeout(180)


@contextlib.asynccontextmanager
async def shells() -> AsyncIterator[int]:
    """An upstream of shells that show what is typed, in messages of at most 125 bytes; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(SWITCHED + frame(BINARY, b"\x01$ "))
            while True:
                head = await reader.readexactly(6)
                content = await reader.readexactly(head[1] & 0x7F)
                typed = bytes(a ^ b for a, b in zip(content, head[2:] * 32, strict=False))[1:]
                writer.write(frame(BINARY, b"\x01" + typed))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def session(proxy: Started, number: int) -> asyncio.StreamWriter:
    """A shell of its own, whose user has typed a line."""
    reader, writer = await proxy.connect()
    target = f"/api/v1/namespaces/d/pods/p-{number}/exec?command=sh&stdin=true&stdout=true&tty=true"
    writer.write(
        f"GET {target} HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer admin-token\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {KEY.decode()}\r\n"
        "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n".encode()
    )
    line = b"line %d\r\n" % number
    writer.write(masked(BINARY, b"\x00" + line))
    async with asyncio.timeout(60):
        await reader.readuntil(line)
    return writer


def recording_flags(folder: Path) -> tuple[str, ...]:
    """Those of a proxy that records into a folder of this one."""
    (folder / "recording.yaml").write_text(POLICY)
    return (
        f"--session-recording-config-file={folder}/recording.yaml",
        f"--session-recording-dir={folder}/recordings",
        "--session-recording-min-free-space=0",
        f"--session-log-path={folder}/sessions.log",
    )


async def test_kill_with_many_sessions(tmp_path: Path) -> None:
    """Every recording is readable to its last line, and the next start names and logs each."""
    folder = tmp_path / "recordings"
    folder.mkdir(mode=0o700)
    flags = recording_flags(tmp_path)
    async with shells() as upstream:
        async with started(upstream, tmp_path, *flags) as proxy:
            opened = [await session(proxy, number) for number in range(SESSIONS)]

            def flushed() -> bool:
                parts = list(folder.glob("*.cast.part"))
                return len(parts) == SESSIONS and all(b"line" in p.read_bytes() for p in parts)

            await until(flushed, "each line is in its file", seconds=60)
            proxy.process.kill()
            await proxy.process.wait()
            for writer in opened:
                writer.transport.abort()
        async with started(upstream, tmp_path, *flags):
            paths = sorted(path for path in folder.iterdir() if path.name[0] != ".")
            # What ends this process now ends no line.
            assert (tmp_path / "sessions.log").read_text().count('"repaired"') == SESSIONS
    assert {path.suffix for path in paths} == {".cast"}
    shown = set()
    for path in paths:
        cast = read_recording(path)
        assert cast.header is not None
        assert cast.notes()[-1] == UnfinishedNote()
        number = cast.header.auditproxy.pod.removeprefix("p-")
        assert cast.data(Channel.STDOUT) == f"$ line {number}\r\n".encode()
        shown.add(int(number))
    assert shown == set(range(SESSIONS))
    lines = [json.loads(line) for line in (tmp_path / "sessions.log").read_text().splitlines()]
    ends = {
        line["recording"]["path"]: line["recording"]["sha256"]
        for line in lines
        if line["type"] == "SessionEnded" and "repaired" in line["flags"]
    }
    assert ends == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    asciinema.takes(paths, tmp_path)


LEFT = 2000
"""Recordings of a killed proxy: enough for the next one to be killed in the middle of them."""


async def test_killed_again_while_it_starts(tmp_path: Path) -> None:
    """Each recording has its line, however often the proxy is killed that is to write them: as soon
    as it has marked a recording, written a line, or given a recording its name.
    """
    folder, log = tmp_path / "recordings", tmp_path / "sessions.log"
    folder.mkdir(mode=0o700)
    for number in range(LEFT):
        left = a_session(id=f"s{number}", tty=False)
        path = folder / f"{stem(left)}.cast.part"
        path.write_bytes(header_line(left, Record.OUTPUT, 80, 24) + b'[1.000000, "o", "a')
        path.chmod(0o600)

    def marked() -> bool:
        first = min(folder.glob("*.part"))
        return first.read_bytes().count(b"Unfinished") > 0

    def logged() -> bool:
        return log.exists() and b'"repaired"' in log.read_bytes()

    def named() -> bool:
        return any(folder.glob("*.cast"))

    flags = recording_flags(tmp_path)
    port, health_port = free_ports(2)
    arguments = [*serve_arguments(1, tmp_path, port, health_port), *flags]
    for moment in (marked, logged, named):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "auditproxy", *arguments, stderr=asyncio.subprocess.DEVNULL
        )
        await until(moment, moment.__name__, seconds=60)
        process.kill()
        await process.wait()
    async with started(1, tmp_path, *flags):
        pass
    paths = list(folder.glob("*.cast"))
    assert len(paths) == LEFT
    assert not list(folder.glob("*.part"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    ends = {line["recording"]["path"]: line["recording"]["sha256"] for line in lines}
    assert ends == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert all(path.read_bytes().count(b'"m", "recording unfinished') == 1 for path in paths)
