"""B2: what the limit of open files allows for, and what happens at that limit."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.app.descriptors import (
    OWN,
    SHARE,
    WEBHOOK,
    DescriptorError,
    fit,
    fitting,
    needed,
    raise_limit,
)
from tests.fakes.options import options
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.upstream import FakeUpstream, answer, replying


@given(
    limit=st.integers(1, 2_000) | st.integers(1, 2_000_000),
    promised=st.integers(0, 1_000_000),
    webhooks=st.sampled_from(({}, {"audit_webhook_config_file": "w"})),
)
def test_never_more_than_fits(limit: int, promised: int, webhooks: dict[str, str]) -> None:
    """B2: connections, twice, and what the process itself needs are within the limit."""
    given = options(max_connections=promised, **webhooks)
    fewest = OWN + 2 + limit // SHARE + min(limit // SHARE, WEBHOOK) * len(webhooks)
    if limit < fewest:
        with pytest.raises(DescriptorError, match=f"open files is {limit}, which leaves none"):
            fitting(given, limit)
        return
    fitted = fitting(given, limit)
    connections = fitted.options.serving.max_connections
    assert 0 < connections <= (promised or limit)
    assert 2 * connections + OWN + min(limit // SHARE, WEBHOOK) * len(webhooks) <= limit
    assert bool(fitted.note) == (connections != promised)


@given(promised=st.integers(1, 1_000_000), config=st.sampled_from(("", "w")))
def test_needed_is_enough_and_not_too_much(promised: int, config: str) -> None:
    """B2: the number that operators are told to raise the limit to lets all connections be."""
    given = options(max_connections=promised, audit_webhook_config_file=config)
    assert fitting(given, needed(given)).note == ""
    assert needed(given) <= 3 * promised + 4 * (OWN + WEBHOOK)


def test_the_line() -> None:
    """B2: one line says what fits, and what to raise the limit to."""
    fitted = fitting(options(max_connections=10_000), 1024)
    assert fitted.options.serving.max_connections == 400
    assert fitted.note == (
        "at most 400 client connections at once, not --max-connections 10000: the limit of open "
        "files is 1024; if you need more raise it to 22967 (ulimit -Hn, LimitNOFILE= of systemd, "
        "--ulimit nofile= of docker), if not give --max-connections=400"
    )
    assert fitted.is_few
    assert not fitting(options(max_connections=10_000), 20_000).is_few
    assert not fitting(options(max_connections=10), 20_000).is_few
    # What it says to give is what fits.
    assert fitting(fitted.options, 1024).note == ""
    unbounded = fitting(options(max_connections=0), 1024)
    assert unbounded.options.serving.max_connections == 400
    assert unbounded.note == (
        "the limit of open files, 1024, allows 400 client connections; for more raise it "
        "(ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of docker)"
    )
    assert fitting(options(), resource.RLIM_INFINITY).note == ""


def test_recordings() -> None:
    """A session that is recorded has a file beside its two connections."""
    recorded = options(
        max_connections=10_000,
        sessions_recording_config_file="r",
        sessions_recording_dir="d",
    )
    assert fitting(recorded, 1024).options.serving.max_connections == 266
    assert needed(recorded) >= OWN + 3 * 10_000
    assert fitting(recorded, needed(recorded)).note == ""


@pytest.fixture
def soft_limit() -> Iterator[tuple[int, int]]:
    """A soft limit below the hard one, as systems have it; ours is restored."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowered = min(soft, 512)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowered, hard))
    yield lowered, hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_raises_the_soft_limit(soft_limit: tuple[int, int]) -> None:
    """B2: as far as is useful and allowed, and never down."""
    lowered, hard = soft_limit
    assert raise_limit(1) == lowered
    assert raise_limit(lowered + 7) == lowered + 7
    fit(options(max_connections=100))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(
        hard, needed(options(max_connections=100))
    )


@contextlib.contextmanager
def silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connections that say nothing."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
            connections.append(connection)
        yield connections


async def until_rest_said(proxy: Started) -> list[str]:
    """Everything that a stopped process said."""
    assert proxy.process.stderr is not None
    async with asyncio.timeout(30):
        rest = await proxy.process.stderr.read()
        await proxy.process.wait()
    return proxy.lines + rest.decode().splitlines()


@pytest.mark.parametrize("port", ["health", "main"])
async def test_silent_connections(tmp_path: Path, port: str) -> None:
    """B2: more silent connections than there are descriptors, on either port: probes are
    answered, nothing fills the disk with tracebacks, and others are served again."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, open_files=200) as proxy,
    ):
        assert any("at most 39 client connections" in line for line in proxy.lines)
        with silent(proxy.health_port if port == "health" else proxy.port, 205):
            for _ in range(20):
                assert (await proxy.health("/livez")).body == b"ok"
            if port == "health":
                assert (await proxy.ask(request("GET", "/api/v1/pods"))).status == 200
            metrics = (await proxy.health("/metrics")).body
        limit = b"health" if port == "health" else b"total"
        assert b'auditproxy_connections_refused_total{limit="%s"}' % limit in metrics
        assert b"auditproxy_accept_errors_total{" not in metrics
        async with asyncio.timeout(10):
            while b"auditproxy_connections 0.0\n" not in (await proxy.health("/metrics")).body:
                pass
        assert (await proxy.ask(request("GET", "/api/v1/pods"))).status == 200
        proxy.process.terminate()
        said = await until_rest_said(proxy)
        assert len(said) < 30, said
        assert not any("Traceback" in line for line in said)


@pytest.mark.parametrize(("open_files", "level"), [(2000, "warning"), (3000, "info")])
async def test_where_the_line_is(tmp_path: Path, open_files: int, level: str) -> None:
    """Among the warnings where few fit, else behind the line that says that clients are served."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        started(upstream.port, tmp_path, open_files=open_files) as proxy,
    ):
        await proxy.until_said("client connections at once")
    places = {
        text: next(at for at, line in enumerate(proxy.lines) if text in line)
        for text in ("clients are recognised", "serving on", "client connections at once")
    }
    assert f"[{level}" in proxy.lines[places["client connections at once"]]
    if level == "info":
        assert places["client connections at once"] == places["serving on"] + 1
    else:
        assert places["client connections at once"] == places["clients are recognised"] - 1
