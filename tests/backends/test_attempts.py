"""Delivering through a sender: attempts, poison, deliveries that share one, and the account."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from auditproxy.apis.audit import Event
from auditproxy.backends import attempts
from auditproxy.backends.attempts import AttemptsBackend
from auditproxy.backends.sending import SendError
from auditproxy.sockets.tasks import spawn
from tests.fakes.backends import Told, dropped, event, events, value
from tests.fakes.waiting import turns, until


class ScriptedSender:
    """Takes lines, unless the next of its faults comes first, or a line has ``poison``."""

    name = "nats"

    def __init__(self, *faults: SendError | None) -> None:
        self.faults = list(faults)
        self.sent: list[list[str]] = []
        self.tried = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_closed = False

    async def send(self, lines: Sequence[bytes]) -> None:
        """Take lines."""
        self.tried += 1
        await self.gate.wait()
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        ids = [str(msgspec.json.decode(line)["auditID"]) for line in lines]
        if any(each.startswith("poison") for each in ids):
            raise SendError("too-large", is_poison=True)
        self.sent.append(ids)

    async def close(self) -> None:
        """Remember it."""
        self.is_closed = True


class Given:
    """A backend on a scripted sender, with what it counts and how long it slept."""

    def __init__(self, *faults: SendError | None, most: int = 400, **more: Any) -> None:
        self.sender = ScriptedSender(*faults)
        self.told = Told("nats")
        self.slept: list[float] = []
        self.backend = AttemptsBackend(
            self.sender,
            initial_backoff=2.0,
            most=most,
            losses=self.told.losses,
            sleep=self.sleep,
            random=lambda: 0.0,
            **more,
        )

    async def sleep(self, seconds: float) -> None:
        """Keep a pause, over at once."""
        self.slept.append(seconds)

    @property
    def written(self) -> float:
        """Events that were acknowledged."""
        return value(self.told.metrics, "auditproxy_audit_events_written_total", plugin="nats")

    def dropped(self, reason: str) -> float:
        """Events that were dropped for a reason."""
        return dropped(self.told.metrics, reason, "nats")


async def test_delivered() -> None:
    """At once, in order, without line ends."""
    given = Given()
    assert await given.backend.deliver(events(3))
    assert given.sender.sent == [["0", "1", "2"]]
    assert (given.written, given.slept) == (3, [])
    assert str(given.backend) == "nats"
    await given.backend.shutdown()
    assert given.sender.is_closed


async def test_attempts() -> None:
    """Four pauses, each longer, or as long as the receiver asks for within a bound."""
    slow = SendError("unreachable", retry_after=9.0)
    endless = SendError("unreachable", retry_after=1e6)
    given = Given(SendError("unreachable"), slow, endless, SendError("timeout"))
    assert await given.backend.deliver(events(2))
    assert given.slept == [2.0, 9.0, attempts.LONGEST_PAUSE, 6.75]
    assert given.written == 2
    assert given.told.losses.fault == ""


async def test_given_up() -> None:
    """After five attempts all are dropped and counted, and the fault is told."""
    given = Given(*[SendError("unreachable", text="nats://h:1: connection refused")] * 5)
    assert not await given.backend.deliver(events(2))
    assert (given.sender.tried, given.dropped("unreachable"), given.written) == (5, 2, 0)
    assert given.told.losses.fault == "unreachable"
    assert given.told.lines == [
        "audit plugin 'nats': nats://h:1: connection refused; events wait in memory and are tried "
        "again",
        "lost 2 audit events (audit plugin 'nats'): nats://h:1: connection refused; "
        "make its receiver take events; with --audit-nats-spool-dir they wait on the disk instead",
    ]


async def test_poison() -> None:
    """The one that the receiver never takes is dropped alone, the others keep their order."""
    given = Given()
    ids = ["0", "1", "2", "poison", "4", "5", "6"]
    assert not await given.backend.deliver(tuple(map(event, ids)))
    assert [each for sent in given.sender.sent for each in sent] == ["0", "1", "2", "4", "5", "6"]
    assert (given.written, given.dropped("too-large"), given.slept) == (6, 1, [])
    assert given.told.losses.fault == ""


async def test_an_event_that_cannot_be_written() -> None:
    """It takes no other with it, and its text is not shown."""

    def encode(one: Event) -> bytes:
        if one.audit_id == "1":
            raise ValueError("secret")
        return f'{{"auditID":"{one.audit_id}"}}\n'.encode()

    given = Given(encode=encode)
    assert not await given.backend.deliver(events(3))
    assert given.sender.sent == [["0", "2"]]
    assert (given.written, given.dropped("encode-error")) == (2, 1)
    assert not await given.backend.deliver((event("1"),))
    assert "secret" not in "".join(given.told.lines)


async def test_deliveries_that_wait_go_together() -> None:
    """Requests that wait share one acknowledgement, up to a batch's size; each has its outcome."""
    given = Given(most=4)
    given.sender.gate.clear()
    first = spawn(given.backend.deliver((event("first"),)), "deliver")
    await until(lambda: given.sender.tried, "the first is under way")
    ids = ("a", "b", "poison", "c", "d", "e")
    waiting = [spawn(given.backend.deliver((event(each),)), "deliver") for each in ids]
    await turns(3)
    given.sender.gate.set()
    assert await first
    assert await asyncio.gather(*waiting) == [True, True, False, True, True, True]
    assert given.sender.sent == [["first"], ["a", "b"], ["c"], ["d", "e"]]
    assert (given.written, given.dropped("too-large")) == (6, 1)


