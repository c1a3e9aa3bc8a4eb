"""A proxy that records sessions, in front of the embedded API server, and each session as all saw it.

async with followed(folder, binary) as stage:
    await stage.kubectl("exec hello -- id")
    (session,) = await stage.sessions()
    session.equals_what_the_container_saw()
"""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from auditproxy.apis.session import Channel
from auditproxy.apis.user import UserInfo
from auditproxy.app.proxy import Proxy, build
from auditproxy.commands.demo.cluster import (
    VIEWER,
    VIEWER_TOKEN,
    DemoFiles,
    make_files,
    proxy_options,
    server_context,
    write_kubeconfig,
)
from auditproxy.embedded.apiserver import EmbeddedApiServer
from auditproxy.embedded.pods.journal import ContainerSession
from auditproxy.embedded.pods.requests import Streams
from auditproxy.sessions.castnotes import EndNote
from auditproxy.sessions.castreader import Cast, CastResize
from tests.fakes.recorded import read_recording
from tests.fakes.terminals import screen_of
from tests.fakes.waiting import until

RECORD_ALL = "{record: InputOutput}"
OVER_SPDY = {
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
    "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false",
}


@dataclass(frozen=True)
class FollowedSession:
    """One session: what the container saw, the recording, its events, its lines."""

    seen: ContainerSession
    cast: Cast | None
    events: list[dict[str, Any]]
    lines: list[dict[str, Any]]

    @property
    def annotations(self) -> dict[str, str]:
        """Those of the last event, without their prefix."""
        found = self.events[-1].get("annotations", {})
        return {
            key.removeprefix("auditproxy.io/session-"): value
            for key, value in found.items()
            if key.startswith("auditproxy.io/session-")
        }

    @property
    def end(self) -> dict[str, Any]:
        """The last line of the session log."""
        return self.lines[-1]

    def of_type(self, wanted: str) -> list[dict[str, Any]]:
        """Lines of the session log of one type."""
        return [line for line in self.lines if line["type"] == wanted]

    def equals_what_the_container_saw(self) -> None:
        """Each stream byte for byte, sizes in order, the exit code, and all that is said of them."""
        assert self.cast is not None
        seen = self.seen
        for channel, kept in (
            (Channel.STDIN, seen.stdin),
            (Channel.STDOUT, seen.stdout),
            (Channel.STDERR, seen.stderr),
        ):
            assert self.cast.data(channel) == kept.data, channel.name
            assert kept.size == len(kept.data)
        sizes = [(e.columns, e.rows) for e in self.cast.events if isinstance(e, CastResize)]
        header = self.cast.header
        assert header is not None
        changes = [size for size, _ in groupby(seen.resizes) if all(size)]
        if changes:
            # The first one is in the header, unless something was written before it came.
            recorded = [(header.width, header.height), *sizes]
            assert recorded in (changes, [(80, 24), *changes])
        assert header.auditproxy.command == seen.command
        assert header.auditproxy.tty is seen.tty
        self.tells_of_the_end()
        assert self.annotations["bytes-in"] == str(seen.stdin.size)
        assert self.annotations["bytes-out"] == str(seen.stdout.size + seen.stderr.size)
        assert self.end.get("bytesIn", 0) == seen.stdin.size
        assert self.end.get("bytesOut", 0) == seen.stdout.size + seen.stderr.size

    def tells_of_the_end(self) -> None:
        """The exit code and the recording, in the recording, the annotations and the log."""
        assert self.cast is not None
        seen, annotations = self.seen, self.annotations
        assert self.cast.header is not None
        named = self.cast.header.auditproxy
        assert (named.namespace, named.pod) == (seen.namespace, seen.pod)
        (end,) = (note for note in self.cast.notes() if isinstance(note, EndNote))
        if seen.subresource == "exec":
            assert end.exit_code == seen.exit_code
            assert annotations["exit-code"] == str(seen.exit_code)
            assert self.end["exitCode"] == seen.exit_code
            assert json.loads(annotations["command"]) == list(seen.command)
        assert annotations["tty"] == ("true" if seen.tty else "false")
        recording = self.end["recording"]
        assert recording["state"] == "Complete"
        assert annotations["recording"] == f"{recording['path']} sha256:{recording['sha256']}"
        assert {line["sessionID"] for line in self.lines} == {annotations["id"]}
        assert self.lines[0]["type"] == "SessionStarted"
        assert self.end["type"] == "SessionEnded"


@dataclass
class Typing:
    """A kubectl on a terminal of its own."""

    process: asyncio.subprocess.Process
    screen: asyncio.StreamReader
    terminal: int
    shown: bytearray = field(default_factory=bytearray)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.terminal, keys)

    async def until_shown(self, text: bytes) -> bytes:
        """Wait until a text is shown after what was waited for before."""
        async with asyncio.timeout(20):
            read = await self.screen.readuntil(text)
        self.shown += read
        return read

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)
        # The kernel would, were it kubectl's controlling terminal.
        self.process.send_signal(signal.SIGWINCH)

    async def ended(self) -> tuple[int, bytes]:
        """Wait for the end; the exit code, and everything that was shown."""
        async with asyncio.timeout(20):
            self.shown += await self.screen.read()
            return await self.process.wait(), bytes(self.shown)


