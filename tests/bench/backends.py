"""``python -m tests.bench.backends``: what each mode of the audit backends costs, and a load test.

    default         events per second and latency for each mode (part of ``make bench``);
                    ``--only "log blocking,log durable" --rounds 5`` compares two
    --load SECONDS  RequestResponse, log blocking and webhook batch together, a receiver that
                    fails every other second; prints the accounting and the memory at the end

The proxy and the receiver are processes of their own on 127.0.0.1.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench.processes import Process
from tests.bench.small import CONNECTIONS, client_context, connect, request, small_requests
from tests.e2e.cluster import free_ports
from tests.fakes.chains import key_of

CHAIN = (
    "--audit-log-hash-chain",
    "--audit-log-checkpoint-key-file={folder}/checkpoint.key",
    "--audit-log-checkpoint-interval=1s",
)
"""With sixty times as many checkpoints as by default."""

MODES = (
    ("log blocking", ("--audit-log-mode=blocking",), False),
    ("log blocking-strict", ("--audit-log-mode=blocking-strict",), False),
    ("log durable", ("--audit-log-mode=durable",), False),
    ("log blocking chain", ("--audit-log-mode=blocking", *CHAIN), False),
    ("log durable chain", ("--audit-log-mode=durable", *CHAIN), False),
    ("log batch", ("--audit-log-mode=batch",), False),
    ("webhook batch", ("--audit-webhook-batch-throttle-enable=false",), True),
    ("webhook blocking", ("--audit-webhook-mode=blocking",), True),
)

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: %s}]\n"
BUFFER = 100_000
FAILURES = (b"500 no", b"429 no", b"302 no", b"")


async def receiver(flapping: bool) -> None:
    """Take events and forget them; ``flapping``, every other second is one of failures."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                status = b"200 OK"
                if flapping and int(time.monotonic()) % 2:
                    status = random.choice(FAILURES)
                if not status:
                    break
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


def kubeconfig(port: int) -> str:
    """A kubeconfig for a server on a port of this machine."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "b",
            "contexts": [{"name": "b", "context": {"cluster": "b", "user": "b"}}],
            "clusters": [{"name": "b", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "b", "user": {"token": "b"}}],
        }
    )


@contextlib.asynccontextmanager
async def serving(
    upstream: Process, level: str, flags: tuple[str, ...], webhook: Process | None, folder: Path
) -> AsyncIterator[tuple[Process, int]]:
    """``auditproxy serve`` in front of the upstream; the process and its health port."""
    (folder / "policy.yaml").write_text(POLICY % level, encoding="utf-8")
    (folder / "tokens.csv").write_text('t,admin,1,"system:masters"\n', encoding="utf-8")
    (folder / "kubeconfig").write_text(kubeconfig(upstream.port), encoding="utf-8")
    (folder / "checkpoint.key").write_bytes(
        key_of(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    port, health_port = free_ports(2)
    words = [
        f"--kubeconfig={folder}/kubeconfig",
        f"--audit-policy-file={folder}/policy.yaml",
        f"--token-auth-file={folder}/tokens.csv",
        f"--cert-dir={folder}/certs",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--health-bind-address=127.0.0.1:{health_port}",
        *(flag.format(folder=folder) for flag in flags),
    ]
    if webhook is not None:
        (folder / "webhook").write_text(kubeconfig(webhook.port), encoding="utf-8")
        words.append(f"--audit-webhook-config-file={folder}/webhook")
    if webhook is None or "--both" in flags:
        words.append(f"--audit-log-path={folder}/audit.log")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "auditproxy", "serve"),
        *(word for word in words if word != "--both"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    while b"serving on" not in said:
        said = await process.stderr.readline()
        if not said:
            raise RuntimeError("the proxy did not start")
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield Process(process, port), health_port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        reading.cancel()


async def modes(upstream: Process, only: str) -> dict[str, float]:
    """Print a line for each mode, or for those named with commas between; their p50 in ms."""
    found: dict[str, float] = {}
    tls = client_context()
    webhook = await start("receiver")
    try:
        _, _, alone = await small_requests(upstream, None, 1)
        for name, flags, uses_webhook in MODES:
            if only and name not in only.split(","):
                continue
            with tempfile.TemporaryDirectory() as folder:
                to = webhook if uses_webhook else None
                async with serving(upstream, "Metadata", flags, to, Path(folder)) as (proxy, _):
                    await small_requests(proxy, tls, CONNECTIONS)
                    rate, cpu, latency = await small_requests(proxy, tls, CONNECTIONS)
                    _, _, single = await small_requests(proxy, tls, 1)
            found[name] = latency
            print(
                f"{name:20} {2 * rate:6.0f} events/s, {cpu:4.0f} us CPU/request, "
                f"p50 {latency:5.2f} ms at c={CONNECTIONS}, "
                f"at c=1 {single - alone:5.2f} ms more than without the proxy",
                flush=True,
            )
        return found
    finally:
        await webhook.stop()


async def metrics(port: int) -> dict[str, float]:
    """The proxy's metrics by name and labels."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode().partition("\r\n\r\n")[2]
    writer.close()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines if name}


def account(found: dict[str, float]) -> tuple[bool, str]:
    """Whether the accounting is exact for both backends, and it in words."""
    generated = found["auditproxy_audit_events_generated_total"]
    texts, exact = [f"{generated:.0f} generated"], True
    for plugin in ("log", "webhook"):
        label = f'{{plugin="{plugin}"'
        written = found.get(f"auditproxy_audit_events_written_total{label}}}", 0)
        waiting = found.get(f"auditproxy_audit_buffer_events{label}}}", 0)
        lost = sum(
            value
            for name, value in found.items()
            if name.startswith(f"auditproxy_audit_events_dropped_total{label}")
        )
        due = found.get('auditproxy_audit_events_due{state="decoding"}', 0)
        exact = exact and generated == written + waiting + lost + due
        texts.append(
            f"{plugin}: {written:.0f} written + {waiting:.0f} waiting + {lost:.0f} dropped"
        )
    return exact, "; ".join(texts)


async def load(upstream: Process, seconds: float) -> bool:
    """Run the load test; whether the accounting was exact."""
    webhook = await start("receiver", "--flapping")
    tls = client_context()
    flags = (
        "--both",
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


async def start(*arguments: str) -> Process:
    """Start a receiver."""
    return await Process.start(*arguments, module="tests.bench.backends")


async def main(seconds: float, only: str, rounds: int) -> int:
    """The modes, or the load test when ``seconds`` is not 0; the exit code."""
    upstream = await Process.start("upstream")
    try:
        if seconds:
            return 0 if await load(upstream, seconds) else 1
        found = [await modes(upstream, only) for _ in range(rounds)]
        if rounds > 1:
            for name in found[0]:
                values = sorted(one[name] for one in found)
                # Compared within each round: the machine is another one from round to round.
                ratios = [one[name] / next(iter(one.values())) for one in found]
                print(
                    f"{name:20} p50 at c={CONNECTIONS}: median of {rounds} rounds "
                    f"{statistics.median(values):.2f} ms ({values[0]:.2f} to {values[-1]:.2f}), "
                    f"{statistics.median(ratios):.2f} times the first mode's"
                )
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