async def test_cut_off() -> None:
    """At a stop what is under way and what waits is counted, each event once."""
    given = Given()
    given.sender.gate.clear()
    first = spawn(given.backend.deliver(events(3)), "deliver")
    await until(lambda: given.sender.tried, "the first is under way")
    second = spawn(given.backend.deliver(events(2)), "deliver")
    await turns(3)
    for task in (second, first):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (given.dropped("shutdown"), given.written) == (5, 0)


async def test_nothing() -> None:
    """No events are no delivery."""
    given = Given()
    assert await given.backend.deliver(())
    assert given.sender.tried == 0


async def test_a_sender_that_crashes() -> None:
    """A fault of the sender is tried again; what it never takes is lost, each event counted once."""
    given = Given()
    given.sender.gate.clear()
    first = spawn(given.backend.deliver((event("first"),)), "deliver")
    await until(lambda: given.sender.tried, "the first is under way")
    waiting = [spawn(given.backend.deliver((event(each),)), "deliver") for each in "ab"]
    await turns(3)
    given.sender.faults = [None, *[RuntimeError("secret")] * 5]  # type: ignore[list-item]
    given.sender.gate.set()
    assert await asyncio.gather(first, *waiting) == [True, False, False]
    assert (given.written, given.dropped("crash"), given.sender.tried) == (1, 2, 6)
    given.sender.faults = [RuntimeError("secret")]  # type: ignore[list-item]
    assert await given.backend.deliver((event("c"),))
    assert "secret" not in "".join(given.told.lines)


async def test_one_that_gives_up_while_it_waits() -> None:
    """It is counted, and not sent with what comes later."""
    given = Given()
    given.sender.gate.clear()
    first = spawn(given.backend.deliver((event("first"),)), "deliver")
    await until(lambda: given.sender.tried, "the first is under way")
    second = spawn(given.backend.deliver((event("second"),)), "deliver")
    await turns(3)
    second.cancel()
    await asyncio.wait({second})
    given.sender.gate.set()
    assert await first
    assert await given.backend.deliver((event("third"),))
    assert given.sender.sent == [["first"], ["third"]]
    assert (given.dropped("shutdown"), given.written) == (1, 2)


async def test_cut_off_behind_one_that_is_never_taken() -> None:
    """That one was counted already."""
    given = Given()
    stuck = asyncio.Event()
    send = given.sender.send

    async def send_or_hang(lines: Sequence[bytes]) -> None:
        if len(lines) == 1 and b"poison" not in lines[0]:
            stuck.set()
            await asyncio.Event().wait()
        await send(lines)

    vars(given.sender)["send"] = send_or_hang
    delivery = spawn(given.backend.deliver((event("poison"), event("b"))), "deliver")
    await stuck.wait()
    delivery.cancel()
    await asyncio.wait({delivery})
    assert (given.dropped("too-large"), given.dropped("shutdown"), given.written) == (1, 1, 0)
