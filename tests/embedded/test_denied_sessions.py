"""What real kubectl shows of a session that may not run unrecorded, or not as long as it would."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.session import Channel
from auditproxy.embedded.http1 import RawConnection, Request
from auditproxy.embedded.pods.journal import ContainerSession
from auditproxy.server.sessions import ENDED_UNREAD
from auditproxy.sessions import rules
from auditproxy.sessions.castnotes import StoppedNote
from auditproxy.tunnel.protocols import websocket_accept
from tests.fakes.followed import FollowedStage, followed
from tests.fakes.smalldisk import small_disk
from tests.kubectl import kubectl_binaries, minor_version

BINARIES = kubectl_binaries()
DENY = "{record: Output, onFailure: Deny}"
REFUSED = b"this session must be recorded, and it cannot be: "
pytestmark = [
    pytest.mark.skipif(not BINARIES, reason="there is no kubectl on this machine"),
    pytest.mark.timeout(120),
]


@pytest.fixture(params=BINARIES, ids=lambda binary: f"1.{minor_version(binary)}")
def binary(request: pytest.FixtureRequest) -> Path:
    """Each kubectl of this machine."""
    found: Path = request.param
    return found


UNREADABLE = "output cannot be read: 'v9.channel.k8s.io' is not a stream protocol of Kubernetes"


async def refused(stage: FollowedStage, *reasons: bytes) -> None:
    """kubectl is refused however often it tries, and every attempt has its event."""
    code, out, err = await stage.kubectl("exec hello -- id")
    assert (code, out) == (1, b"")
    assert REFUSED in err
    for reason in reasons:
        assert reason in err
    attempts = 1 if stage.environment or minor_version(stage.binary) < 30 else 2
    assert stage.codes("exec") == [503] * attempts
    complete = [e for e in stage.events() if e["stage"] == "ResponseComplete"]
    messages = {event["responseStatus"].get("message", "") for event in complete}
    assert any(REFUSED.decode() in message for message in messages)


async def test_folder_that_is_gone(tmp_path: Path, binary: Path) -> None:
    """Without the folder nothing is recorded, so nothing runs."""
    async with followed(tmp_path, binary, rule=DENY) as stage:
        shutil.rmtree(stage.files.recordings)
        await refused(stage, b"the folder of recordings cannot be read: no such file or directory")
        assert list(stage.server.sessions) == []
        assert stage.lines() == []


async def test_no_free_space(tmp_path: Path, binary: Path) -> None:
    """The disk's last bytes are not for recordings."""
    async with followed(tmp_path, binary, rule=DENY, recording_min_free_space=1 << 60) as stage:
        await refused(stage, b"the disk is nearly full")
        assert list(stage.server.sessions) == []
        assert stage.lines() == []
        # A session that may run unrecorded does.
    async with followed(tmp_path / "allow", binary, recording_min_free_space=1 << 60) as stage:
        assert (await stage.kubectl("exec hello -- true"))[0] == 0
        (session,) = await stage.sessions()
        assert session.cast is None
        assert session.annotations["recording"] == "none: the disk is nearly full"
        assert session.annotations["exit-code"] == "0"


class Unreadable:
    """Containers whose server has agreed to what nobody reads."""

    async def serve(
        self,
        request: Request,
        pod: dict[str, Any],
        connection: RawConnection,
        session: ContainerSession,
    ) -> None:
        """Switch, and wait for the end."""
        key = request.headers.get("sec-websocket-key", "").encode()
        connection.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
            + request.headers["upgrade"].encode()
            + b"\r\nX-Stream-Protocol-Version: v9.channel.k8s.io"
            + b"\r\nSec-WebSocket-Protocol: v9.channel.k8s.io"
            + b"\r\nSec-WebSocket-Accept: "
            + websocket_accept(key)
            + b"\r\n\r\n"
        )
        session.stdin.add(await connection.reader.read(1))
        connection.writer.close()

    async def log_lines(self, pod: dict[str, Any], follow: bool) -> AsyncIterator[bytes]:
        """None."""
        lines: tuple[bytes, ...] = ()
        for line in lines:
            yield line


