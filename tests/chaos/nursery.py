"""Proxies that start at once: a process that has imported all makes one by fork for each line.

    {"arguments": [...], "said": "path"}  -->  its process id  -->  "ended", once it has

Each is the command ``auditproxy``. With ``disk`` in the line, the arguments of a Platter (its
folders, the names of its files, and what it lies about), it has that in place of each Disk; nothing
else differs.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import auditproxy.app.serve  # noqa: F401  what a proxy would import when it starts
from auditproxy.cli import main
from tests.chaos.platter import Platter
from tests.e2e.cluster import free_ports
from tests.fakes.processes import connect, serve_arguments
from tests.fakes.waiting import until

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: RequestResponse, verbs: [update]}
- {level: Metadata}
"""
"""Bodies are decoded beside the loop for updates; RequestReceived is to be stored although omitted."""


SERVING = "serving on"
_ATTEMPTS = 5
"""How often other ports are tried."""


@dataclass
class Newborn:
    """A proxy of the nursery."""

    pid: int
    port: int
    folder: Path

    @property
    def said(self) -> str:
        """Its lines for operators."""
        return (self.folder / "said").read_text()

    def has_begun(self) -> bool:
        """Whether it serves, or has found its port taken."""
        return any(text in self.said for text in (SERVING, "Address already in use"))

    async def until_said(self, text: str) -> None:
        """Wait for one of them."""
        await until(lambda: text in self.said, f"{text!r} is said", seconds=60)

    def reopen(self) -> None:
        """Have it open its log again."""
        os.kill(self.pid, signal.SIGHUP)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection over TLS."""
        return await connect(self.port, self.folder)


class Nursery:
    """The process, seen from the one that wants proxies; it has one at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self._child = 0

    async def birth(
        self, upstream_port: int, folder: Path, *flags: str, disk: Sequence[str] = ()
    ) -> Newborn:
        """A proxy that serves, with ``flags`` too."""
        for _ in range(_ATTEMPTS):
            newborn = await self._birth(upstream_port, folder, flags, disk)
            await until(newborn.has_begun, "the proxy serves, or its port is taken", seconds=60)
            if SERVING in newborn.said:
                return newborn
            # Another process was faster; this one has ended.
            await self._from.readline()
            self._child = 0
        raise AssertionError(newborn.said)

    async def _birth(
        self, upstream_port: int, folder: Path, flags: Sequence[str], disk: Sequence[str]
    ) -> Newborn:
        port, health_port = free_ports(2)
        arguments = serve_arguments(upstream_port, folder, port, health_port, POLICY)
        (folder / "said").write_text("")
        if disk:
            shutil.rmtree(disk[1], ignore_errors=True)
        line = {"arguments": [*arguments, *flags], "said": f"{folder}/said", "disk": list(disk)}
        self._to.write(json.dumps(line).encode() + b"\n")
        self._child = int(await self._from.readline())
        return Newborn(self._child, port, folder)

    async def kill(self) -> None:
        """``kill -9``; returns when nothing of it is left."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            await self._from.readline()
            self._child = 0


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """The process; it and its proxy are ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Nursery(process)
    try:
        yield running
    finally:
        await running.kill()
        process.kill()
        await process.wait()


def _be_born(wanted: dict[str, Any]) -> int:
    """Be the proxy, in a process of its own; the exit code."""
    said = os.open(wanted["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDWR)
    for source, target in ((nothing, 0), (nothing, 1), (said, 2)):
        os.dup2(source, target)
    if wanted["disk"]:
        folder, platter, pattern, *lies = wanted["disk"]
        Platter(Path(folder), Path(platter), pattern, lies=lies).be_every_disk()
    return main(wanted["arguments"])


def _raise(lines: BinaryIO, answers: BinaryIO) -> None:
    """Make a proxy of each line, one after the other."""
    for line in lines:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                code = _be_born(json.loads(line))
            finally:
                os._exit(code)
        answers.write(b"%d\n" % pid)
        answers.flush()
        os.waitpid(pid, 0)
        answers.write(b"ended\n")
        answers.flush()


if __name__ == "__main__":
    _raise(sys.stdin.buffer, sys.stdout.buffer)
