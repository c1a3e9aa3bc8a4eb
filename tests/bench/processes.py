"""The processes of a benchmark: an upstream and the proxy, each on its own, on loopback."""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from auditproxy.app.process import share_interpreter, tune_garbage_collector
from auditproxy.app.proxy import build
from tests.fakes.options import options

TICKS = os.sysconf("SC_CLK_TCK")
SMALL = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"x":"%s"}}\n' % (
    b"y" * 900
)
CHUNK = b"z" * 65536
GIBIBYTE = 1 << 30

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{{level: {level}}}]
"""


async def upstream() -> None:
    """An HTTP server of its own: small objects, a gibibyte at /big, watches that never end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1]
                if target.startswith(b"/big"):
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n" % GIBIBYTE
                    )
                    for _ in range(GIBIBYTE // len(CHUNK)):
                        writer.write(CHUNK)
                        await writer.drain()
                elif b"watch=1" in target:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
                    )
                    await reader.read()
                    return
                else:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(SMALL) + SMALL
                    )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


async def proxy(port: int, level: str, *, folder: Path | None = None, **flags: Any) -> None:
    """The proxy in front of ``port``, with TLS to its clients and a log file in ``folder``."""
    with tempfile.TemporaryDirectory() as name:
        folder = folder or Path(name)
        (folder / "policy.yaml").write_text(POLICY.format(level=level), encoding="utf-8")
        (folder / "tokens.csv").write_text('t,admin,1,"system:masters"\n', encoding="utf-8")
        (folder / "kubeconfig").write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "b",
                    "contexts": [{"name": "b", "context": {"cluster": "b", "user": "b"}}],
                    "clusters": [{"name": "b", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                    "users": [{"name": "b", "user": {"token": "b"}}],
                }
            ),
            encoding="utf-8",
        )
        running = await build(
            options(
                kubeconfig=str(folder / "kubeconfig"),
                audit_policy_file=str(folder / "policy.yaml"),
                audit_log_path=str(folder / "audit.log"),
                token_auth_file=str(folder / "tokens.csv"),
                cert_dir=str(folder / "certs"),
                **flags,
            ),
            listener_tls=True,
        )
        await running.start()
        tune_garbage_collector()
        share_interpreter()
        print(running.port, flush=True)
        await asyncio.get_running_loop().create_future()


class Process:
    """One process of a benchmark; figures are read from /proc."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    async def start(cls, *arguments: str, module: str = "tests.bench.processes") -> "Process":
        """Start a module as a process and wait for the port that it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        line = b""
        while not line.strip().isdigit():
            line = await process.stdout.readline()
            if not line:
                raise RuntimeError(f"{arguments} did not start")
        return cls(process, int(line))

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        statm = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    @property
    def peak_memory(self) -> float:
        """The most memory that was ever resident, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        line = next(x for x in status.splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    @property
    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        after_name = fields.rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / TICKS

    @property
    def cpu_time(self) -> float:
        """The same by the process's own clock, to the nanosecond."""
        # As clock_getcpuclockid makes it of a process id (Linux, posix-timers.h: CPUCLOCK_SCHED).
        return time.clock_gettime(~self._process.pid << 3 | 2)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for its end; the exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process."""
        self._process.kill()
        await self._process.wait()


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if "--uvloop" in rest:
        rest.remove("--uvloop")
        import uvloop

        uvloop.run(proxy(int(rest[0]), rest[1]))
    elif role == "upstream":
        asyncio.run(upstream())
    else:
        asyncio.run(proxy(int(rest[0]), rest[1]))
