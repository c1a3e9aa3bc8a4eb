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

from auditproxy.audit.chain.checkpoints import read_checkpoint
from auditproxy.audit.chain.links import read_link
from auditproxy.backends.logfiles.tails import last_line
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


def is_signed(path: Path) -> bool:
    """Whether the last line of a log is signed."""
    beside = Path(f"{path}.checkpoints").read_bytes().splitlines(keepends=True)
    last, link = read_checkpoint(beside[-1]).checkpoint, read_link(last_line([path]))
    return link is None or last.number == link.number


def are_signed(logs: list[Path]) -> bool:
    """Whether the last line of each log is."""
    return all(map(is_signed, logs))


@pytest.mark.parametrize("mode", ["blocking", "durable"])
@pytest.mark.parametrize("workers", [1, 2])
async def test_stopped_behind_a_checkpoint(
    workers: int, mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One event, a checkpoint in time, SIGTERM, a start: nothing says that it was killed."""
    given = (*flags(tmp_path), f"--workers={workers}", f"--audit-log-mode={mode}")
    logs: list[Path] = []
    async with FakeUpstream(script) as upstream:
        for _ in range(2):
            async with started(upstream.port, tmp_path, *given) as proxy:
                await proxy.until_ready()
                await proxy.ask(request())
                logs = sorted(tmp_path.glob("audit*.log"))
                await until(partial(are_signed, logs), "they are signed", seconds=40)
                proxy.process.send_signal(signal.SIGTERM)
                assert await proxy.ended(40) == 0
    written = [str(log) for log in logs if log.stat().st_size]
    assert len(logs) == workers
    assert main(["verify", f"--public-key={tmp_path}/checkpoint.pub", "--whole", *written]) == 0
    said = capsys.readouterr().out
    assert said.count("\nok\n") == len(written)
    assert "not ended in order" not in said
    for log in logs:
        beside = Path(f"{log}.checkpoints").read_bytes().splitlines(keepends=True)
        assert read_checkpoint(beside[-1]).checkpoint.reason == "Shutdown"


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