class SeesSessions(Protocol):
    """Whoever has the containers."""

    @property
    def sessions(self) -> Sequence[ContainerSession]:
        """What they received and sent, oldest first."""


@dataclass
class FollowedStage:
    """The proxy, the server behind it, and a kubectl."""

    folder: Path
    files: DemoFiles
    proxy: Proxy
    server: SeesSessions
    binary: Path
    environment: dict[str, str]
    _given: int = 0

    async def start(self, *words: str, terminal: int | None = None) -> asyncio.subprocess.Process:
        """A kubectl that runs."""
        stream = asyncio.subprocess.PIPE if terminal is None else terminal
        return await asyncio.create_subprocess_exec(
            str(self.binary),
            f"--kubeconfig={self.folder / 'kubeconfig'}",
            *words,
            stdin=stream,
            stdout=stream,
            stderr=stream,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "KUBECACHEDIR": str(self.folder / "cache"),
                "TERM": "xterm",
                **self.environment,
            },
            start_new_session=True,
        )

    async def kubectl(self, *words: str, text: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run to the end; the first word may be several. Exit code, output and errors."""
        process = await self.start(*words[0].split(), *words[1:])
        try:
            async with asyncio.timeout(40):
                out, err = await process.communicate(text)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.returncode is not None
        return process.returncode, out, err

    @contextlib.asynccontextmanager
    async def typing(
        self, command: str, *, columns: int = 100, rows: int = 30
    ) -> AsyncIterator[Typing]:
        """A kubectl on a terminal."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = await self.start(*command.split(), terminal=theirs)
        os.close(theirs)
        with screen_of(ours) as screen:
            try:
                yield Typing(process, screen, ours)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def events(self) -> list[dict[str, Any]]:
        """Every audit event so far."""
        return _json_lines(self.files.audit_log)

    def codes(self, subresource: str) -> list[int]:
        """The codes of all requests for a subresource that have ended."""
        return [
            event["responseStatus"]["code"]
            for event in self.events()
            if event["stage"] == "ResponseComplete"
            and event.get("objectRef", {}).get("subresource") == subresource
        ]

    def lines(self) -> list[dict[str, Any]]:
        """Every line of the session log so far."""
        return _json_lines(self.files.session_log)

    async def sessions(self) -> list[FollowedSession]:
        """The sessions since the last call, once all of them have ended; they ran one by one."""
        seen = list(self.server.sessions)[self._given :]
        audit_ids: list[str] = []

        def over() -> bool:
            # A recording gets its name after the line and the event that name it.
            ended = [line for line in self.lines() if line["type"] == "SessionEnded"]
            audit_ids[:] = [line["auditID"] for line in ended[self._given :]]
            complete = {
                event["auditID"] for event in self.events() if event["stage"] == "ResponseComplete"
            }
            return (
                all(session.is_over for session in seen)
                and len(audit_ids) == len(seen)
                and complete.issuperset(audit_ids)
                and all(Path(path).exists() for path in map(_recording, ended) if path)
            )

        await until(over, f"the end of {len(seen)} sessions")
        self._given += len(seen)
        return [self._session(*each) for each in zip(seen, audit_ids, strict=True)]

    def _session(self, seen: ContainerSession, audit_id: str) -> FollowedSession:
        lines = [line for line in self.lines() if line["auditID"] == audit_id]
        path = _recording(lines[-1])
        return FollowedSession(
            seen,
            read_recording(path) if path else None,
            [event for event in self.events() if event["auditID"] == audit_id],
            lines,
        )


def _recording(line: dict[str, Any]) -> str:
    """The path that a line of the session log names; "" for none."""
    path: str = line.get("recording", {}).get("path", "")
    return path


def _json_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


@contextlib.asynccontextmanager
async def followed(
    folder: Path,
    binary: Path = Path("kubectl"),
    *,
    rule: str = RECORD_ALL,
    over_spdy: bool = False,
    streams: Streams | None = None,
    **session_options: Any,
) -> AsyncIterator[FollowedStage]:
    """The server and the proxy; ``rule`` is what the recording policy says of all sessions.

    ``streams`` simulates the containers, as for EmbeddedApiServer.
    """
    files = make_files(folder)
    files.recording_policy.write_text(
        f"apiVersion: auditproxy.io/v1alpha1\nkind: SessionRecordingPolicy\nrules:\n- {rule}\n"
    )
    pki = folder / "pki"
    server = EmbeddedApiServer(
        tokens={VIEWER_TOKEN: UserInfo(username=VIEWER, groups=("viewers",))},
        ssl_context=server_context(pki),
        streams=streams,
    )
    port = await server.start("127.0.0.1", 0)
    try:
        write_kubeconfig(files.upstream_kubeconfig, pki, port, {"proxy": "auditproxy"})
        options = proxy_options(files)
        sessions = replace(options.sessions, **session_options)
        proxy = await build(replace(options, sessions=sessions), listener_tls=True)
        await proxy.start()
        try:
            write_kubeconfig(folder / "kubeconfig", pki, proxy.port, {"admin": "admin"})
            environment = OVER_SPDY if over_spdy else {}
            yield FollowedStage(folder, files, proxy, server, binary, environment)
        finally:
            await proxy.close()
    finally:
        await server.close()
