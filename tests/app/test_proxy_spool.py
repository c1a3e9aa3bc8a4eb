"""The process with a spool on a disk that is full, also when it is killed there."""

import asyncio
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.accounting import REFUSED, accounted, ready, stop
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.smalldisk import fill, small_disk
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import until
from tests.fakes.webhook import Receiver

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
GAP = "auditproxy.io/gap-events"


def flags(folder: Path, disk: Path, url: str, *more: str) -> tuple[str, ...]:
    """Those of a spool in mode blocking-strict, alone."""
    hook = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
    (folder / "hook").write_text(json.dumps(hook))
    return (
        "--audit-log-path=",
        f"--audit-webhook-config-file={folder}/hook",
        "--audit-webhook-mode=blocking-strict",
        f"--audit-webhook-spool-dir={disk}/spool",
        "--audit-webhook-initial-backoff=0",
        *more,
    )


def items(receiver: Receiver) -> list[dict[str, Any]]:
    """All events that came, in their order."""
    return [item for each in receiver.received for item in json.loads(each.body)["items"]]


class Asking:
    """Asks for one pod after the other, so that each event is known by its URI."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.refused: list[str] = []

    async def ask(self, proxy: Started) -> bool:
        """Whether the next request is served; one that is not, is refused as it has to be."""
        uri = f"/api/v1/namespaces/n/pods/p{len(self.served) + len(self.refused):04}"
        got = await proxy.ask(request(target=uri))
        if got.status == 200:
            self.served.append(uri)
        else:
            assert (got.status, REFUSED in got.body) == (500, True)
            self.refused.append(uri)
        return got.status == 200

    async def until_refused(self, proxy: Started, most: int = 50) -> None:
        """Ask until the disk takes nothing: what is left of a file's last page takes some."""
        for _ in range(most):
            if not await self.ask(proxy) and len(self.refused) >= 3:
                return
        raise AssertionError("a full disk takes everything")


def forwarded(upstream: FakeUpstream) -> list[str]:
    """The URIs that the upstream was asked for."""
    received = b"".join(bytes(each.received) for each in upstream.connections)
    return [
        line.split()[1].decode() for line in received.split(b"\r\n") if line.startswith(b"GET ")
    ]


async def test_full_disk(tmp_path: Path) -> None:
    """T251: requests are refused and not sent, and with the first of them /readyz says why; with
    space again it continues. Each event comes once, or is counted and in a gap event.
    """
    with small_disk(tmp_path, "256k") as disk:
        async with (
            FakeUpstream(replying(answer(200, b"ok"))) as upstream,
            Receiver() as receiver,
            started(upstream.port, tmp_path, *flags(tmp_path, disk, receiver.url)) as proxy,
        ):
            # What it acknowledges would make room.
            receiver.gate = asyncio.Event()
            asking = Asking()
            assert await asking.ask(proxy)
            filler = fill(disk)
            await asking.until_refused(proxy)
            page = await proxy.health("/readyz?verbose")
            assert page.status == 500
            assert b"[-]audit-webhook failed: spool: no space left on device" in page.body
            filler.unlink()
            await until(lambda: asking.ask(proxy), "a request is served again", seconds=20)
            await until(lambda: ready(proxy), "it is ready", seconds=20)
            assert await asking.ask(proxy)
            assert sorted(forwarded(upstream)) == sorted(asking.served)
            receiver.gate.set()

            async def arrived() -> bool:
                text = (await proxy.health("/metrics")).body.decode()
                empty = 'auditproxy_audit_spool_events{plugin="webhook"} 0.0' in text
                return empty and not (await accounted(proxy))["buffer"]

            await until(arrived, "all is with the receiver", seconds=20)
            figures = await accounted(proxy)
            assert figures["dropped"] == len(asking.refused)
            assert await stop(proxy) == 3
    found = items(receiver)
    gaps = [int(each["annotations"][GAP]) for each in found if GAP in each.get("annotations", {})]
    assert sum(gaps) == figures["dropped"]
    stages = Counter((each["requestURI"], each["stage"]) for each in found)
    for uri in asking.served:
        assert stages[uri, "RequestReceived"] == stages[uri, "ResponseComplete"] == 1
    assert not {uri for uri, _ in stages} & set(asking.refused)


