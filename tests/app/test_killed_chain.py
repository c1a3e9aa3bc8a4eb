"""The chain of a proxy that is killed, as an operator starts it."""

import asyncio
import fcntl
import signal
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auditproxy.cli import main
from tests.fakes.chains import key_of
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import until

pytestmark = pytest.mark.timeout(120)

CLIENTS = 4


async def script(connection: FakeConnection) -> None:
    """Answer one request."""
    await connection.read_request()
    connection.send(answer(200, b"ok", b"Connection: close"))


def flags(folder: Path) -> tuple[str, ...]:
    """Those of a chain with checkpoints, whose keys are in the folder."""
    private = key_of(1)
    (folder / "checkpoint.key").write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "checkpoint.pub").write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return (
        "--audit-log-hash-chain",
        f"--audit-log-checkpoint-key-file={folder}/checkpoint.key",
        "--audit-log-checkpoint-interval=1s",
    )


def lines(folder: Path) -> int:
    """How many there are in all logs."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("audit*.log"))


def more_than(folder: Path, count: int) -> bool:
    """Whether there are more lines."""
    return lines(folder) > count


async def ask(proxy: Started) -> None:
    """Send requests until the proxy is gone."""
    while True:
        try:
            await proxy.ask(request())
        except (OSError, EOFError, AssertionError):
            return


def unlocked(folder: Path) -> bool:
    """Whether no process writes to a log any more."""
    for path in folder.glob("audit*.log"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


@pytest.mark.parametrize("mode", ["blocking", "durable"])
@pytest.mark.parametrize("workers", [1, 2])
async def test_killed(
    workers: int, mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 under load, and a stop: one chain for each worker, without a break."""
    given = (*flags(tmp_path), f"--workers={workers}", f"--audit-log-mode={mode}")

    async with FakeUpstream(script) as upstream:
        for end in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            async with started(upstream.port, tmp_path, *given) as proxy:
                enough = lines(tmp_path) + 20
                clients = [asyncio.create_task(ask(proxy)) for _ in range(CLIENTS)]
                await until(partial(more_than, tmp_path, enough), "events are written")
                proxy.process.send_signal(end)
                await proxy.ended(40)
                await asyncio.wait(clients)
                await until(lambda: unlocked(tmp_path), "the workers have ended", seconds=40)
    logs = sorted(map(str, tmp_path.glob("audit*.log")))
    assert len(logs) == workers
    assert main(["verify", f"--public-key={tmp_path}/checkpoint.pub", "--whole", *logs]) == 0
    said = capsys.readouterr().out
    assert said.count("\nok\n") == workers
    assert said.count("  chain ") == workers
