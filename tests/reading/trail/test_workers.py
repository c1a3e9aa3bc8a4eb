"""The logs of workers beside one that is not there."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.options.workers import _own
from auditproxy.reading.trail.sources import files_of
from auditproxy.reading.trail.workers import missing, worker_files


def test_names(tmp_path: Path) -> None:
    """They are those that the proxy gives, by number; rotated files and others are none."""
    log = str(tmp_path / "audit.log")
    wanted = [_own(log, number) for number in (1, 2, 10)]
    others = ("audit-worker1.log.checkpoints", "audit-worker1-2026-11-23T13-16-39.368.log", "x.log")
    for path in (*wanted, *(str(tmp_path / name) for name in others)):
        Path(path).touch()
    assert worker_files(log) == wanted
    assert worker_files(str(tmp_path / "none" / "audit.log")) == []


def test_what_is_said(tmp_path: Path) -> None:
    """Some are named; a log without workers is no matter of theirs."""
    log = tmp_path / "audit.log"
    assert missing(str(log)) == ""
    with pytest.raises(Unusable, match="name a log, a folder of logs, or -"):
        files_of([str(log)], str(tmp_path))
    for number in range(1, 7):
        (tmp_path / f"audit-worker{number}.log").touch()
    said = missing(str(log))
    assert said.startswith(f"{log} does not exist, but logs of workers do; name these: {tmp_path}/")
    assert said.endswith("audit-worker4.log and 2 more")
    with pytest.raises(Unusable) as caught:
        files_of([str(log)], str(tmp_path))
    assert str(caught.value) == said
