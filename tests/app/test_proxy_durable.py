"""The process in mode durable: full disks, files that go away, rotation under load, the end."""

import asyncio
import fcntl
import itertools
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conformance.client import read_answer
from tests.fakes.accounting import REFUSED, accounted, ready, stop
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.smalldisk import fill, small_disk
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import until
from tests.tailing import Tail

DURABLE = "--audit-log-mode=durable"


async def served(proxy: Started) -> bool:
    """Whether a request is served."""
    return (await proxy.ask(request())).status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
async def test_full_disk(tmp_path: Path) -> None:
    """T251: requests are refused and not sent, /readyz says why; with space again it continues. Each
    event is in the log once, or counted."""
    with small_disk(tmp_path, "256k") as disk:
        async with (
            FakeUpstream(replying(answer(200, b"ok"))) as upstream,
            started(
                upstream.port, tmp_path, DURABLE, f"--audit-log-path={disk}/audit.log"
            ) as proxy,
        ):
            assert await served(proxy)
            filler = fill(disk)
            refused = 0
            # What is left of the file's last page still takes some.
            for _ in range(50):
                got = await proxy.ask(request())
                if got.status == 500:
                    assert REFUSED in got.body
                    refused += 1
                if refused == 3:
                    break
            assert refused == 3
            forwarded = sum(one.received.count(b"GET ") for one in upstream.connections)
            page = await proxy.health("/readyz?verbose")
            assert page.status == 500
            assert b"[-]audit-log failed: " in page.body
            assert b"no space left on device" in page.body
            filler.unlink()
            await until(lambda: served(proxy), "a request is served again", seconds=10)
            await until(lambda: ready(proxy), "it is ready", seconds=20)
            figures = await accounted(proxy)
            while figures["buffer"]:  # The answer went out before its event was written.
                figures = await accounted(proxy)
            assert figures["dropped"] >= 3
            assert await stop(proxy) == 3
            events = [json.loads(line) for line in (disk / "audit.log").read_bytes().splitlines()]
            assert len(events) == figures["written"]
            keys = [(event["auditID"], event["stage"]) for event in events]
            assert len(set(keys)) == len(keys)
            received = {one for one, stage in keys if stage == "RequestReceived"}
            complete = {one for one, stage in keys if stage == "ResponseComplete"}
            assert len(received) == forwarded + 1
            assert received == complete


def read_only(folder: Path, *, staged: Path) -> None:
    """Put a folder behind a mount of itself that is read-only from its first moment."""
    staged.mkdir()
    for words in (["--bind", folder, staged], ["-o", "remount,bind,ro", staged]):
        subprocess.run(["mount", *map(str, words)], check=True)
    subprocess.run(["mount", "--bind", str(staged), str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
async def test_read_only(tmp_path: Path) -> None:
    """T254: a file system that becomes read-only is found without a request; then it continues."""
    with small_disk(tmp_path, "1m") as disk:
        (disk / "logs").mkdir()
        logs = disk / "logs"
        async with (
            FakeUpstream(replying(answer(200, b"ok"))) as upstream,
            started(
                upstream.port, tmp_path, DURABLE, f"--audit-log-path={logs}/audit.log"
            ) as proxy,
        ):
            assert await served(proxy)
            await proxy.until_written(2)
            # It would make the file again before the folder is read-only.
            proxy.process.send_signal(signal.SIGSTOP)
            try:
                (logs / "audit.log").rename(logs / "moved.log")
                read_only(logs, staged=disk / "staged")
                proxy.process.send_signal(signal.SIGCONT)
                page = await proxy.until_shown("/readyz?verbose", b"read-only file system")
                assert b"[-]audit-log failed: read-only file system" in page
                assert (await proxy.ask(request())).status == 500
            finally:
                for folder in (logs, disk / "staged"):
                    subprocess.run(["umount", "-l", str(folder)], check=True)
            await until(lambda: served(proxy), "a request is served again", seconds=10)
            assert await stop(proxy) == 3


async def test_deleted(tmp_path: Path) -> None:
    """T254: a file that is deleted is made again within a second or so, and told; without a request.
    No request is served whose record has no name."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, DURABLE) as proxy,
    ):
        assert await served(proxy)
        await proxy.until_written(2)
        proxy.log.unlink()
        await until(proxy.log.exists, "it is there again", seconds=3)
        await proxy.until_said("was deleted by another process: reopened it")
        proxy.log.unlink()
        assert await served(proxy)
        await proxy.until_written(4)
        assert [event["stage"] for event in proxy.events()] == [
            "RequestReceived",
            "ResponseComplete",
        ]
        assert await stop(proxy) == 0


async def test_chmod(tmp_path: Path) -> None:
    """T254: permissions that change do not matter to an open file: what it takes is as safe."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, DURABLE) as proxy,
    ):
        proxy.log.chmod(0)
        assert await served(proxy)
        await proxy.until_written(2)
        assert len(proxy.events()) == 2
        assert await stop(proxy) == 0


async def test_truncated(tmp_path: Path) -> None:
    """T256: copytruncate: no hole and no half line is left; what was copied and what follows is all.
    It is said within a second or so, without a request.
    """
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, DURABLE) as proxy,
    ):
        for copied in range(1, 4):
            assert await served(proxy)
            await proxy.until_written(2 * copied)
            (tmp_path / f"copy{copied}").write_bytes(proxy.log.read_bytes())
            os.truncate(proxy.log, 0)
            # Found without a request.
            count = b'auditproxy_audit_log_reopened_total{reason="truncated"} %d.0' % copied
            await proxy.until_shown("/metrics", count, seconds=5)
        await proxy.until_said("was truncated by another process: what was cut off is gone")
        assert await served(proxy)
        assert await stop(proxy) == 0
    whole = b"".join((tmp_path / f"copy{number}").read_bytes() for number in range(1, 4))
    events = [json.loads(line) for line in (whole + proxy.log.read_bytes()).splitlines()]
    keys = {(event["auditID"], event["stage"]) for event in events}
    assert len(keys) == len(events) == 8


