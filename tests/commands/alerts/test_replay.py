"""Logs through the rules, at the times of their events."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.commands.alerts.replay import Replay, lines_of
from auditproxy.serializer.json import encode
from tests.fakes.alertrules import EXEC_RULE, exec_event, rules_of


@pytest.mark.parametrize("packed", [False, True])
def test_lines_of(tmp_path: Path, packed: bool) -> None:
    """Gzip is known by its bytes; a last line without its end is one."""
    path = tmp_path / "log"
    text = b"a\n\nb"
    path.write_bytes(gzip.compress(text) if packed else text)
    assert list(lines_of(str(path))) == [b"a\n", b"\n", b"b"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("blank", [b"\n", b" \r\n"])
def test_blank_lines_cost_nothing(tmp_path: Path, packed: bool, blank: bytes) -> None:
    """A packed log may have a million of them for each KiB; all are counted."""
    path = tmp_path / "log"
    text = b"a\n" + blank * 2_000_000 + b"  {}\n" + blank + b"?\n"
    path.write_bytes(gzip.compress(text) if packed else text)
    taken = list(lines_of(str(path)))
    assert len(taken) < 5000
    assert b"".join(taken) == text
    replay = Replay(rules_of(EXEC_RULE), lambda _: None, is_json=False)
    for line in taken:
        replay.take(line)
    assert replay.lines == 2_000_004
    assert replay.unreadable == 2


def test_alerts_end_by_the_times_of_events() -> None:
    """Two execs an hour apart are two alerts."""
    written: list[str] = []
    replay = Replay(rules_of(EXEC_RULE), written.append, is_json=True)
    for hour in ("00", "00", "01"):
        replay.take(encode(exec_event(stageTimestamp=f"2026-01-01T{hour}:00:00.000000Z")))
    replay.finish()
    assert len(written) == 2
    assert replay.events == 3


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_any_lines(lines: list[bytes]) -> None:
    """What is no event is counted."""
    replay = Replay(rules_of(EXEC_RULE), lambda _: None, is_json=False)
    for line in lines:
        replay.take(line)
    replay.finish()
    assert replay.lines == sum(max(1, line.count(b"\n")) if line.isspace() else 1 for line in lines)
    assert replay.events == 0
