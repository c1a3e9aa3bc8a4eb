"""Contexts for one connection: who gets one, and how many are made at a time."""

import asyncio
import ssl
import threading
from pathlib import Path

import pytest

from auditproxy.tls.handshake import ServingContext
from auditproxy.tls.serving import ServingError, new_serving_context, read_key_pair
from auditproxy.tls.turns import ContextTurns
from tests.fakes.authority import Authority

ROOT = Authority("root")


def serving_context(folder: Path, authorities: bytes) -> ServingContext:
    """A context of the listener that lets clients of these authorities pass."""
    ROOT.write_leaf(folder / "server", "localhost")
    pair = read_key_pair(f"{folder}/server.crt", f"{folder}/server.key")
    return new_serving_context(pair, client_authorities=authorities, minimum="VersionTLS12")


async def test_without_authorities(tmp_path: Path) -> None:
    """Sessions that carry no client certificate may be shared: nothing is made."""
    context = serving_context(tmp_path, b"")
    assert await ContextTurns().make(context) is context


async def test_the_same_again(tmp_path: Path) -> None:
    """Another context with the same settings, certificates and names."""
    context = serving_context(tmp_path, ROOT.pem + Authority("other").pem)
    made = await ContextTurns().make(context)
    assert made is not context
    assert made.authorities == context.authorities == ("CN=root", "CN=other")
    assert made.get_ca_certs(binary_form=True) == context.get_ca_certs(binary_form=True)
    for name in ("verify_mode", "verify_flags", "options", "minimum_version", "num_tickets"):
        assert getattr(made, name) == getattr(context, name)


async def test_one_at_a_time_and_not_on_the_loop() -> None:
    """Many that ask wait for each other, the loop for none of them; a fault ends one turn only."""
    under_way, most, threads = 0, 0, set[int]()
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def make_again() -> ServingContext:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        threads.add(threading.get_ident())
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        under_way -= 1
        raise ServingError("no")

    context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
    context.make_again = make_again
    turns = ContextTurns()
    waiting = [asyncio.create_task(turns.make(context)) for _ in range(5)]
    async with asyncio.timeout(10):
        await begun.wait()
        go_on.set()
        for each in waiting:
            with pytest.raises(ServingError):
                await each
    assert most == 1
    assert threading.get_ident() not in threads


async def test_a_rest_between() -> None:
    """Making takes half of the time at most; who waited too long has left the line."""
    loop = asyncio.get_running_loop()
    ends: list[float] = []
    starts: list[float] = []
    take = threading.Event()

    def make_again() -> ServingContext:
        starts.append(loop.time())
        take.wait(0.2)
        ends.append(loop.time())
        return context

    context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
    context.make_again = make_again
    turns = ContextTurns()
    first = asyncio.create_task(turns.make(context))
    late = asyncio.create_task(turns.make(context))
    second = asyncio.create_task(turns.make(context))
    await first
    late.cancel()
    async with asyncio.timeout(10):
        await second
    assert len(starts) == 2
    assert starts[1] - ends[0] >= 0.15
