"""Real kubectl through the proxy against the embedded API server: what people do all day, and its events."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditproxy.commands.demo.cluster import demo_cluster
from auditproxy.commands.demo.events import Event, EventLog
from tests.e2e.cluster import free_ports
from tests.fakes.waiting import until
from tests.kubectl import kubectl_binaries, minor_version

BINARIES = kubectl_binaries()
pytestmark = [
    pytest.mark.skipif(not BINARIES, reason="there is no kubectl on this machine"),
    pytest.mark.timeout(120),
    pytest.mark.parametrize("binary", BINARIES, ids=lambda path: path.parent.parent.name),
]

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: info}
"""
SPDY = {
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
    "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false",
}


@dataclass
class Demo:
    """A demo whose proxy kubectl points at."""

    folder: Path
    binary: Path
    log: EventLog
    seen: list[Event] = field(default_factory=list)

    def all_events(self) -> list[Event]:
        """Every event that is written so far."""
        self.seen += [event for _, event in self.log.read()]
        return self.seen

    async def start(
        self, command: str, *, env: dict[str, str] | None = None, words: tuple[str, ...] = ()
    ) -> asyncio.subprocess.Process:
        """A kubectl that runs."""
        return await asyncio.create_subprocess_exec(
            str(self.binary),
            f"--kubeconfig={self.folder / 'kubeconfig'}",
            *command.split(),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "KUBECACHEDIR": str(self.folder / "cache"),
                **(env or {}),
            },
        )

    async def run(
        self,
        command: str,
        stdin: str = "",
        *,
        code: int = 0,
        env: dict[str, str] | None = None,
        words: tuple[str, ...] = (),
    ) -> str:
        """Run to the end with an expected exit code; output and error output together."""
        process = await self.start(command, env=env, words=words)
        async with asyncio.timeout(40):
            out, err = await process.communicate(stdin.encode())
        text = out.decode() + err.decode()
        assert process.returncode == code, f"{command}: {process.returncode}: {text}"
        return text

    async def events(self, subresource: str, count: int) -> list[dict[str, object]]:
        """Every event of one subresource, once there are so many."""
        found: list[dict[str, object]] = []

        def recorded() -> bool:
            found[:] = [
                event
                for event in self.all_events()
                if event.get("objectRef", {}).get("subresource", "") == subresource
            ]
            return len(found) >= count

        await until(recorded, f"{count} events of {subresource!r}")
        return found


@contextlib.asynccontextmanager
async def demo(folder: Path, binary: Path) -> AsyncIterator[Demo]:
    """The demo's server and proxy, with a kubeconfig for kubectl."""
    async with demo_cluster(folder) as cluster:
        yield Demo(folder, binary, EventLog(cluster.files.audit_log))


async def test_reading_and_writing(tmp_path: Path, binary: Path) -> None:
    """get, describe, apply both ways, patch, label, delete; each write leaves its object."""
    async with demo(tmp_path, binary) as cluster:
        assert "hello" in await cluster.run("get pods")
        assert "Running" in await cluster.run("get pod hello -o wide")
        assert "kind: Pod" in await cluster.run("get pod hello -o yaml")
        assert "Containers:" in await cluster.run("describe pod hello")
        assert "created" in await cluster.run("apply -f -", CONFIG_MAP)
        changed = CONFIG_MAP.replace("info", "debug")
        assert "configured" in await cluster.run("apply -f -", changed)
        applied = await cluster.run("apply --server-side --force-conflicts -f -", CONFIG_MAP)
        assert "serverside-applied" in applied
        for kind, patch in (
            ("merge", '{"data":{"a":"1"}}'),
            ("json", '[{"op":"remove","path":"/data/a"}]'),
            ("strategic", '{"metadata":{"labels":{"b":"2"}}}'),
        ):
            assert "patched" in await cluster.run(
                f"patch configmap settings --type={kind} -p", words=(patch,)
            )
        assert "labeled" in await cluster.run("label configmap settings c=3")
        assert "not found" in await cluster.run("get configmap nope", code=1)
        assert "deleted" in await cluster.run("delete configmap settings")
        await cluster.run("get pods", env={}, words=("--context", "viewer"))
        denied = await cluster.run("get secrets --context viewer", code=1)
        assert 'User "viewer" cannot list resource "secrets"' in denied
        patches = [
            event
            for event in cluster.all_events()
            if event["verb"] == "patch" and event["stage"] == "ResponseComplete"
        ]
        assert len(patches) >= 5
        assert all("requestObject" in event for event in patches)


