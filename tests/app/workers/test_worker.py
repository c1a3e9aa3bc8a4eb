"""A worker as a process without a parent, or with one that says nothing."""

import asyncio
import socket
import sys

import pytest

pytestmark = pytest.mark.timeout(120)


async def test_a_parent_that_is_gone() -> None:
    """Without options there is nothing to do; how it serves is in test_workers.py."""
    ours, its = socket.socketpair()
    with its, socket.socket() as listener:
        descriptors = (its.fileno(), listener.fileno())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "auditproxy.app.workers.worker",
            *map(str, (1, *descriptors)),
            pass_fds=descriptors,
            stderr=asyncio.subprocess.PIPE,
        )
    ours.close()
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")