async def test_taken_over(tmp_path: Path) -> None:
    """T254: T260: a file of another process in place of ours is found without a request, and not
    written to; when it is free again, requests are served."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, DURABLE) as proxy,
    ):
        assert await served(proxy)
        await proxy.until_written(2)
        with (tmp_path / "other").open("wb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            (tmp_path / "other").rename(proxy.log)
            page = await proxy.until_shown("/readyz?verbose", b"another process writes to it")
            assert b"[-]audit-log failed: " in page
            refused = await proxy.ask(request())
            assert (refused.status, REFUSED in refused.body) == (500, True)
            assert proxy.log.read_bytes() == b""
        await until(lambda: served(proxy), "a request is served again", seconds=10)
        await until(lambda: ready(proxy), "it is ready", seconds=20)
        await proxy.until_written(4)
        await accounted(proxy)
        assert await stop(proxy) == 3
        assert sum(one.received.count(b"GET ") for one in upstream.connections) == 2
    assert len(proxy.events()) == 2


async def load(proxy: Started, connections: int, stop_at: asyncio.Event) -> int:
    """Requests on several connections until the stop; how many were answered with 200."""

    async def one() -> int:
        reader, writer = await proxy.connect()
        try:
            for count in itertools.count(1):
                writer.write(request())
                assert (await read_answer(reader, "GET")).status == 200
                if stop_at.is_set():
                    return count
        finally:
            writer.close()
        return 0

    return sum(await asyncio.gather(*(one() for _ in range(connections))))


async def test_rotation_under_load(tmp_path: Path) -> None:
    """T255: T257: with a reader that follows the files: each event once, none torn, through the proxy's
    own rotations, a rename with SIGHUP, and one without."""
    tail, done = Tail(tmp_path, "audit*"), asyncio.Event()
    async with (
        FakeUpstream(replying(answer(200, b"ok" * 500))) as upstream,
        started(
            upstream.port, tmp_path, DURABLE, "--audit-log-maxsize=1", "--audit-log-maxbackup=0"
        ) as proxy,
    ):
        loading = asyncio.create_task(load(proxy, 8, done))

        def seen(files: int) -> bool:
            tail.poll()
            assert not loading.done()
            return tail.files >= files

        await until(lambda: seen(3), "two rotations", seconds=60)
        proxy.log.rename(tmp_path / "audit-moved.1")
        proxy.process.send_signal(signal.SIGHUP)
        files = tail.files
        await until(lambda: seen(files + 1), "a new file", seconds=60)
        proxy.log.rename(tmp_path / "audit-moved.2")
        files = tail.files
        await until(lambda: seen(files + 1), "another one", seconds=60)
        done.set()
        answered = await loading
        assert (await accounted(proxy))["dropped"] == 0
        assert await stop(proxy) == 0
        tail.poll()
    assert tail.rest() == []
    keys = [(event["auditID"], event["stage"]) for event in tail.events]
    assert len(keys) == len(set(keys)) == 2 * answered
    tail.close()


async def test_several_workers(tmp_path: Path) -> None:
    """Each has a durable log of its own."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, DURABLE, "--workers=2") as proxy,
    ):
        for _ in range(6):
            assert await served(proxy)
        assert await stop(proxy) == 0
    lines = [
        line
        for number in (1, 2)
        for line in (tmp_path / f"audit-worker{number}.log").read_bytes().splitlines()
    ]
    assert len(lines) == 12


async def test_torn_by_a_crash(tmp_path: Path) -> None:
    """T272: the next start cuts half a line off and says so; events follow on whole lines."""
    (tmp_path / "audit.log").write_bytes(b'{"whole":1}\n{"half')
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, DURABLE) as proxy,
    ):
        assert await served(proxy)
        await proxy.until_said("ended within a line: its 6 bytes were cut off")
        await proxy.until_written(2)
        assert len(proxy.events()) == 3


@pytest.mark.parametrize("place", ["fifo", "standard output"])
async def test_refused_at_the_start(tmp_path: Path, place: str) -> None:
    """T258: what cannot keep the promise is refused before a port is open."""
    path = "-"
    if place == "fifo":
        path = str(tmp_path / "fifo")
        os.mkfifo(path)
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        with pytest.raises(AssertionError, match="--audit-log-mode durable needs a"):
            async with started(upstream.port, tmp_path, DURABLE, f"--audit-log-path={path}"):
                pass
