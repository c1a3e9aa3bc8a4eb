"""supervision/sessionspool.py: lines on the disk until the receiver has acknowledged them."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from tests.fakes.killedspool import killed_when_stored
from tests.fakes.sessionspool import SpooledSessions, session_line
from tests.fakes.waiting import turns, until
from tests.fakes.webhook import HANG, RESET, Receiver, Step, answer

FLAG = "--session-webhook-config-file"
AWAY: list[Step] = [RESET, answer(503), answer(429), answer(401)]


def items(receiver: Receiver) -> list[dict[str, object]]:
    """All lines that came."""
    bodies = [json.loads(each.body) for each in receiver.received]
    assert {body["kind"] for body in bodies} <= {"SessionEventList"}
    return [item for body in bodies for item in body["items"]]


def wanted(numbers: range) -> list[str]:
    """The commands of lines."""
    return [f"ls {number}" for number in numbers]


async def test_away_and_back(tmp_path: Path) -> None:
    """What was said while the receiver failed comes then, in its order, and none is lost."""
    async with Receiver(*AWAY) as receiver:
        made = SpooledSessions(tmp_path, receiver.url)
        made.listen(range(1))
        await receiver.until_received(len(AWAY))
        made.listen(range(1, 1000))
        await until(lambda: made.count("written") == 1000, "all are acknowledged")
        await until(lambda: made.waiting == 0, "nothing waits")
        await made.spool.shutdown(10.0)
    acknowledged = receiver.received[len(AWAY) :]
    batches = [json.loads(each.body)["items"] for each in acknowledged]
    assert [item["line"] for batch in batches for item in batch] == wanted(range(1000))
    assert max(map(len, batches)) <= 400
    assert made.count("dropped") == 0
    waits = [each for each in made.said if "wait in the spool and are sent again" in each]
    assert waits[0].startswith(f"{FLAG}: ")


async def test_a_killed_process(tmp_path: Path) -> None:
    """Lines that a killed process left in the folder are sent by the next one, before its own."""
    await killed_when_stored("tests.fakes.sessionspool", tmp_path, 50)
    async with Receiver() as receiver:
        made = SpooledSessions(tmp_path, receiver.url)
        assert made.sample("auditproxy_session_spool_resumed_lines_total") == 50
        made.spool.start()
        made.listen(range(50, 60))
        await until(lambda: made.count("written") == 60, "all are acknowledged")
        await made.spool.shutdown(10.0)
    assert [item["line"] for item in items(receiver)] == wanted(range(60))


async def test_a_stop_while_the_receiver_hangs(tmp_path: Path) -> None:
    """The stop ends in its time; what is left is sent by the next start."""
    async with Receiver(HANG) as receiver:
        made = SpooledSessions(tmp_path, receiver.url)
        made.listen(range(3))
        await receiver.until_received(1)
        await until(lambda: made.waiting == 3, "the disk has them")
        await made.spool.shutdown(0.1)
        assert made.said[-1] == f"{FLAG}, spool: 3 lines wait on the disk for the next start"
        assert made.count("dropped") == 0
        again = SpooledSessions(tmp_path, receiver.url)
        again.spool.start()
        await until(lambda: again.count("written") == 3, "all are acknowledged")
        await again.spool.shutdown(10.0)
    assert [item["line"] for item in items(receiver)][-3:] == wanted(range(3))


async def test_full_drops_the_oldest(tmp_path: Path) -> None:
    """A Gap in their place has their number and the digest of their sessions."""
    async with Receiver() as receiver:
        receiver.gate = asyncio.Event()
        made = SpooledSessions(tmp_path, receiver.url, maximum_bytes=2**18)
        made.listen(range(1))
        await receiver.until_received(1)
        for begin in range(1, 1001, 100):
            made.listen(range(begin, begin + 100))
            stored = begin + 100
            await until(lambda: made.waiting + made.count("dropped") == stored, "it is stored")  # noqa: B023
        assert sum(each.stat().st_size for each in tmp_path.glob("*.spool")) <= 2**18
        (said,) = made.spool.describe()
        assert said.endswith(f" s, {made.count('dropped'):.0f} lost")
        receiver.gate.set()
        await until(lambda: made.waiting == 0, "all is acknowledged")
        await made.spool.shutdown(10.0)
    lines = items(receiver)
    kept = [item["line"] for item in lines if item["type"] == "Command"]
    gaps = [item["gap"] for item in lines if item["type"] == "Gap"]
    dropped = int(made.count("dropped"))
    assert dropped > 0
    # The first was under way.
    assert kept == ["ls 0", *wanted(range(dropped + 1, 1001))]
    assert lines[1]["type"] == "Gap"
    assert all(isinstance(gap, dict) for gap in gaps)
    place = 1
    for gap in gaps:
        assert isinstance(gap, dict)
        sessions = "".join(f"s{each:05}\n" for each in range(place, place + gap["lines"]))
        assert gap["sessionIDsSHA256"] == hashlib.sha256(sessions.encode()).hexdigest()
        assert gap["reason"] == "spool-full"
        place += gap["lines"]
    assert place == dropped + 1
    losses = [each for each in made.said if "lost" in each]
    assert losses[0].startswith(f"{FLAG}: lines of the session log are lost: the spool is full")
    assert losses[-1] == f"{FLAG}: {dropped} lines of the session log were lost"


async def test_full_and_new_ones_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``block`` they wait in memory, and what has no room there is dropped, with a Gap."""
    monkeypatch.setattr("auditproxy.supervision.sessionspool.MAXIMUM_LINES", 100)
    async with Receiver() as receiver:
        receiver.gate = asyncio.Event()
        made = SpooledSessions(tmp_path, receiver.url, maximum_bytes=2**16, full="block")
        made.listen(range(1))
        await receiver.until_received(1)
        for begin in range(1, 401, 20):
            made.listen(range(begin, begin + 20))
            await turns(20)
        await until(lambda: made.count("dropped") > 0, "the last have no room")
        receiver.gate.set()
        await until(lambda: made.waiting == 0, "all is acknowledged")
        await made.spool.shutdown(10.0)
    lines = items(receiver)
    kept = [item["line"] for item in lines if item["type"] == "Command"]
    gaps = [item["gap"] for item in lines if item["type"] == "Gap"]
    assert len(kept) + made.count("dropped") == 401
    assert kept[:100] == wanted(range(100))
    assert sum(gap["lines"] for gap in gaps if isinstance(gap, dict)) == made.count("dropped")


