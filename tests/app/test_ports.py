"""Ports that are bound before anything is made."""

import socket
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app.ports import reserved
from auditproxy.options import Options
from auditproxy.options.health import HealthOptions
from auditproxy.options.serving import ServingOptions
from tests.e2e.cluster import free_ports
from tests.fakes.processes import started
from tests.fakes.upstream import FakeConnection, FakeUpstream

pytestmark = pytest.mark.timeout(120)


async def nothing(connection: FakeConnection) -> None:
    """No request comes this far."""
    await connection.wait_closed()


def options_of(port: int, probes: str) -> Options:
    """Those of a proxy on these ports of 127.0.0.1."""
    return Options(
        serving=ServingOptions(bind_address="127.0.0.1", secure_port=port),
        health=HealthOptions(bind_address=probes),
    )


def test_reserved() -> None:
    """Bound, so that no other can have them, and refusing connections; closed at the end."""
    port, probes = free_ports(2)
    with reserved(options_of(port, f"127.0.0.1:{probes}")) as ports:
        assert ports.clients.getsockname() == ("127.0.0.1", port)
        assert [each.getsockname() for each in ports.probes] == [("127.0.0.1", probes)]
        for number in (port, probes):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", number))
    assert ports.clients.fileno() == -1
    assert ports.probes[0].fileno() == -1


def test_no_probes() -> None:
    """Without a health port none is bound."""
    (port,) = free_ports(1)
    with reserved(options_of(port, "")) as ports:
        assert ports.probes == ()


def test_both_in_use() -> None:
    """Both faults are said at once, each with its flag, and nothing stays open."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        port, probes = one.getsockname()[1], two.getsockname()[1]
        with pytest.raises(Unusable) as refused:
            with reserved(options_of(port, f"127.0.0.1:{probes}")):
                pass
    fix = "cannot be used: Address already in use; choose another, or stop the process that listens there"
    assert refused.value.faults == (
        f"--bind-address 127.0.0.1 --secure-port {port} {fix}",
        f"--health-bind-address 127.0.0.1:{probes} {fix}",
    )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("taken", ["--secure-port=", "--health-bind-address=127.0.0.1:"])
async def test_failed_start(tmp_path: Path, workers: int, taken: str) -> None:
    """A port in use is one line, and leaves neither logs nor a certificate."""
    rest = (f"--workers={workers}", f"--session-log-path={tmp_path}/sessions.log")
    async with FakeUpstream(nothing) as upstream:
        with pytest.raises(AssertionError, match="ended without saying") as failure:
            async with started(upstream.port, tmp_path, f"{taken}{upstream.port}", *rest):
                pass
    text = str(failure.value)
    assert text.count("Address already in use") == 1
    assert text.count("[info") == 0
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"policy.yaml", "tokens.csv", "kubeconfig"}
