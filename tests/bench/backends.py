"""``python -m tests.bench.backends``: what each backend costs in each mode, and a load test.

    default         a table: events a second and latency of each mode (part of ``make bench``);
                    ``--only "log blocking,log durable" --rounds 5`` compares two
    --load SECONDS  RequestResponse, log blocking and webhook batch together, a receiver that
                    fails every other second; prints the accounting and the memory at the end

The proxy, the receiver and nats-server are processes of their own on 127.0.0.1.
"""

import argparse
import asyncio
import signal
import tempfile
import time
from pathlib import Path

from tests.bench.modes import LOG, WEBHOOK, compare
from tests.bench.processes import Process
from tests.bench.sinks import events_of, metrics, receiver, serving, start_receiver
from tests.bench.small import CONNECTIONS, client_context, connect, request

BUFFER = 100_000


def account(found: dict[str, float]) -> tuple[bool, str]:
    """Whether the accounting is exact for both backends, and it in words."""
    texts, exact = [f"{events_of(found, 'log')[0]:.0f} generated"], True
    for plugin in ("log", "webhook"):
        generated, written, lost = events_of(found, plugin)
        waiting = found.get(f'auditproxy_audit_buffer_events{{plugin="{plugin}"}}', 0)
        due = found.get('auditproxy_audit_events_due{state="decoding"}', 0)
        exact = exact and generated == written + waiting + lost + due
        texts.append(
            f"{plugin}: {written:.0f} written + {waiting:.0f} waiting + {lost:.0f} dropped"
        )
    return exact, "; ".join(texts)


async def load(upstream: Process, seconds: float) -> bool:
    """Run the load test; whether the accounting was exact."""
    webhook = await start_receiver("--flapping")
    tls = client_context()
    flags = (
        LOG,
        WEBHOOK,
        "--audit-log-maxsize=0",
        "--audit-log-mode=blocking",
        "--audit-webhook-initial-backoff=100ms",
        "--audit-webhook-batch-max-wait=1s",
        f"--audit-webhook-batch-buffer-size={BUFFER}",
        "--audit-webhook-batch-throttle-qps=20",
        "--shutdown-audit-grace-period=30s",
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            async with serving(upstream, "RequestResponse", flags, webhook, path) as (
                proxy,
                health,
            ):
                ends = time.monotonic() + seconds
                message = request("/api/v1/namespaces/d/configmaps/a")

                async def one() -> int:
                    reader, writer = await connect(proxy.port, tls)
                    count = 0
                    while time.monotonic() < ends:
                        writer.write(message)
                        head = await reader.readuntil(b"\r\n\r\n")
                        length = head.lower().partition(b"content-length:")[2]
                        await reader.readexactly(int(length.split(b"\r\n")[0]))
                        count += 1
                    writer.close()
                    return count

                requests = sum(await asyncio.gather(*(one() for _ in range(CONNECTIONS))))
                exact, text = account(await metrics(health))
                print(f"after {seconds:.0f} s and {requests} requests: {text}")
                peak = proxy.peak_memory
                proxy.signal(signal.SIGTERM)
                code = await proxy.wait()
                lines = (path / "audit.log").read_bytes().count(b"\n")
            print(
                f"accounting {'exact' if exact else 'NOT exact'}; {lines} lines in the log; "
                f"memory at most {peak:.0f} MiB; exit code {code}"
            )
            return exact and lines == 2 * requests
    finally:
        await webhook.stop()


async def main(seconds: float, only: str, rounds: int) -> int:
    """The modes, or the load test when ``seconds`` is not 0; the exit code."""
    upstream = await Process.start("upstream")
    try:
        if seconds:
            return 0 if await load(upstream, seconds) else 1
        await compare(upstream, only, rounds)
        return 0
    finally:
        await upstream.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", choices=["receiver"])
    parser.add_argument("--flapping", action="store_true")
    parser.add_argument("--load", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--only", default="", metavar="MODES", help="names, commas between")
    parser.add_argument("--rounds", type=int, default=1, help="of all modes, one after the other")
    given = parser.parse_args()
    if given.role:
        asyncio.run(receiver(given.flapping))
    else:
        raise SystemExit(asyncio.run(main(given.load, given.only, given.rounds)))