async def test_protocol_that_cannot_be_read(tmp_path: Path, binary: Path) -> None:
    """A 101 that agrees to something unknown does not reach the client."""
    async with followed(tmp_path, binary, rule=DENY, streams=Unreadable()) as stage:
        await refused(stage, b"'v9.channel.k8s.io' is not a stream protocol of Kubernetes")
        # The server has switched, and has heard nothing of the client.
        assert [session.stdin.size for session in stage.server.sessions] in ([0], [0, 0])
        # Whether the command ran nobody knows, so what is known is kept.
        lines = stage.lines()
        assert len(lines) == 3 * len(stage.server.sessions)
        started, stopped, ended = lines[-3:]
        assert (started["type"], started["command"]) == ("SessionStarted", ["id"])
        assert (stopped["type"], stopped["reason"]) == ("RecordingStopped", UNREADABLE)
        assert (ended["type"], ended["reason"]) == ("SessionEnded", ENDED_UNREAD)
        assert ended["recording"]["state"] == "Cut"


PROTOCOLS = pytest.mark.parametrize("over_spdy", [False, True], ids=["websocket", "spdy"])


CONTENT = b"0123456789abcdef" * 10_000


@PROTOCOLS
async def test_recording_that_becomes_too_large(tmp_path: Path, over_spdy: bool) -> None:
    """Deny ends the session and says why; Allow lets it go on unrecorded."""
    options = {"over_spdy": over_spdy, "recording_max_session_size": 64 * 1024}
    await denied("Cut", tmp_path / "deny", **options)
    await allowed("Cut", tmp_path / "allow", **options)


@PROTOCOLS
async def test_disk_that_becomes_full(tmp_path: Path, over_spdy: bool) -> None:
    """The same where the disk has no space left in the middle of the session."""
    for number, check in enumerate((denied, allowed)):
        with small_disk(tmp_path / f"disk-{number}", "64k") as disk:
            options = {"recording_dir": str(disk), "recording_min_free_space": 0}
            await check("Failed", tmp_path / str(number), over_spdy=over_spdy, **options)


async def denied(state: str, folder: Path, **options: Any) -> None:
    """A session that must be recorded, and more of it than there is room for."""
    async with followed(folder, BINARIES[0], rule=DENY, **options) as stage:
        process = await stage.start("exec", "-i", "hello", "--", "cat")
        assert process.stdin is not None
        process.stdin.write(CONTENT)
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.timeout(20):
            _, err = await asyncio.gather(process.stdout.read(), process.stderr.read())
            assert await process.wait() != 0
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
        assert b"auditproxy ended this session: it cannot be recorded any further: " in err
        (session,) = await stage.sessions()
        assert session.annotations["recording"].endswith(f" ({state})")
        assert "cannot be recorded any further" in session.annotations["reason"]
        (stopped,) = session.of_type("RecordingStopped")
        assert stopped["reason"]


async def allowed(state: str, folder: Path, **options: Any) -> None:
    """A session that may go on unrecorded, and more of it than there is room for."""
    async with followed(folder, BINARIES[0], **options) as stage:
        code, out, _ = await stage.kubectl("exec -i hello -- cat", text=CONTENT)
        assert (code, out) == (0, CONTENT)
        (session,) = await stage.sessions()
        assert session.end["recording"]["state"] == state
        assert session.end["bytesOut"] == len(CONTENT)
        assert session.cast is not None
        assert any(isinstance(note, StoppedNote) for note in session.cast.notes())


@PROTOCOLS
@pytest.mark.parametrize(
    ("rule", "notice", "reason"),
    [
        ("{record: Output, maximumDuration: 1s}", b"its maximum duration", b"its maximum duration"),
        ("{record: Output, idleTimeout: 1s}", b"unless something is sent", b"nothing was sent for"),
    ],
    ids=["duration", "idle"],
)
async def test_session_that_lasts_too_long(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    over_spdy: bool,
    rule: str,
    notice: bytes,
    reason: bytes,
) -> None:
    """The terminal shows a notice before the end, and then the reason."""
    monkeypatch.setattr(rules, "SHORTEST_LIMIT", 0)
    async with followed(tmp_path, BINARIES[0], rule=rule, over_spdy=over_spdy) as stage:
        async with stage.typing("exec -it hello -- sh") as shell:
            await shell.until_shown(b"$ ")
            await shell.until_shown(b"auditproxy: this session ends in ")
            await shell.until_shown(notice)
            await shell.until_shown(b"auditproxy ended this session: " + reason)
            code, _ = await shell.ended()
            assert code != 0
        (session,) = await stage.sessions()
        assert reason.decode() in session.annotations["reason"]
        # What the proxy said is not the container's, so it is not in the recording.
        assert session.cast is not None
        assert session.cast.data(Channel.STDOUT) == session.seen.stdout.data
