"""What keeps workers from starting at all, and how they stop, as an operator sees it."""

import asyncio
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.client import read_answer
from tests.fakes.processes import started
from tests.fakes.proxy import request
from tests.fakes.upgrades import SWITCH_SPDY
from tests.fakes.upstream import FakeConnection, FakeUpstream

pytestmark = pytest.mark.timeout(120)


async def nothing(connection: FakeConnection) -> None:
    """No request comes this far."""
    await connection.wait_closed()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """A log that another process writes to."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("flags", "held", "said"),
    [
        (("--audit-policy-file=/nope",), "", "--audit-policy-file /nope cannot be read"),
        (("--audit-log-path=-",), "", "--workers 2 needs a file in --audit-log-path"),
        (("--audit-log-path=/dev/null",), "", "/dev/null is not a regular file"),
        ((), "audit-worker1.log", "audit-worker1.log cannot be written: another process"),
        ((), "audit-worker2.log", "audit-worker2.log cannot be written: another process"),
    ],
)
async def test_faults(tmp_path: Path, flags: tuple[str, ...], held: str, said: str) -> None:
    """What cannot be used is said once, before any port is open; the exit code is 2."""
    with locked(tmp_path / (held or "unrelated")):
        async with FakeUpstream(nothing) as upstream:
            with pytest.raises(AssertionError, match="ended without saying") as failure:
                async with started(upstream.port, tmp_path, "--workers=2", *flags):
                    pass
    text = str(failure.value)
    assert text.count(said) == 1
    assert text.count("auditproxy: error: ") == 1
    assert "Traceback" not in text


async def test_port_in_use(tmp_path: Path) -> None:
    """A port that another process has is said once, with the flag."""
    async with FakeUpstream(nothing) as upstream:
        taken = f"--secure-port={upstream.port}"
        with pytest.raises(AssertionError, match="ended without saying") as failure:
            async with started(upstream.port, tmp_path, "--workers=2", taken):
                pass
    assert str(failure.value).count(f"{taken.replace('=', ' ')} cannot be used") == 1


async def test_sessions_at_a_stop(tmp_path: Path) -> None:
    """Every worker waits for its sessions, and ends once they have."""
    released = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(SWITCH_SPDY)
        await released.wait()
        connection.send(b"done")
        connection.transport.close()

    grace = "--shutdown-session-grace-period=60s"
    async with (
        FakeUpstream(script) as upstream,
        started(upstream.port, tmp_path, "--workers=2", grace) as proxy,
    ):
        target = "/api/v1/namespaces/d/pods/p/attach"
        reader, writer = await proxy.connect()
        writer.write(request("POST", target, "Connection: Upgrade", "Upgrade: SPDY/3.1"))
        async with asyncio.timeout(30):
            assert (await read_answer(reader, "GET")).status == 101
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("stopping: 1 sessions may continue for 60 s")
        released.set()
        async with asyncio.timeout(30):
            assert await reader.read() == b"done"
        writer.close()
        assert await proxy.ended(30) == 0
    events = [
        json.loads(line)
        for path in tmp_path.glob("audit-worker*.log")
        for line in path.read_text().splitlines()
    ]
    assert "auditproxy.io/ended" not in events[-1].get("annotations", {})
