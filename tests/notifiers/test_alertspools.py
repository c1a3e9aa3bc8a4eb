"""notifiers/alertspools.py: alerts on the disk until a webhook has acknowledged them."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.alerts.alert import AlertState
from auditproxy.notifiers.spooledalerts import GAP_NAME
from tests.fakes.alertspool import SpooledAlerts, numbered
from tests.fakes.killedspool import killed_when_stored
from tests.fakes.waiting import turns, until
from tests.fakes.webhook import HANG, RESET, Receiver, Step, answer

AWAY: list[Step] = [RESET, answer(503), answer(404), answer(401)]


def bodies(receiver: Receiver) -> list[Any]:
    """All bodies that came."""
    return [json.loads(each.body) for each in receiver.received]


def summaries(receiver: Receiver) -> list[str]:
    """The texts of all alerts that came."""
    return [body["annotations"]["summary"] for body in bodies(receiver)]


def wanted(numbers: range) -> list[str]:
    """The texts of alerts."""
    return [f"alert {number}" for number in numbers]


async def test_away_and_back(tmp_path: Path) -> None:
    """What fired while the receiver failed comes then, in its order, and none is lost."""
    async with Receiver(*AWAY) as receiver:
        made = SpooledAlerts(tmp_path)
        notifier = made.notifier(receiver.url)
        for number in range(50):
            notifier.put(numbered(number))
        await until(lambda: made.sent == 50, "all are acknowledged")
        await until(lambda: made.waiting == 0, "nothing waits")
        await notifier.shutdown(10.0)
    assert summaries(receiver)[len(AWAY) :] == wanted(range(50))
    assert made.sample("failed_total", reason="refused") == 0
    assert made.sample("attempts_failed_total", reason="status-4xx") == 2
    assert [each for each in made.said if "wait in the spool and are sent again" in each] != []
    assert made.said[0].startswith("alerts to pager: ")
    assert (tmp_path / "pager").stat().st_mode & 0o777 == 0o700


async def test_a_killed_process(tmp_path: Path) -> None:
    """Alerts that a killed process left in the folder are sent by the next one, before its own."""
    await killed_when_stored("tests.fakes.alertspool", tmp_path, 20)
    async with Receiver() as receiver:
        made = SpooledAlerts(tmp_path)
        notifier = made.notifier(receiver.url)
        assert made.sample("spool_resumed_alerts_total") == 20
        made.spools.start()
        await until(lambda: made.sent == 20, "they are sent before anything fires")
        notifier.put(numbered(20))
        await until(lambda: made.sent == 21, "all are acknowledged")
        await notifier.shutdown(10.0)
    assert summaries(receiver) == wanted(range(21))


async def test_which_alerts(tmp_path: Path) -> None:
    """Those that begin, and that end if it is wanted, of the severities that are; whole."""
    async with Receiver() as receiver:
        made = SpooledAlerts(tmp_path)
        notifier = made.notifier(receiver.url, resolved=True, minimum_severity="high")
        alone = made.notifier(receiver.url, "other")
        notifier.put(numbered(0, severity="medium"))
        notifier.put(numbered(1, state=AlertState.REPEATED))
        notifier.put(numbered(2, count=7))
        notifier.put(numbered(3, state=AlertState.RESOLVED))
        alone.put(numbered(4, state=AlertState.RESOLVED))
        alone.put(numbered(5, severity="info"))
        await receiver.until_received(3)
        await notifier.shutdown(10.0)
        await alone.shutdown(10.0)
    found = {body["annotations"]["summary"]: body for body in bodies(receiver)}
    assert sorted(found) == ["alert 2", "alert 3", "alert 5"]
    assert found["alert 2"] == {
        "apiVersion": "auditproxy.io/v1alpha1",
        "kind": "Alert",
        "name": "Exec",
        "severity": "high",
        "state": "firing",
        "labels": {"alertname": "Exec", "severity": "high", "user": "alice"},
        "annotations": {"summary": "alert 2", "audit_id": "id00002"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2026-01-01T00:05:00Z",
        "count": 7,
    }
    assert found["alert 3"]["state"] == "resolved"


async def test_full_drops_the_oldest(tmp_path: Path) -> None:
    """An alert in their place, in the receiver's own form, has their number and a digest."""
    async with Receiver() as receiver:
        receiver.gate = asyncio.Event()
        made = SpooledAlerts(tmp_path, maximum_bytes=2**18)
        notifier = made.notifier(receiver.url, labels={"cluster": "c1"})
        notifier.put(numbered(0))
        await receiver.until_received(1)

        def dropped() -> float:
            return made.sample("failed_total", reason="spool-full")

        for begin in range(1, 1001, 100):
            for number in range(begin, begin + 100):
                notifier.put(numbered(number))
            stored = begin + 100
            await until(lambda: made.waiting + dropped() == stored, "it is stored")  # noqa: B023
        assert sum(each.stat().st_size for each in (tmp_path / "pager").glob("*.spool")) <= 2**18
        (said,) = made.spools.describe()
        assert said.startswith("alerts to pager: delivering, ")
        assert said.endswith(f" s, {dropped():.0f} lost")
        receiver.gate.set()
        await until(lambda: made.waiting == 0, "all is acknowledged")
        await notifier.shutdown(10.0)
    found = bodies(receiver)
    kept = [body["annotations"]["summary"] for body in found if body["name"] == "Exec"]
    gaps = [body for body in found if body["name"] == GAP_NAME]
    count = int(dropped())
    assert count > 0
    # The first was under way.
    assert kept == ["alert 0", *wanted(range(count + 1, 1001))]
    assert found[1]["name"] == GAP_NAME
    place = 1
    for gap in gaps:
        said_of = gap["annotations"]
        number = int(said_of["auditproxy.io/gap-events"])
        ids = "".join(f"id{each:05}\n" for each in range(place, place + number))
        digest = hashlib.sha256(ids.encode()).hexdigest()
        assert said_of["auditproxy.io/gap-audit-ids-sha256"] == digest
        assert said_of["summary"] == (
            f"{number} alerts are missing here from 2026-01-01T00:00:00.000000Z to "
            "2026-01-01T00:00:00.000000Z: spool-full"
        )
        assert (gap["severity"], gap["labels"]["cluster"]) == ("high", "c1")
        assert gap["count"] == number
        place += number
    assert place == count + 1
    assert len({gap["labels"]["gap"] for gap in gaps}) == len(gaps)


