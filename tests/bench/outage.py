"""``python -m tests.bench.outage``: a webhook's receiver is away, then comes back badly, then well.

    --seconds 600 --rate 500    how long it is away, and events a second, on several connections

Behind the outage it answers 500, 429, 413 to more than one event, closes with a reset, hangs, and is
slow, while the load continues. The proxy has a spool and mode ``blocking``. What is compared: every
event is with the receiver, and comes behind those before it on its connection. Prints what was
seen, and the proxy's memory; the exit code is 1 when an event is missing, dropped or out of order.
"""

import argparse
import asyncio
import contextlib
import itertools
import signal
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from tests.bench.processes import Process
from tests.bench.sinks import events_of, metrics, serving
from tests.bench.small import client_context, connect
from tests.fakes.waiting import pause, until

STAGES = ("RequestReceived", "ResponseComplete")
BADLY = ("500", "429", "413", "reset", "hang", "slow") * 3
"""What the receiver does, attempt by attempt, when it is back."""
HANGS, IS_SLOW = 5.0, 1.0
CONNECTIONS = 8
MORE = 10.0
"""Seconds of load behind the outage, beside what waits."""
LONGEST = 1200.0
"""Seconds until all has arrived."""


class _Event(msgspec.Struct):
    audit_id: str = msgspec.field(name="auditID")
    stage: str


class _Batch(msgspec.Struct):
    items: list[_Event]


_BATCH = msgspec.json.Decoder(_Batch)


class Receiver:
    """Takes batches; away until ``come_back``. Keeps the number of each event in its order."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.next = [0] * CONNECTIONS
        self.again = self.early = 0
        self.did: Counter[str] = Counter()
        self._badly: Iterator[str] = iter(BADLY)
        self._server: asyncio.Server | None = None

    async def come_back(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                items = _BATCH.decode(await reader.readexactly(length)).items
                what = next(self._badly, "take")
                if what == "413" and len(items) == 1:
                    what = "take"
                self.did[what] += 1
                if what == "reset":
                    raw = writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                if what in ("hang", "slow"):
                    await pause(HANGS if what == "hang" else IS_SLOW)
                    if what == "hang":
                        break
                code = what if what.isdigit() else "200"
                if code == "200":
                    self._take(items)
                writer.write(f"HTTP/1.1 {code} it is so\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    def _take(self, items: list[_Event]) -> None:
        for item in items:
            connection, _, count = item.audit_id.partition("-")
            number = 2 * int(count) + STAGES.index(item.stage)
            expected = self.next[int(connection)]
            self.again += number < expected
            self.early += number > expected
            self.next[int(connection)] = max(expected, number + 1)


async def load(port: int, connection: int, rate: float, ends: asyncio.Event) -> int:
    """Requests one after the other, so many events a second; how many were answered."""
    reader, writer = await connect(port, client_context())
    began = time.monotonic()
    for count in itertools.count():
        if ends.is_set():
            writer.close()
            return count
        await pause(max(0.0, began + 2 * count / rate - time.monotonic()))
        writer.write(
            b"GET /api/v1/namespaces/d/configmaps/a HTTP/1.1\r\nHost: b\r\n"
            b"Authorization: Bearer t\r\nAudit-ID: %d-%010d\r\n\r\n" % (connection, count)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"request {count} was answered {head[:40]!r}")
        length = head.lower().partition(b"content-length:")[2]
        await reader.readexactly(int(length.split(b"\r\n")[0]))
    raise AssertionError


async def main(seconds: float, rate: float) -> int:
    """Play it; the exit code."""
    upstream, receiver, ends = await Process.start("upstream"), Receiver(), asyncio.Event()
    flags = (
        "--audit-webhook-config-file={folder}/webhook",
        "--audit-webhook-mode=blocking",
        "--audit-webhook-initial-backoff=100ms",
        "--audit-webhook-spool-dir={folder}/spool",
        "--audit-webhook-spool-max-bytes=4Gi",
    )
    rows: list[tuple[str, Any]] = [("seconds away", round(seconds)), ("events/s", round(rate))]
    try:
        with tempfile.TemporaryDirectory() as folder:
            webhook = cast("Process", SimpleNamespace(port=receiver.port))
            async with serving(upstream, "Metadata", flags, webhook, Path(folder)) as (
                proxy,
                health,
            ):
                loading = asyncio.gather(
                    *(
                        load(proxy.port, connection, rate / CONNECTIONS, ends)
                        for connection in range(CONNECTIONS)
                    )
                )
                await asyncio.wait({loading}, timeout=seconds)
                waited = (await metrics(health)).get(
                    'auditproxy_audit_spool_events{plugin="webhook"}', 0.0
                )
                rows.append(("events that waited", round(waited)))
                rows.append(("memory then, at most, MiB", round(proxy.peak_memory)))
                back = time.monotonic()
                await receiver.come_back()
                await asyncio.wait({loading}, timeout=MORE)
                ends.set()
                expected = [2 * count for count in await loading]
                await until(lambda: receiver.next == expected, "all have arrived", seconds=LONGEST)
                rows.append(("seconds until all had arrived", round(time.monotonic() - back)))
                rows.append(("memory in the end, at most, MiB", round(proxy.peak_memory)))
                generated, written, dropped = events_of(await metrics(health), "webhook")
                letters = Path(folder, "spool", "dead-letters.jsonl").exists()
                proxy.signal(signal.SIGTERM)
                code = await proxy.wait()
    finally:
        receiver.close()
        await upstream.stop()
    rows += [("events generated", round(generated)), ("events written", round(written))]
    rows += [("events dropped", round(dropped)), ("dead letters", int(letters))]
    rows += [("events that came again", receiver.again), ("out of order", receiver.early)]
    rows += [(f"answers: {what}", count) for what, count in sorted(receiver.did.items())]
    rows.append(("exit code of the proxy", code))
    for name, value in rows:
        print(f"{name:<36}{value:>10,}")
    is_whole = sum(expected) == generated == written and not (dropped or letters or code)
    return 0 if is_whole and not receiver.early else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=500.0)
    given = parser.parse_args()
    raise SystemExit(asyncio.run(main(given.seconds, given.rate)))
