"""What proxies of the bench of backends write to, and those proxies."""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench.processes import Process
from tests.e2e.cluster import free_ports
from tests.fakes.chains import key_of

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: %s}]\n"
FAILURES = (b"500 no", b"429 no", b"302 no", b"")
STREAM, SUBJECT = "AUDIT", "audit.events"


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


async def start_receiver(*arguments: str) -> Process:
    """Start one as a process."""
    return await Process.start("receiver", *arguments, module="tests.bench.backends")


def why_no_nats() -> str:
    """Why nothing can be measured with NATS; "" where it can."""
    try:
        from tests.fakes.natsservers import nats_server
    except ModuleNotFoundError as error:
        return f"the Python package {error.name} is not installed (extra nats)"
    return "" if nats_server else "nats-server is not installed (Debian: apt install nats-server)"


@contextlib.asynccontextmanager
async def nats(folder: Path) -> AsyncIterator[str]:
    """The URL of a nats-server whose JetStream keeps events in files and drops repetitions."""
    from tests.fakes.natsservers import jetstream, one_server

    async with one_server(folder) as server:
        async with jetstream(server) as stream:
            await stream.add_stream(name=STREAM, subjects=[SUBJECT], storage="file")
        yield server.url


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
    upstream: Process, level: str, flags: Sequence[str], webhook: Process | None, folder: Path
) -> AsyncIterator[tuple[Process, int]]:
    """``auditproxy serve`` in front of the upstream; the process and its health port.

    ``{folder}`` and ``{webhook}`` in flags are the folder and the webhook's kubeconfig.
    """
    (folder / "policy.yaml").write_text(POLICY % level, encoding="utf-8")
    (folder / "tokens.csv").write_text('t,admin,1,"system:masters"\n', encoding="utf-8")
    (folder / "kubeconfig").write_text(kubeconfig(upstream.port), encoding="utf-8")
    (folder / "checkpoint.key").write_bytes(
        key_of(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    if webhook is not None:
        (folder / "webhook").write_text(kubeconfig(webhook.port), encoding="utf-8")
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
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "auditproxy", "serve"), *words, stderr=asyncio.subprocess.PIPE
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


async def metrics(port: int) -> dict[str, float]:
    """The proxy's metrics by name and labels."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode().partition("\r\n\r\n")[2]
    writer.close()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines if name}


def events_of(found: dict[str, float], plugin: str) -> tuple[float, float, float]:
    """Events that were generated, and those that a backend has written and has dropped."""
    label = f'{{plugin="{plugin}"'
    return (
        found["auditproxy_audit_events_generated_total"],
        found.get(f"auditproxy_audit_events_written_total{label}}}", 0.0),
        sum(
            value
            for name, value in found.items()
            if name.startswith(f"auditproxy_audit_events_dropped_total{label}")
        ),
    )
