"""What keeps workers from starting at all, as an operator sees it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.processes import started
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
