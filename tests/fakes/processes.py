"""A proxy as a process of its own, started as an operator does."""

import asyncio
import contextlib
import json
import os
import resource
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.client import Answer, read_answer
from tests.e2e.cluster import free_ports
from tests.fakes.proxy import POLICY
from tests.fakes.waiting import until


@dataclass
class Started:
    """A proxy as a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    health_port: int
    folder: Path
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Its audit log."""
        return self.folder / "audit.log"

    def events(self) -> list[dict[str, object]]:
        """Every event in the log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def until_said(self, text: str) -> None:
        """Wait for an operator's line."""
        assert self.process.stderr is not None
        async with asyncio.timeout(45):
            while not any(text in line for line in self.lines):
                line = await self.process.stderr.readline()
                assert line, f"ended without saying {text!r}: {self.lines}"
                self.lines.append(line.decode())

    async def until_ready(self) -> None:
        """Wait until it serves, without hearing it say so."""

        async def ready() -> bool:
            try:
                return (await self.health("/readyz")).status == 200
            except OSError:
                return False

        await until(ready, "/readyz succeeds", seconds=45)

    async def until_shown(self, target: str, text: bytes, *, seconds: float = 10.0) -> bytes:
        """Wait until a page of the health port has a text; the page."""
        body = b""

        async def shown() -> bool:
            nonlocal body
            body = (await self.health(target)).body
            return text in body

        await until(shown, f"{target} has {text!r}", seconds=seconds)
        return body

    async def ended(self, seconds: float = 10.0) -> int:
        """Wait for its end; the exit code. What it says meanwhile is kept."""
        async with asyncio.timeout(seconds):
            if self.process.stderr is not None:
                self.lines += (await self.process.stderr.read()).decode().splitlines()
            return await self.process.wait()

    async def until_written(self, count: int) -> None:
        """Wait until so many events have been written since the start."""
        expected = f'auditproxy_audit_events_written_total{{plugin="log"}} {count}.0'.encode()
        await self.until_shown("/metrics", expected)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection over TLS, whose certificate is the self-signed one."""
        return await connect(self.port, self.folder)

    async def ask(self, raw: bytes, seconds: float = 10.0) -> Answer:
        """One request on a connection of its own."""
        reader, writer = await self.connect()
        try:
            writer.write(raw)
            async with asyncio.timeout(seconds):
                return await read_answer(reader, "GET")
        finally:
            writer.close()

    async def health(self, target: str) -> Answer:
        """One request to the health port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.health_port)
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            async with asyncio.timeout(10):
                return await read_answer(reader, "GET")
        finally:
            writer.close()


def limit_open_files(number: int) -> None:
    """Lower both limits of this process, for good."""
    if number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


async def connect(port: int, folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection over TLS to a proxy with the self-signed certificate of this folder."""
    context = ssl.create_default_context(cafile=str(folder / "certs" / "auditproxy.crt"))
    return await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )


def serve_arguments(
    upstream_port: int, folder: Path, port: int, health_port: int, policy: str = POLICY
) -> list[str]:
    """Those of ``auditproxy``, for files that are written into the folder."""
    (folder / "policy.yaml").write_text(policy)
    (folder / "tokens.csv").write_text('admin-token,admin,1,"system:masters"\n')
    (folder / "kubeconfig").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [
                    {"name": "c", "cluster": {"server": f"http://127.0.0.1:{upstream_port}"}}
                ],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    return [
        "serve",
        f"--kubeconfig={folder}/kubeconfig",
        f"--audit-policy-file={folder}/policy.yaml",
        f"--audit-log-path={folder}/audit.log",
        f"--token-auth-file={folder}/tokens.csv",
        f"--cert-dir={folder}/certs",
        "--bind-address=127.0.0.1",
        "--upstream-check-period=0",
        f"--secure-port={port}",
        f"--health-bind-address=127.0.0.1:{health_port}",
    ]


@contextlib.asynccontextmanager
async def started(
    upstream_port: int, folder: Path, *more: str, open_files: int = 0, **streams: int
) -> AsyncIterator[Started]:
    """``auditproxy serve`` as a process; killed at the end if it still runs.

    ``open_files`` is its limit of them, 0 ours; ``streams`` may have ``stdout`` and ``stderr``.
    """
    port, health_port = free_ports(2)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "auditproxy",
        *serve_arguments(upstream_port, folder, port, health_port),
        *more,
        stderr=streams.get("stderr", asyncio.subprocess.PIPE),
        stdout=streams.get("stdout", asyncio.subprocess.DEVNULL),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: limit_open_files(open_files),
    )
    running = Started(process, port, health_port, folder)
    try:
        await running.until_ready() if "stderr" in streams else await running.until_said(
            "serving on"
        )
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
