"""health/connections.py: who makes room when there is none, and who is told."""

import socket

import pytest
from aiohttp.web_server import Server

from auditproxy.health.connections import BoundedConnections


async def _answer(request: object) -> object:
    raise AssertionError


async def test_the_one_that_is_idle_longest_makes_room() -> None:
    """Those that answer stay as long as others are idle; both hooks are called."""
    told: list[str] = []
    connections = BoundedConnections(
        3, pushed_out=lambda: told.append("pushed"), lost=lambda: told.append("lost")
    )
    server = Server(_answer)  # type: ignore[arg-type]
    first, second, third = (connections.place(server) for _ in range(3))
    assert told == []
    connections.used(first)
    second.is_answering = True
    fourth = connections.place(server)
    # Second answers, so third is the idle one that was used longest ago.
    assert list(connections) == [second, first, fourth]
    assert told == ["pushed", "lost"]
    for each in connections:
        each.is_answering = True
    fifth = connections.place(server)
    assert list(connections) == [first, fourth, fifth]
    connections.used(third)
    assert len(connections) == 3
    await server.shutdown()


async def test_a_socket_that_cannot_be_served_leaves_its_place() -> None:
    """It is closed, and the place is free again."""
    connections = BoundedConnections(1)
    server = Server(_answer)  # type: ignore[arg-type]
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with pytest.raises(ValueError, match="(?i)stream socket"):
        await connections.connect(datagram, connections.place(server))
    assert len(connections) == 0
    assert datagram.fileno() == -1
    await server.shutdown()