async def test_refused_by_itself(tmp_path: Path) -> None:
    """It is set aside and counted; the rest is sent."""
    async with Receiver(answer(400), answer(400)) as receiver:
        made = SpooledSessions(tmp_path, receiver.url)
        for number in range(2):
            made.spool.listen(session_line(number))
        await until(lambda: made.count("written") == 1, "the second is acknowledged")
        await made.spool.shutdown(10.0)
    assert b'"line":"ls 0"' in (tmp_path / "dead-letters.jsonl").read_bytes()
    assert made.sample("auditproxy_session_spool_dead_letters_total") == 1
    assert made.count("dropped") == 1


async def test_state(tmp_path: Path) -> None:
    """The line of /readyz?verbose says what waits, since when, and why."""
    async with Receiver(answer(500), HANG) as receiver:
        made = SpooledSessions(tmp_path, receiver.url)
        assert made.spool.describe() == ("session webhook: delivering",)
        assert made.spool.age() == 0.0
        made.listen(range(2))
        await receiver.until_received(2)
        await until(lambda: made.waiting == 2, "the disk has them")
        (said,) = made.spool.describe()
        assert said.startswith(
            "session webhook: not delivering: status-5xx, 2 wait in the spool (1 KiB), for "
        )
        assert made.spool.age() > 0.0
        await made.spool.shutdown(0.1)


async def test_a_line_that_cannot_be_made(tmp_path: Path) -> None:
    """It is counted and said."""
    made = SpooledSessions(tmp_path, "http://127.0.0.1:1")
    made.spool.listen(object())  # type: ignore[arg-type]
    assert made.said == ["a line of the session log is lost: AttributeError"]
    assert made.count("dropped") == 1
    await made.spool.shutdown(1.0)
