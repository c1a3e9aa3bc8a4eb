"""What is measured: a table of cells, each a way to ask and how the proxy is set up for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.bench import streams
from tests.bench.figures import Figures, percentile
from tests.bench.load import ask, connect
from tests.bench.measured import Measured
from tests.bench.openidissuer import FLAGS, ISSUED, token_of
from tests.bench.settings import REVIEWED, TOKEN
from tests.bench.subjects import Setup
from tests.bench.traffic import Traffic, any_size, request_bytes

WARM_UP = 20
"""Requests of each connection before a measurement."""
MOST = {1: 1500}
"""Requests of a measurement by its connections; others have ``MANY``."""
MANY = 6000
SECONDS = 1.0
"""The longest time of one measurement."""
PREPARED = 40
"""Different requests that one connection asks in turn."""


WHOLE_LISTS = (
    "--audit-capture-response-limit=134217728",
    "--audit-log-maxsize=1000",
    # On its one core, where there would be none.
    "--audit-decode-processes=1",
)
"""Flags with which a LIST of 100 MiB is recorded whole."""


@dataclass(frozen=True)
class Ask:
    """Small requests of one kind."""

    connections: int = 32
    method: str = "GET"
    targets: int = 1000
    """0 asks for another target each time."""
    traced: bool = False
    """Whether each request has a trace of its own."""
    strange: bool = False
    """Whether another client asks each time: another User-Agent."""
    marker: str = ""
    """What the stand-in of the upstream is to answer with."""
    token: str = ""
    body: Callable[[Traffic], bytes] | None = None
    media_type: str = "application/json"
    target: Callable[[Traffic], str] = Traffic.target


def requests(asked: Ask, traffic: Traffic, most: int, token: str) -> list[list[bytes]]:
    """Requests of each connection, which it asks in turn; each connection has its own heads."""
    known = [asked.target(traffic) + asked.marker for _ in range(asked.targets)]
    own = PREPARED if known else most // asked.connections + WARM_UP
    found = []
    for _ in range(asked.connections):
        headers = traffic.headers(token)
        mine = []
        for _ in range(own):
            if known:
                target = traffic.random.choice(known)
            else:
                target = asked.target(traffic) + asked.marker
            if asked.strange:
                headers = traffic.headers(token)
            lines = [*headers, traffic.trace()] if asked.traced else headers
            body = b"" if asked.body is None else asked.body(traffic)
            mine.append(request_bytes(asked.method, target, lines, body, asked.media_type))
        found.append(mine)
    return found


async def small(asked: Ask, measured: Measured) -> Figures:
    """CPU a request, its latency and how many there were a second."""
    most = MOST.get(asked.connections, MANY)
    token = token_of(measured.files, asked.token)
    prepared = requests(asked, Traffic(measured.seed, measured.round), most, token)
    tls = measured.files.client_context(certificate=not asked.token)
    askers = await connect(measured.subject.port, tls, asked.connections)
    try:
        warm = [own[:WARM_UP] for own in prepared]
        await ask(askers, warm, WARM_UP * len(askers), SECONDS)
        if not asked.targets:
            prepared = [own[WARM_UP:] for own in prepared]
        before = measured.subject.cpu
        sample = await ask(askers, prepared, most, SECONDS)
        cpu = measured.subject.cpu - before
    finally:
        for asker in askers:
            asker.close()
    return {
        "cpu": cpu / sample.count * 1e6,
        "p50": percentile(sample.times, 0.5) * 1e6,
        "p99": percentile(sample.times, 0.99) * 1e6,
        "rate": sample.count / sample.seconds,
    }


def pod_patch(traffic: Traffic) -> bytes:
    """A patch of a label."""
    return b'{"metadata":{"labels":{"app":"%b"}}}' % traffic.word(12).encode()


@dataclass(frozen=True)
class Cell:
    """One line of the table."""

    name: str
    what: str
    measure: Callable[[Measured], Awaitable[Figures]]
    setup: Setup = field(default_factory=Setup)
    once: bool = False
    """Measured with a process of its own in each round, because it leaves a trace in its memory."""


def of(name: str, what: str, setup: Setup | None = None, **how: Any) -> Cell:
    """A cell of small requests."""
    return Cell(name, what, partial(small, Ask(**how)), setup or Setup())


def objects(size: int) -> Callable[[Traffic], bytes]:
    """A ConfigMap of so many bytes for each request."""
    return lambda traffic: traffic.config_map(size)


LEASE: dict[str, Any] = {"method": "PUT", "target": Traffic.lease_target, "body": Traffic.lease}

CELLS = (
    of("get", "GET, 32 connections, 1,000 targets"),
    of("get-1", "GET, 1 connection, 1,000 targets", connections=1),
    of("get-128", "GET, 128 connections, 1,000 targets", connections=128),
    of("one", "GET, 32 connections, one target", targets=1),
    of("new", "GET, targets never seen before", targets=0),
    of("traced", "GET, targets and traces never seen before", targets=0, traced=True),
    of("strange", "GET, targets and clients' heads never seen before", targets=0, strange=True),
    of("token", "GET with a token of a file", token=TOKEN),
    of("review", "GET with a token whose review is cached", token=REVIEWED),
    of("oidc", "GET with a token of an OIDC issuer", Setup(flags=FLAGS), token=ISSUED),
    of("list", "LIST of a namespace with a query, 8 KB", target=Traffic.list_target),
    of("put", "PUT of a lease of 200 bytes", **LEASE),
    of("put-1", "PUT of a lease of 200 bytes, 1 connection", connections=1, **LEASE),
    of("sized", "PUT of 512 to 1,535 bytes, each of another length", method="PUT", body=any_size),
    of(
        "patch",
        "PATCH of a label",
        method="PATCH",
        body=pod_patch,
        media_type="application/strategic-merge-patch+json",
    ),
    of("post", "POST of 1 KB of JSON", method="POST", body=objects(1024)),
    of("none", "GET at level None", Setup("None")),
    of("request", "PUT of a lease at level Request", Setup("Request"), **LEASE),
    of(
        "json",
        "GET of 1 KB of JSON at RequestResponse",
        Setup("RequestResponse"),
        marker=".json-1024",
    ),
    of(
        "protobuf",
        "GET of 10 KB of protobuf at RequestResponse",
        Setup("RequestResponse"),
        marker=".protobuf-10240",
    ),
    of("front", "GET, request-header", Setup(identity="request-header")),
    of("pass", "GET with a token, passthrough", Setup(identity="passthrough"), token=TOKEN),
    Cell("bulk", "20 MiB with a Content-Length", partial(streams.bulk, "bulk")),
    Cell("chunked", "20 MiB in chunks", partial(streams.bulk, "chunked")),
    Cell("connect", "a new connection and one GET", streams.new_connections),
    Cell("watch", "watches, an event to each", streams.watches, once=True),
    Cell(
        "beside-list",
        "GET beside a LIST of 100 MiB, RequestResponse",
        streams.beside_list,
        Setup("RequestResponse", flags=WHOLE_LISTS),
        once=True,
    ),
    Cell("beside-slow", "GET beside a reader of 20 MB/s", streams.beside_slow_reader, once=True),
    Cell("start", "start and first GET", streams.start, once=True),
)


def chosen(only: str) -> list[Cell]:
    """The cells of a list of names; raises SystemExit for a name that is not one."""
    names = [name for name in only.split(",") if name]
    known = {each.name: each for each in CELLS}
    for name in names:
        if name not in known:
            raise SystemExit(f"--only {name}: the cells are {', '.join(known)}")
    return [known[name] for name in names] or list(CELLS)
