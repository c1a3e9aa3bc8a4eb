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
    assert replay.lines == len(lines)
    assert replay.events == 0