async def test_full_and_new_ones_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``block`` they wait in memory, and what has no room there is dropped, with a gap."""
    monkeypatch.setattr("auditproxy.notifiers.alertspools.MAXIMUM_ALERTS", 50)
    async with Receiver() as receiver:
        receiver.gate = asyncio.Event()
        made = SpooledAlerts(tmp_path, maximum_bytes=2**14, full="block")
        notifier = made.notifier(receiver.url)
        for number in range(200):
            notifier.put(numbered(number))
            await turns(5)

        def dropped() -> float:
            return made.sample("failed_total", reason="queue-full")

        await until(lambda: dropped() > 0, "the last have no room")
        receiver.gate.set()
        await until(lambda: made.sent + dropped() == 200, "all is acknowledged")
        await until(lambda: made.waiting == 0, "and the gap")
        await notifier.shutdown(10.0)
    found = bodies(receiver)
    gaps = [int(body["annotations"].get("auditproxy.io/gap-events", 0)) for body in found]
    assert sum(gaps) == dropped()


async def test_refused_by_itself(tmp_path: Path) -> None:
    """It is set aside and counted; the rest is sent."""
    async with Receiver(answer(422)) as receiver:
        made = SpooledAlerts(tmp_path)
        notifier = made.notifier(receiver.url)
        notifier.put(numbered(0))
        notifier.put(numbered(1))
        await until(lambda: made.sent == 1, "the second is acknowledged")
        await notifier.shutdown(10.0)
    (letter,) = (tmp_path / "pager" / "dead-letters.jsonl").read_text().splitlines()
    assert json.loads(letter)["annotations"]["summary"] == "alert 0"
    assert made.sample("failed_total", reason="refused") == 1
    assert made.sample("spool_dead_letters_total") == 1


async def test_another_url(tmp_path: Path) -> None:
    """After a reload what waits goes to where the new file says, and what comes too."""
    async with Receiver() as receiver:
        made = SpooledAlerts(tmp_path)
        before = made.notifier("http://127.0.0.1:1", labels={"cluster": "a"})
        made.spools.start()
        before.put(numbered(0))
        await until(lambda: made.waiting == 1, "it is stored")
        after = made.notifier(receiver.url, labels={"cluster": "b"})
        assert after.spool is before.spool
        await before.shutdown(10.0)
        after.put(numbered(1))
        await until(lambda: made.sent == 2, "both are acknowledged")
        assert after.spool.labels == {"cluster": "b"}
        await after.shutdown(10.0)
    assert summaries(receiver) == wanted(range(2))


async def test_a_destination_that_leaves_and_comes_back(tmp_path: Path) -> None:
    """What it left waits on the disk, which is said; until then its folder is in use."""
    async with Receiver(HANG) as receiver:
        made = SpooledAlerts(tmp_path)
        made.spools.start()
        gone = made.notifier(receiver.url)
        gone.put(numbered(0))
        await receiver.until_received(1)
        leaving = asyncio.create_task(gone.shutdown(0.2))
        await turns()
        with pytest.raises(OSError, match="another process"):
            made.notifier(receiver.url)
        assert made.spools.describe() == ()
        await leaving
        assert made.said[-1].endswith("1 alert waits on the disk for the next start")
        back = made.notifier(receiver.url)
        await until(lambda: made.sent == 1, "it is sent without anything new")
        await back.shutdown(10.0)
    assert summaries(receiver)[-1] == "alert 0"


async def test_state(tmp_path: Path) -> None:
    """The line of /readyz?verbose says what waits, since when, and why."""
    async with Receiver(answer(500), HANG) as receiver:
        made = SpooledAlerts(tmp_path)
        notifier = made.notifier(receiver.url)
        assert made.spools.describe() == ("alerts to pager: delivering",)
        notifier.put(numbered(0))
        await receiver.until_received(2)
        await until(lambda: made.waiting == 1, "the disk has it")
        (said,) = made.spools.describe()
        assert said.startswith(
            "alerts to pager: not delivering: status-5xx, 1 wait in the spool (1 KiB), for "
        )
        await until(lambda: made.sample("spool_oldest_alert_age_seconds") > 0, "it has an age")
        await notifier.shutdown(0.1)
