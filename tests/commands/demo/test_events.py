"""The follower of the demo's log."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

from auditproxy.commands.demo.events import MOST, EventLog, follow


def numbers(log: EventLog) -> list[int]:
    """What the new lines hold; a line and its event are the same."""
    read = log.read()
    assert all(json.loads(line) == event for line, event in read)
    return [event["n"] for _, event in read]


def test_log_is_read_once(tmp_path: Path) -> None:
    """Whole lines, once, in order; a line that is being written waits."""
    path = tmp_path / "audit.log"
    log = EventLog(path)
    assert numbers(log) == []
    path.write_text('{"n":1}\n{"n":2}\n{"n"')
    assert numbers(log) == [1, 2]
    assert numbers(log) == []
    with path.open("a") as file:
        file.write(":3}\n")
    assert numbers(log) == [3]


def test_a_look_is_bounded(tmp_path: Path) -> None:
    """Of much that is new a part is read at once; all of it in order, and a long line whole."""
    path = tmp_path / "audit.log"
    long = json.dumps({"n": -1, "x": "x" * 2 * MOST}) + "\n"
    many = [json.dumps({"n": number, "x": "x" * 1000}) + "\n" for number in range(4000)]
    path.write_text(long + "".join(many))
    log = EventLog(path)
    assert numbers(log) == [-1]
    looks = []
    while found := numbers(log):
        looks.append(found)
    assert list(itertools.chain(*looks)) == list(range(4000))
    assert len(looks) == -(-sum(map(len, many)) // MOST)
    assert all(sum(len(many[number]) for number in look) <= MOST for look in looks)


def test_rotation(tmp_path: Path) -> None:
    """A log that begins anew is read from its beginning."""
    path = tmp_path / "audit.log"
    log = EventLog(path)
    path.write_text('{"n":1}\n{"n":2}\n')
    assert numbers(log) == [1, 2]
    path.write_text('{"n":3}\n')
    assert numbers(log) == [3]


def test_empty_lines(tmp_path: Path) -> None:
    """A line without an event is passed over."""
    path = tmp_path / "audit.log"
    path.write_text('{"n":1}\n\n \n{"n":2}\n')
    assert numbers(EventLog(path)) == [1, 2]


def test_separators_that_json_keeps(tmp_path: Path) -> None:
    """U+0085 and its like in a name end no line."""
    path = tmp_path / "audit.log"
    path.write_text('{"n":1,"name":"a\x85\u2028b"}\n', encoding="utf-8")
    assert numbers(EventLog(path)) == [1]


async def test_follow(tmp_path: Path) -> None:
    """New lines of each log are shown until the follower is cancelled, and every look ticks."""
    path, other = tmp_path / "audit.log", tmp_path / "sessions.log"
    others: list[str] = []
    shown: list[tuple[str, dict[str, Any]]] = []
    ticked = asyncio.Event()

    def show(line: str, event: dict[str, Any]) -> None:
        shown.append((line, event))

    def tick() -> None:
        if shown and others:
            ticked.set()

    logs = (
        (EventLog(path), show),
        (EventLog(other), lambda line, event: others.append(line)),
    )
    following = asyncio.create_task(follow(logs, tick))
    path.write_text('{"n":1}\n')
    other.write_text('{"n":2}\n')
    async with asyncio.timeout(5):
        await ticked.wait()
    following.cancel()
    await asyncio.wait({following})
    assert shown == [('{"n":1}', {"n": 1})]
    assert others == ['{"n":2}']
