"""supervision/sessionwebhook.py: lines in batches, tried again, dropped and counted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.clients.webhook import (
    Authorization,
    WebhookClient,
    WebhookTarget,
    request_url,
)
from auditproxy.metrics.registry import Metrics
from auditproxy.sessions.lines import SessionLines
from auditproxy.sockets.tasks import spawn
from auditproxy.supervision.sessionwebhook import (
    INITIAL_BACKOFF,
    MAXIMUM_LINES,
    MOST,
    MOST_BACKOFF,
    MOST_BYTES,
    QUEUE_LIMIT,
    SessionWebhook,
)
from tests.fakes.recorded import STARTED, a_session
from tests.fakes.waiting import turns, until
from tests.fakes.webhook import HANG, Receiver, answer

FLAG = "--session-webhook-config-file: lines of the session log"


class NoCredential:
    """Sends no Authorization line."""

    async def authorization(self) -> bytes | None:
        """None."""
        return None

    def invalidate(self) -> None:
        """Nothing to forget."""


class Hall:
    """A webhook, what it said, and what was counted."""

    def __init__(self, receiver: Receiver, credential: Authorization) -> None:
        self.metrics = Metrics()
        self.said: list[str] = []
        self.slept: list[float] = []
        target = WebhookTarget(request_url(receiver.url), credential)
        client = WebhookClient(target, clock=lambda: 0.0, sleep=self.sleep)
        self.webhook = SessionWebhook(
            client, metrics=self.metrics.sessions, report=self.said.append, sleep=self.sleep
        )

    async def sleep(self, seconds: float) -> None:
        """Keep a wait, over with the next turn of the loop."""
        self.slept.append(seconds)
        await turns(1)

    def count(self, outcome: str) -> float:
        """How many lines had this outcome."""
        labels = {"destination": "webhook", "outcome": outcome}
        name = "auditproxy_session_log_lines_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def hall(
    *script: bytes | str, credential: Authorization | None = None
) -> AsyncIterator[tuple[Receiver, Hall]]:
    """A receiver and a webhook that posts to it."""
    async with Receiver(*script) as receiver:
        hall = Hall(receiver, credential or NoCredential())
        yield receiver, hall
        await hall.webhook.shutdown(5.0)


def line(number: int) -> SessionEvent:
    """A line that can be told from others."""
    lines = SessionLines(a_session(id=f"s{number}"))
    return lines.line(SessionEventType.COMMAND, STARTED, line="ls <x>")


async def test_lines_go_in_batches() -> None:
    """What was said before goes first; no request has more than it may."""
    async with hall() as (receiver, made):
        running = spawn(made.webhook.run(), "test")
        for number in range(MOST + 1):
            made.webhook.listen(line(number))
        await until(lambda: made.count("written") == MOST + 1, "every line is delivered")
        running.cancel()
    bodies = [json.loads(received.body) for received in receiver.received]
    assert {body["kind"] for body in bodies} == {"SessionEventList"}
    assert max(len(body["items"]) for body in bodies) <= MOST
    items = [item for body in bodies for item in body["items"]]
    assert [item["sessionID"] for item in items] == [f"s{number}" for number in range(MOST + 1)]
    assert items[0]["line"] == "ls <x>"
    assert made.said == []


async def test_a_request_is_bounded_by_bytes() -> None:
    """Long lines are fewer in each; one that is longer than all goes alone."""
    async with hall() as (receiver, made):
        for size in (MOST_BYTES // 2, MOST_BYTES // 3, MOST_BYTES // 3, 2 * MOST_BYTES, 1):
            lines = SessionLines(a_session())
            made.webhook.listen(lines.line(SessionEventType.COMMAND, STARTED, line="x" * size))
        await turns()
        for _ in range(4):
            await made.webhook.deliver()
    counts = [len(json.loads(received.body)["items"]) for received in receiver.received]
    assert counts == [2, 1, 1, 1]
    assert max(len(received.body) for received in receiver.received[:2]) < MOST_BYTES + 1_000


async def test_the_queue_is_bounded_by_bytes() -> None:
    """As by lines; what was delivered leaves room."""
    async with hall() as (_, made):
        big = SessionLines(a_session()).line(
            SessionEventType.COMMAND, STARTED, line="x" * (QUEUE_LIMIT // 2 - 1_000)
        )
        for _ in range(3):
            made.webhook.listen(big)
        await turns()
        assert made.count("dropped") == 1
        await made.webhook.deliver()
        made.webhook.listen(big)
        await turns()
        assert made.count("dropped") == 1


async def test_lines_are_encoded_where_they_come_from() -> None:
    """Not later on the event loop, which others wait for; one that cannot be is lost there."""
    async with hall() as (_, made):
        lines = SessionLines(a_session())
        made.webhook.listen(lines.line(SessionEventType.COMMAND, STARTED, line=object()))
        assert made.count("dropped") == 1
        assert made.said == ["a line of the session log is lost: TypeError"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_receiver_that_is_away(status: int) -> None:
    """It gets the same lines later, however often it failed, and it is said twice."""
    async with hall(*[answer(status)] * 20) as (receiver, made):
        running = spawn(made.webhook.run(), "test")
        made.webhook.listen(line(1))
        await until(lambda: made.count("written") == 1, "the line is delivered")
        assert made.webhook.describe() == ("session webhook: delivering",)
        running.cancel()
    assert made.count("dropped") == 0
    assert len({received.body for received in receiver.received}) == 1
    assert len(receiver.received) == 21
    assert made.said == [
        f"{FLAG} wait: {receiver.url.removesuffix('/')}: answered {status}",
        f"{FLAG} are delivered again",
    ]
    # The first wait is for other lines to come.
    first, *_, last = made.slept[1:]
    assert INITIAL_BACKOFF <= first <= 1.2 * INITIAL_BACKOFF
    assert MOST_BACKOFF <= last <= 1.2 * MOST_BACKOFF


async def test_refused() -> None:
    """Lines that a receiver will not have are dropped, counted and reported; others go on."""
    async with hall(answer(400)) as (receiver, made):
        made.webhook.listen(line(1))
        await turns()
        assert await made.webhook.deliver()
        made.webhook.listen(line(2))
        await turns()
        assert await made.webhook.deliver()
        assert (made.count("written"), made.count("dropped")) == (1, 1)
        place = receiver.url.removesuffix("/")
        assert made.said == [
            f"{FLAG} wait: {place}: answered 400",
            f"{FLAG} are lost: it refuses them: {place}: answered 400",
            f"{FLAG} are delivered again; 1 were lost",
        ]


async def test_too_many_wait() -> None:
    """What came first is delivered; what came when the queue was full is lost, and it is said."""
    async with hall(answer(500)) as (_, made):
        for number in range(MAXIMUM_LINES):
            made.webhook.listen(line(number))
        await turns()
        assert not await made.webhook.deliver()
        for number in range(3):
            made.webhook.listen(line(number))
        await turns()
        assert made.webhook.describe() == (
            f"session webhook: not delivering, {MAXIMUM_LINES} wait, 3 lost",
        )
        while made.count("written") < MAXIMUM_LINES:
            assert await made.webhook.deliver()
        assert made.count("dropped") == 3
        assert made.said[-1] == f"{FLAG} are delivered again; 3 were lost"


async def test_the_queue_is_bounded() -> None:
    """A receiver that never answers costs lines, and no memory."""
    async with hall() as (_, made):
        for number in range(MAXIMUM_LINES + 5):
            made.webhook.listen(line(number))
        await turns()
        assert made.count("dropped") == 5


async def test_cut_off_and_delivered_at_the_end() -> None:
    """What a cancelled delivery had is sent again by shutdown."""
    async with hall(HANG) as (receiver, made):
        made.webhook.start()
        made.webhook.listen(line(1))
        await receiver.until_received(1)
        await made.webhook.shutdown(5.0)
        assert (made.count("written"), made.count("dropped")) == (1, 0)


async def test_shutdown_takes_no_longer_than_it_may() -> None:
    """The rest is counted."""
    async with hall(HANG) as (_, made):
        for number in range(3):
            made.webhook.listen(line(number))
        await turns()
        await made.webhook.shutdown(0.05)
        assert (made.count("written"), made.count("dropped")) == (0, 3)


async def test_lines_after_the_end_are_counted() -> None:
    """A recorder that was late has lines left: nothing sends them any more."""
    async with hall() as (_, made):
        await made.webhook.shutdown(5.0)
        made.webhook.listen(line(1))
        await turns()
        assert (made.count("written"), made.count("dropped")) == (0, 1)
        assert made.said == [f"{FLAG} are lost: the webhook is closed"]


class Broken(NoCredential):
    """A credential that fails in a way that nobody thought of, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def authorization(self) -> bytes | None:
        """Fail."""
        if self.times:
            self.times -= 1
            raise RuntimeError("secret")
        return None


async def test_a_client_that_crashes() -> None:
    """A fault of ours in sending costs no line: it is tried again, as an outage is."""
    async with hall(credential=Broken(2)) as (receiver, made):
        made.webhook.start()
        made.webhook.listen(line(1))
        await until(lambda: made.count("written") == 1, "the line is delivered")
        assert made.said == [
            f"{FLAG} wait: sending crashed: RuntimeError",
            f"{FLAG} are delivered again",
        ]
    assert len(receiver.received) == 1


async def test_a_client_that_crashes_until_the_end() -> None:
    """What waits is counted, and the client is closed."""
    async with hall(credential=Broken(10**9)) as (_, made):
        made.webhook.listen(line(1))
        await turns()
        await made.webhook.shutdown(0.05)
        assert (made.count("written"), made.count("dropped")) == (0, 1)