async def test_killed_on_a_full_disk(tmp_path: Path) -> None:
    """T264: the next process starts on the full disk, refuses too, and sends what was stored once
    there is space: of each request that was forwarded the receiver has a record.
    """
    with small_disk(tmp_path, "256k") as disk:
        async with FakeUpstream(replying(answer(200, b"ok"))) as upstream, Receiver() as receiver:
            asking = Asking()
            # Nothing listens on port 1: what is stored stays.
            away = flags(tmp_path, disk, "http://127.0.0.1:1")
            async with started(upstream.port, tmp_path, *away) as proxy:
                for _ in range(3):
                    assert await asking.ask(proxy)
                before = list(asking.served)
                filler = fill(disk)
                await asking.until_refused(proxy)
                proxy.process.kill()
                await proxy.process.wait()
            there = flags(tmp_path, disk, receiver.url)
            receiver.gate = asyncio.Event()
            async with started(upstream.port, tmp_path, *there) as proxy:
                refused = len(asking.refused)
                await until(lambda: receiver.received, "what was stored is sent on a full disk")
                while len(asking.refused) < refused + 2:
                    await asking.ask(proxy)
                assert not await ready(proxy)
                filler.unlink()
                await until(lambda: asking.ask(proxy), "a request is served again", seconds=20)
                await until(lambda: ready(proxy), "it is ready", seconds=20)
                receiver.gate.set()
                assert await stop(proxy) == 3
            assert sorted(forwarded(upstream)) == sorted(asking.served)
    stages = Counter((each["requestURI"], each["stage"]) for each in items(receiver))
    assert {uri for uri, stage in stages if stage == "RequestReceived"} == set(asking.served)
    # Of those that were served on the full disk the end may have waited in memory.
    for uri in before:
        assert stages[uri, "ResponseComplete"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_disk_that_events_have_filled(tmp_path: Path, *, restarts: bool) -> None:
    """T251: nobody makes room but the receiver, once it is back: what it acknowledges is freed on
    the full disk, in this process or the next, and requests are served again, more of them than
    the disk has room for. Each event comes, or is counted and in a gap event.
    """
    with small_disk(tmp_path, "64k") as disk:
        async with FakeUpstream(replying(answer(200, b"ok"))) as upstream, Receiver() as receiver:
            receiver.gate = asyncio.Event()
            asking = Asking()
            options = flags(tmp_path, disk, receiver.url, "--audit-webhook-batch-max-size=7")
            if restarts:
                async with started(upstream.port, tmp_path, *options) as proxy:
                    await asking.until_refused(proxy, 500)
                    proxy.process.kill()
                    await proxy.process.wait()
            async with started(upstream.port, tmp_path, *options) as proxy:
                before = list(asking.served)
                await asking.until_refused(proxy, 500)
                receiver.gate.set()
                await until(lambda: asking.ask(proxy), "a request is served again", seconds=20)
                await until(lambda: ready(proxy), "it is ready", seconds=20)
                for _ in range(60):
                    await asking.ask(proxy)

                async def arrived() -> bool:
                    text = (await proxy.health("/metrics")).body.decode()
                    waiting = ("buffer_events", "spool_events")
                    names = [f'auditproxy_audit_{name}{{plugin="webhook"}} 0.0' for name in waiting]
                    return all(name in text for name in names)

                await until(arrived, "all is with the receiver", seconds=20)
                text = (await proxy.health("/metrics")).body.decode()
                assert await stop(proxy) == 3
            assert sorted(forwarded(upstream)) == sorted(asking.served)
    found = {each["auditID"] + each["stage"]: each for each in items(receiver)}.values()
    gaps = [int(each["annotations"][GAP]) for each in found if GAP in each.get("annotations", {})]
    (dropped,) = re.findall(r'events_dropped_total\{plugin="webhook",.*"\} (\S+)', text)
    assert sum(gaps) == float(dropped) > 0
    stages = Counter((each["requestURI"], each["stage"]) for each in found)
    assert {uri for uri, stage in stages if stage == "RequestReceived"} == set(asking.served)
    for uri in asking.served if not restarts else asking.served[len(before) :]:
        assert stages[uri, "ResponseComplete"] == 1