async def test_who_am_i(tmp_path: Path, binary: Path) -> None:
    """auth whoami, auth can-i and --as tell the truth through the proxy."""
    async with demo(tmp_path, binary) as cluster:
        if minor_version(binary) >= 27:
            assert "admin" in await cluster.run("auth whoami")
            assert "viewer" in await cluster.run("auth whoami --context viewer")
            assert "viewer" in await cluster.run("auth whoami --as=viewer")
        assert "yes" in await cluster.run("auth can-i list pods")
        assert "no" in await cluster.run("auth can-i delete pods --context viewer", code=1)
        assert "hello" in await cluster.run("get pods --as=viewer")
        refused = await cluster.run("get pods --as=admin --context viewer", code=1)
        assert "cannot impersonate" in refused
        acting = [e for e in cluster.all_events() if "impersonatedUser" in e]
        assert {e["impersonatedUser"]["username"] for e in acting} == {"viewer"}
        assert {e["user"]["username"] for e in acting} == {"admin"}


async def test_watch_and_logs(tmp_path: Path, binary: Path) -> None:
    """get -w and logs -f show what happens as it happens; leaving ends the request."""
    async with demo(tmp_path, binary) as cluster:
        assert "log line 0" in await cluster.run("logs hello")
        following = await cluster.start("logs -f hello")
        assert following.stdout is not None
        async with asyncio.timeout(20):
            while b"log line 5" not in await following.stdout.readline():
                pass
        following.kill()
        await following.wait()
        watching = await cluster.start("get configmaps -w -o name")
        assert watching.stdout is not None
        async with asyncio.timeout(20):
            await cluster.run("create configmap seen")
            while b"configmap/seen" not in await watching.stdout.readline():
                pass
        watching.kill()
        await watching.wait()
        events = await cluster.events("log", 6)
        assert [e["stage"] for e in events[-3:]] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
async def test_exec(tmp_path: Path, binary: Path, protocol: str) -> None:
    """exec by both protocols: output, errors, exit codes, standard input."""
    env = SPDY if protocol == "spdy" else {}
    async with demo(tmp_path, binary) as cluster:
        assert await cluster.run("exec hello -- echo hi there", env=env) == "hi there\n"
        assert "HOSTNAME=hello" in await cluster.run("exec hello -- env", env=env)
        failed = await cluster.run("exec hello -- sh -c", words=("exit 3",), code=3, env=env)
        assert "exit code 3" in failed
        assert "not found" in await cluster.run("exec hello -- nope", code=127, env=env)
        assert await cluster.run("exec -i hello -- cat", "typed\n", env=env) == "typed\n"
        events = await cluster.events("exec", 15)
        # kubectl speaks WebSocket, which is a GET, from 1.30 on.
        by_get = protocol == "websocket" and minor_version(binary) >= 30
        assert {event["verb"] for event in events} == ({"get"} if by_get else {"create"})
        assert {
            event["responseStatus"]["code"]  # type: ignore[index]
            for event in events
            if event["stage"] != "RequestReceived"
        } == {101}


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
async def test_copy(tmp_path: Path, binary: Path, protocol: str) -> None:
    """cp takes files there and back, byte for byte."""
    env = SPDY if protocol == "spdy" else {}
    content = os.urandom(300_000)
    (tmp_path / "there").write_bytes(content)
    async with demo(tmp_path, binary) as cluster:
        await cluster.run(f"cp {tmp_path}/there hello:/tmp/copied", env=env)
        await cluster.run(f"cp hello:/tmp/copied {tmp_path}/back", env=env)
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
async def test_attach(tmp_path: Path, binary: Path, protocol: str) -> None:
    """attach shows what the container writes and sends what is typed."""
    env = SPDY if protocol == "spdy" else {}
    async with demo(tmp_path, binary) as cluster:
        text = await cluster.run("attach -i hello", "typed\n", env=env)
        assert "log line 0" in text
        assert "typed" in text
        assert len(await cluster.events("attach", 3)) == 3


@pytest.mark.parametrize("protocol", ["websocket", "spdy"])
async def test_port_forward(tmp_path: Path, binary: Path, protocol: str) -> None:
    """port-forward carries connections to the pod."""
    env = SPDY if protocol == "spdy" else {}
    (port,) = free_ports(1)
    async with demo(tmp_path, binary) as cluster:
        process = await cluster.start(f"port-forward pod/hello {port}:80", env=env)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert b"Forwarding from" in await process.stdout.readline()
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"hello from hello:80" in await reader.read()
                writer.close()
        process.terminate()
        await process.wait()
        events = await cluster.events("portforward", 3)
        assert events[1]["responseStatus"]["code"] == 101  # type: ignore[index]


async def test_what_exists(tmp_path: Path, binary: Path) -> None:
    """api-resources, version and explain read discovery; none of it leaves an object unread."""
    async with demo(tmp_path, binary) as cluster:
        assert "deployments" in await cluster.run("api-resources")
        assert "Server Version" in await cluster.run("version")
        assert json.loads(await cluster.run("get --raw /api"))["kind"] == "APIVersions"
