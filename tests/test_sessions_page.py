"""docs/sessions.md: its first five minutes and its jq line, run as they stand."""

import asyncio
import contextlib
import hashlib
import json
import os
import pty
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.commands.demo.cluster import server_context
from auditproxy.embedded.apiserver import EmbeddedApiServer
from auditproxy.tls.pki import create_pki
from tests.e2e.cluster import free_ports
from tests.kubectl import kubectl_binaries

PAGE = (Path(__file__).parent.parent / "docs" / "sessions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
(SERVE,) = (block for block in BLOCKS if "auditproxy serve" in block and "recording.yaml" in block)
(KUBECONFIG,) = (block for block in BLOCKS if "> audited.kubeconfig" in block)
(DEMO,) = (block for block in BLOCKS if "auditproxy demo" in block)
(SERVE_DEMO,) = (block for block in BLOCKS if "--kubeconfig=demo/upstream" in block)
(EXEC_DEMO,) = (block for block in BLOCKS if "> tried.kubeconfig" in block)
(READ,) = (block for block in BLOCKS if "auditproxy sessions list recordings" in block)
(BY_JQ,) = (block for block in BLOCKS if block.startswith("jq "))
SECONDS = 40.0

pytestmark = [
    pytest.mark.skipif(not kubectl_binaries(), reason="there is no kubectl on this machine"),
    pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed"),
    pytest.mark.timeout(120),
]


@dataclass(frozen=True)
class Reader:
    """Somebody who reads the page: a folder, a cluster in the kubeconfig, and a free port."""

    folder: Path
    port: int

    async def start(self, script: str) -> asyncio.subprocess.Process:
        """Run a block with a shell; ``serve`` becomes the process, on the free port."""
        function = (
            'auditproxy() { case $1 in serve) exec "$AUDITPROXY" "$@" '
            f"--bind-address=127.0.0.1 --secure-port={self.port} --health-bind-address= ;; "
            f'kubeconfig) "$AUDITPROXY" "$@" --server=https://127.0.0.1:{self.port} ;; '
            'demo) exec "$AUDITPROXY" "$@" ;; '
            '*) "$AUDITPROXY" "$@" ;; esac; }'
        )
        binaries = Path(sys.executable).parent
        return await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f"{function}\n{script}",
            cwd=self.folder,
            env={
                "PATH": f"{kubectl_binaries()[0].parent}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "KUBECONFIG": str(self.folder / "config"),
                "AUDITPROXY": str(binaries / "auditproxy"),
                "PYTHONPATH": str(Path(__file__).parent.parent),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, script: str) -> str:
        """Run a block to its end; what it prints."""
        process = await self.start(script)
        async with ended(process), asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def type_into_a_shell(self) -> None:
        """``kubectl exec -it hello -- sh`` through the proxy: two lines, then leave."""
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            str(kubectl_binaries()[0]),
            f"--kubeconfig={self.folder / 'audited.kubeconfig'}",
            *("exec", "-it", "hello", "--", "sh"),
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        screen = asyncio.StreamReader()
        loop = asyncio.get_running_loop()

        def readable() -> None:
            # A terminal whose other side is closed is an OSError on Linux.
            try:
                screen.feed_data(os.read(ours, 4096))
            except OSError:
                loop.remove_reader(ours)
                screen.feed_eof()

        loop.add_reader(ours, readable)
        try:
            async with ended(process), asyncio.timeout(SECONDS):
                await screen.readuntil(b"$ ")
                os.write(ours, b"echo said inside\r")
                await screen.readuntil(b"\r\nsaid inside\r\n$ ")
                os.write(ours, b"exit\r")
                assert await process.wait() == 0
        finally:
            loop.remove_reader(ours)
            os.close(ours)


@contextlib.asynccontextmanager
async def ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """No process outlives its test."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def reader(folder: Path) -> AsyncIterator[Reader]:
    """A cluster in memory, on which alice is an administrator."""
    create_pki(folder / "pki", server_names=("localhost", "127.0.0.1"))
    server = EmbeddedApiServer(
        tokens={"alice-token": UserInfo(username="alice", groups=("system:masters",))},
        ssl_context=server_context(folder / "pki"),
    )
    port = await server.start("127.0.0.1", 0)
    there = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(folder / "pki" / "ca.crt"),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": there}],
        "users": [{"name": "alice", "user": {"token": "alice-token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "alice"}}],
    }
    (folder / "config").write_text(json.dumps(config), encoding="utf-8")
    (proxy_port,) = free_ports(1)
    try:
        yield Reader(folder, proxy_port)
    finally:
        await server.close()


async def until_serving(process: asyncio.subprocess.Process) -> None:
    """Wait for the line of the proxy that says so."""
    assert process.stderr is not None
    lines = []
    async with asyncio.timeout(SECONDS):
        while b"serving on" not in (line := await process.stderr.readline()):
            lines.append(line)
            assert line, b"".join(lines).decode()


async def test_five_minutes(tmp_path: Path) -> None:
    """Each block does what the page says, from the first command to the recording that is played."""
    async with reader(tmp_path) as one:
        proxy = await one.start(SERVE)
        async with ended(proxy):
            await until_serving(proxy)
            await one.run(KUBECONFIG)
            await one.type_into_a_shell()
            proxy.terminate()
            async with asyncio.timeout(SECONDS):
                assert await proxy.wait() == 0
        read = await one.run(READ)
        assert "alice" in read
        assert "default" in read
        assert "hello" in read
        assert "echo said inside" in read
        assert "$ echo said inside\r\nsaid inside\r\n$ exit\r\n" in read
        commands = [line.split("\t")[1:] for line in (await one.run(BY_JQ)).splitlines()]
        assert commands == [["default/hello", "echo said inside"], ["default/hello", "exit"]]
        (recording,) = (tmp_path / "recordings").glob("*.cast")
        assert recording.stat().st_mode & 0o777 == 0o600
        events = (tmp_path / "audit.log").read_text(encoding="utf-8").splitlines()
        # The proxy was stopped at once, and the last event says how the session ended all the same.
        *_, last = (json.loads(event) for event in events if "/exec?" in event)
        assert last["stage"] == "ResponseComplete"
        assert last["annotations"]["auditproxy.io/session-exit-code"] == "0"
        digest = hashlib.sha256(recording.read_bytes()).hexdigest()
        assert digest in last["annotations"]["auditproxy.io/session-recording"]
        assert (tmp_path / "recordings").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "audited.kubeconfig").stat().st_mode & 0o777 == 0o600


async def test_without_a_cluster(tmp_path: Path) -> None:
    """A proxy of one's own in front of the API server of the demo."""
    (port,) = free_ports(1)
    one = Reader(tmp_path, port)
    demo = await one.start(DEMO)
    async with ended(demo):
        assert demo.stdout is not None
        async with asyncio.timeout(SECONDS):
            while b"Ctrl-C" not in (line := await demo.stdout.readline()):
                assert line
        proxy = await one.start(SERVE_DEMO)
        async with ended(proxy):
            await until_serving(proxy)
            assert await one.run(EXEC_DEMO) == "data\netc\n"
    events = (tmp_path / "tried.log").read_text(encoding="utf-8")
    assert "/exec?command=ls" in events
    assert '"username":"admin"' in events
