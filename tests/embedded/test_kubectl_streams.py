"""Real kubectl's exec, attach, cp, port-forward and logs, straight to the embedded API server."""

import asyncio
import contextlib
import os
import pty
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.embedded import make_pki, running
from tests.fakes.terminals import screen_of
from tests.kubectl import kubectl_binaries

BINARIES = kubectl_binaries()
SPDY = {
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
    "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false",
}
pytestmark = pytest.mark.skipif(not BINARIES, reason="there is no kubectl here")


@dataclass(frozen=True)
class Kubectl:
    """One kubectl that speaks one protocol."""

    binary: Path
    folder: Path
    url: str
    environment: dict[str, str]

    async def start(
        self, *words: str, terminal: int = asyncio.subprocess.PIPE
    ) -> asyncio.subprocess.Process:
        """A kubectl that runs, on pipes or on a terminal."""
        pki = self.folder / "pki"
        return await asyncio.create_subprocess_exec(
            str(self.binary),
            f"--server={self.url}",
            f"--certificate-authority={pki / 'ca.crt'}",
            f"--client-certificate={pki / 'admin.crt'}",
            f"--client-key={pki / 'admin.key'}",
            *words,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "KUBECONFIG": "/dev/null",
                "TERM": "xterm",
                **self.environment,
            },
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )

    async def __call__(self, *words: str, text: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run to the end; exit code, output, errors."""
        process = await self.start(*words)
        async with ended(process), asyncio.timeout(30):
            out, err = await process.communicate(text)
        assert process.returncode is not None
        return process.returncode, out, err

    async def good(self, *words: str, text: bytes = b"") -> bytes:
        """Output of a command that must succeed."""
        code, out, err = await self(*words, text=text)
        assert code == 0, err
        return out


@contextlib.asynccontextmanager
async def ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """No kubectl outlives its test."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.fixture(params=BINARIES, ids=lambda binary: binary.parent.parent.name)
def binary(request: pytest.FixtureRequest) -> Path:
    """Each kubectl of this machine."""
    found: Path = request.param
    return found


@pytest.fixture(params=["websocket", "spdy"])
async def kubectl(
    request: pytest.FixtureRequest, binary: Path, tmp_path: Path
) -> AsyncIterator[Kubectl]:
    """Each protocol, with a server of its own."""
    environment = SPDY if request.param == "spdy" else {}
    async with running(ssl_context=make_pki(tmp_path / "pki")) as cluster:
        yield Kubectl(binary, tmp_path, cluster.server.url, environment)


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (("id",), 0, b"uid=0(root) gid=0(root) groups=0(root)\n", b""),
        (("sh", "-c", "echo a; nope; exit 4"), 4, b"a\n", b"nope: not found\n"),
        (("nope",), 127, b"", b"nope: not found\n"),
    ],
)
async def test_exec(
    kubectl: Kubectl, words: tuple[str, ...], code: int, out: bytes, err: bytes
) -> None:
    """Output and errors stay apart; the exit code is kubectl's own."""
    found = await kubectl("exec", "hello", "--", *words)
    assert found[:2] == (code, out)
    assert found[2].startswith(err)
    assert (f"exit code {code}".encode() in found[2]) is (code != 0)


async def test_exec_with_input(kubectl: Kubectl) -> None:
    """Standard input goes there to its last byte, and a shell takes it line by line."""
    content = os.urandom(300_000)
    assert await kubectl.good("exec", "-i", "hello", "--", "cat", text=content) == content
    lines = b"echo one\nexit 5\necho two\n"
    assert (await kubectl("exec", "-i", "hello", "--", "sh", text=lines))[:2] == (5, b"one\n")


async def test_exec_that_reads_no_input(kubectl: Kubectl) -> None:
    """Input that nobody reads does not take the exit code away."""
    words = ("exec", "-i", "hello", "--", "sh", "-c", "exit 7")
    assert (await kubectl(*words, text=b"y" * 300_000))[0] == 7


async def test_exec_on_a_terminal(kubectl: Kubectl) -> None:
    """A shell with a prompt, an echo and lines that end by the return key."""
    ours, theirs = pty.openpty()
    process = await kubectl.start("exec", "-it", "hello", "--", "sh", terminal=theirs)
    os.close(theirs)
    with screen_of(ours) as screen:
        async with ended(process), asyncio.timeout(20):
            await screen.readuntil(b"$ ")
            os.write(ours, b"echo on $HOSTNAMX\x7fE\r")
            await screen.readuntil(b"\r\non hello\r\n$ ")
            os.write(ours, b"exit 6\r")
            assert await process.wait() == 6


async def test_copy(kubectl: Kubectl) -> None:
    """A folder goes there and comes back, hidden files too; a file goes into a folder."""
    source = kubectl.folder / "source"
    (source / "below").mkdir(parents=True)
    files = {".hidden": b"h", "plain": os.urandom(100_000), "below/file": b"f"}
    for name, content in files.items():
        (source / name).write_bytes(content)
    await kubectl.good("cp", str(source), "hello:/tmp/copied")
    await kubectl.good("cp", "hello:/tmp/copied", str(kubectl.folder / "back"))
    for name, content in files.items():
        assert (kubectl.folder / "back" / name).read_bytes() == content
    await kubectl.good("cp", str(source / ".hidden"), "hello:/tmp/")
    assert await kubectl.good("exec", "hello", "--", "cat", "/tmp/.hidden") == b"h"
    assert (await kubectl("cp", "hello:/nope", str(kubectl.folder / "nope")))[0] == 1


async def test_attach(kubectl: Kubectl) -> None:
    """What the container writes, then the lines that are typed."""
    out = await kubectl.good("attach", "-i", "hello", text=b"typed\n")
    assert out.endswith(b"hello log line 2\ntyped\n")


async def test_port_forward(kubectl: Kubectl) -> None:
    """Real connections: requests of several methods, and an echo."""
    process = await kubectl.start("port-forward", "pod/hello", ":80")
    assert process.stdout is not None
    async with ended(process), asyncio.timeout(30):
        line = await process.stdout.readline()
        assert line.startswith(b"Forwarding from 127.0.0.1:"), line
        port = int(line.split(b" -> ")[0].rpartition(b":")[2])
        for sent, expected in (
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\nhello from hello:80\n"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"from hello:80\n"),
            (b"said\n", b"said\n"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writer.write_eof()
            assert (await reader.read()).endswith(expected)
            writer.close()
            await writer.wait_closed()


async def test_logs(kubectl: Kubectl) -> None:
    """The lines that are there, the last of them, and those that come."""
    assert (await kubectl.good("logs", "hello")).count(b"\n") == 3
    assert await kubectl.good("logs", "hello", "--tail=1") == b"hello log line 2\n"
    process = await kubectl.start("logs", "-f", "hello")
    assert process.stdout is not None
    async with ended(process), asyncio.timeout(20):
        lines = [await process.stdout.readline() for _ in range(5)]
    assert lines[-1] == b"hello log line 4\n"
