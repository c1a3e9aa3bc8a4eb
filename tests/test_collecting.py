"""What collectors make of the log of a proxy that serves real requests and rotates meanwhile."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditproxy.options import AuditWebhookOptions
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.tailing import Tail

JSON = b"Content-Type: application/json"
DATA = "x" * 100_000
CONFIG_MAP = json.dumps(
    {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}, "data": {"key": DATA}}
).encode()
SMALL = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}'
STAGES = ["RequestReceived", "ResponseComplete"]
TARGET = "/api/v1/namespaces/default/configmaps/c"
REQUESTS = 45
DEADLINE = 20.0

rsyslogd = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
fluent_bit = shutil.which("fluent-bit", path=f"{os.environ.get('PATH', '')}:/opt/fluent-bit/bin")
kalt = shutil.which("kalt", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


async def nothing() -> None:
    """What is done after a request when nobody wants anything."""


async def serve(
    folder: Path, body: bytes, count: int, after_each: Callable[[], Awaitable[None]] = nothing
) -> list[str]:
    """Drive requests through a proxy that logs to ``folder/audit.log``; the Audit-IDs of their answers."""
    async with (
        FakeUpstream(replying(answer(200, body, JSON))) as upstream,
        proxy_before(
            upstream.port,
            folder,
            own_backend=True,
            audit_log_path=str(folder / "audit.log"),
            audit_log_maxsize=1,
            audit_log_maxbackup=100,
        ) as proxy,
    ):
        ids = []
        for _ in range(count):
            got = await proxy.ask(request("GET", TARGET))
            assert got.status == 200
            ids.append(got.header("audit-id"))
            await after_each()
        written = proxy.metric("auditproxy_audit_events_written_total", plugin="log")
        assert written == len(STAGES) * count
    return ids


def of_each_request(events: list[dict[str, Any]], ids: list[str]) -> None:
    """Each request has each of its events once, and nothing else is there."""
    assert Counter((event["auditID"], event["stage"]) for event in events) == Counter(
        (one, stage) for one in ids for stage in STAGES
    )


class TestTail:
    """A reader that follows renames."""

    @pytest.fixture
    def tail(self, tmp_path: Path) -> Iterator[Tail]:
        """A reader of the folder's log."""
        tail = Tail(tmp_path, "audit*.log")
        yield tail
        tail.close()

    async def test_every_event_once(self, tail: Tail, tmp_path: Path) -> None:
        """Events of a log that rotates four times between polls arrive once each, none torn."""

        async def poll() -> None:
            tail.poll()

        ids = await serve(tmp_path, CONFIG_MAP, REQUESTS, poll)
        tail.poll()
        assert tail.files >= 4, "nothing was rotated, so nothing was proved"
        assert not tail.rest()
        assert tail.longest > len(CONFIG_MAP)
        of_each_request(tail.events, ids)

    async def test_a_reader_that_comes_late(self, tail: Tail, tmp_path: Path) -> None:
        """What was rotated before the reader came is read from the rotated files."""
        ids = await serve(tmp_path, CONFIG_MAP, REQUESTS)
        tail.poll()
        assert tail.files >= 4
        of_each_request(tail.events, ids)

    async def test_a_reader_of_its_own_time(self, tail: Tail, tmp_path: Path) -> None:
        """A reader on a thread, which polls while lines are written, gets every event once."""
        ended = asyncio.Event()

        async def follow() -> None:
            while not ended.is_set():
                await asyncio.to_thread(tail.poll)

        following = asyncio.create_task(follow())
        ids = await serve(tmp_path, CONFIG_MAP, REQUESTS)
        ended.set()
        await following
        tail.poll()
        assert not tail.rest()
        of_each_request(tail.events, ids)

    def test_can_fail(self, tail: Tail, tmp_path: Path) -> None:
        """A lost, doubled or torn event is found."""
        (tmp_path / "audit.log").write_bytes(b'{"auditID":"1","stage":"RequestReceived"}\n{"a')
        tail.poll()
        assert tail.rest() == [b'{"a']
        with pytest.raises(AssertionError):
            of_each_request(tail.events, ["1"])


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq")
async def test_jq(tmp_path: Path) -> None:
    """jq reads each line as an object with an Event's kind, and finds who did what."""
    ids = await serve(tmp_path, SMALL, 3)
    done = subprocess.run(
        [
            "jq",
            "-r",
            'select(.kind == "Event" and .apiVersion == "audit.k8s.io/v1")'
            "| [.auditID, .stage, .user.username, .verb, .objectRef.resource] | @tsv",
            str(tmp_path / "audit.log"),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"{one}\t{stage}\tadmin\tget\tconfigmaps" for one in ids for stage in STAGES
    ]


@pytest.mark.skipif(kalt is None, reason="there is no kalt (PyPI: pykalt)")
async def test_kalt(tmp_path: Path) -> None:
    """kalt, a toolkit for audit logs, counts the events; it leaves out the first line of a file."""
    assert kalt is not None
    ids = await serve(tmp_path, SMALL, 5)
    done = subprocess.run(
        [kalt, "--keys", "verb", "--keys", "user.username", str(tmp_path / "audit.log")],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert str(len(ids) * len(STAGES) - 1) in done.stdout
    assert "admin" in done.stdout


RSYSLOG = """\
global(workDirectory="{folder}" maxMessageSize="{limit}")
module(load="imfile")
template(name="line" type="string" string="%msg%")
input(type="imfile" file="{folder}/audit.log" tag="audit" ruleset="audit" reopenOnTruncate="on")
ruleset(name="audit") {{
  action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp"
         TCP_Framing="octet-counted" template="line")
}}
"""


class Receiver:
    """Takes what rsyslog sends, framed by octet counts (RFC 6587)."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._changed = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read messages until the sender ends."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                size = int(await reader.readuntil(b" "))
                self.lines.append(await reader.readexactly(size))
                self._changed.set()
        writer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for messages until the condition holds."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def rsyslog(folder: Path, limit: str) -> AsyncIterator[Receiver]:
    """A real rsyslogd that follows ``folder/audit.log`` with docs/collecting.md's settings."""
    assert rsyslogd is not None
    receiver = Receiver()
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0, limit=1 << 22)
    port = server.sockets[0].getsockname()[1]
    configuration = folder / "rsyslog.conf"
    configuration.write_text(RSYSLOG.format(folder=folder, limit=limit, port=port))
    process = await asyncio.create_subprocess_exec(
        rsyslogd, "-n", "-f", str(configuration), "-i", str(folder / "pid"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield receiver
    finally:
        process.terminate()
        await process.wait()
        server.close()


@pytest.mark.skipif(rsyslogd is None, reason="there is no rsyslogd")
class TestRsyslog:
    """rsyslog's imfile."""

    async def test_every_event_once(self, tmp_path: Path) -> None:
        """It follows renames, and with maxMessageSize long lines arrive whole.

        It follows one name: two rotations while it reads would lose it the file between them,
        so each request waits until its events have arrived.
        """
        async with rsyslog(tmp_path, "4m") as receiver:
            expected = 0

            async def arrived() -> None:
                nonlocal expected
                expected += len(STAGES)
                await receiver.until(lambda: len(receiver.lines) >= expected)

            ids = await serve(tmp_path, CONFIG_MAP, REQUESTS, arrived)
            assert len(list(tmp_path.glob("audit-*.log"))) >= 3
            of_each_request([json.loads(line) for line in receiver.lines], ids)

    async def test_long_lines_at_its_default(self, tmp_path: Path) -> None:
        """At its default of 8 KiB a longer line arrives cut off, and is no JSON any more."""
        async with rsyslog(tmp_path, "8k") as receiver:
            await serve(tmp_path, CONFIG_MAP, 1)
            await receiver.until(lambda: len(receiver.lines) > 1)
            with pytest.raises(ValueError, match="Expecting|Unterminated"):
                json.loads(receiver.lines[1])


def settings_of(title: str) -> dict[str, Any]:
    """The YAML that docs/collecting.md gives below a heading."""
    page = (Path(__file__).parents[1] / "docs" / "collecting.md").read_text(encoding="utf-8")
    block = page.partition(f"\n## {title}\n")[2].partition("```yaml\n")[2].partition("```")[0]
    settings: dict[str, Any] = yaml.safe_load(block)
    return settings


@asynccontextmanager
async def following(folder: Path, **changes: Any) -> AsyncIterator[asyncio.StreamReader]:
    """A real Fluent Bit with docs/collecting.md's settings; what it delivers, a record a line."""
    assert fluent_bit is not None
    settings = settings_of("Fluent Bit")
    (tail,) = settings["pipeline"]["inputs"]
    assert Path(tail["path"]).name == "audit*.log"
    tail |= {"path": str(folder / "audit*.log"), "db": str(folder / "audit.db")}
    # A second is the least: the documented five would only make the test longer.
    tail |= {"refresh_interval": 1, **changes}
    (folder / "parsers.conf").write_text("[PARSER]\n    Name json\n    Format json\n")
    settings["service"] = {"flush": 1, "parsers_file": str(folder / "parsers.conf")}
    settings["pipeline"]["outputs"] = [
        {"name": "stdout", "match": "audit", "format": "json_lines", "json_date_key": False}
    ]
    configuration = folder / "fluent-bit.yaml"
    configuration.write_text(yaml.safe_dump(settings))
    process = await asyncio.create_subprocess_exec(
        fluent_bit, "-q", "-c", str(configuration),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=1 << 24,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


@pytest.mark.skipif(fluent_bit is None, reason="there is no fluent-bit")
class TestFluentBit:
    """Fluent Bit's tail input, with the settings of docs/collecting.md as they stand there."""

    @pytest.mark.parametrize("late", [False, True])
    async def test_every_event_once(self, tmp_path: Path, late: bool) -> None:
        """Lines of 100 KB arrive once each over four rotations, written before it starts or after."""
        if late:
            ids = await serve(tmp_path, CONFIG_MAP, REQUESTS)
        async with following(tmp_path) as records:
            if not late:
                ids = await serve(tmp_path, CONFIG_MAP, REQUESTS)
            assert len(list(tmp_path.glob("audit-*.log"))) >= 3
            async with asyncio.timeout(DEADLINE):
                events = [
                    json.loads(await records.readline()) for _ in range(len(STAGES) * REQUESTS)
                ]
        of_each_request(events, ids)

    async def test_long_lines_at_its_default(self, tmp_path: Path) -> None:
        """Without the two sizes lines of 100 KB do not arrive: after the first short one comes
        the next short one.
        """
        ids = await serve(tmp_path, CONFIG_MAP, 2)
        sizes = {"buffer_chunk_size": "32k", "buffer_max_size": "32k"}
        async with following(tmp_path, **sizes) as records, asyncio.timeout(DEADLINE):
            events = [json.loads(await records.readline()) for _ in range(2)]
        found = [(event["auditID"], event["stage"]) for event in events]
        assert found == [(one, "RequestReceived") for one in ids]


def test_how_late_alerts_are() -> None:
    """D: where alerts are described, the webhook's wait is, with its defaults, and a shorter one."""
    text = (Path(__file__).parent.parent / "docs" / "collecting.md").read_text(encoding="utf-8")
    _, _, falco = text.partition("\n## Falco\n")
    defaults = AuditWebhookOptions()
    seconds = defaults.batch_max_wait // 1_000_000_000
    assert f"An alert is up to {seconds} seconds late at the defaults" in falco
    assert f"`--audit-webhook-batch-max-wait={seconds}s`" in falco
    assert f"`--audit-webhook-batch-max-size={defaults.batch_max_size}`" in falco
    assert "`--audit-webhook-batch-max-wait=1s`" in falco
