"""The newest requests, and those that come."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.tailing import run_stream, run_tail
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import TrailFile, files_of
from tests.commands.events.how import shown
from tests.fakes.trails import COMPLETE, RECEIVED, event, line_of, write

ALICE = Search(conditions=conditions_of({"user": ["alice"]}))


class Steps:
    """What happens between two polls: one step after the other, then the user leaves."""

    def __init__(self, *steps: object) -> None:
        self._steps = list(steps)

    def __call__(self, _seconds: float) -> None:
        """Take the next step."""
        if not self._steps:
            raise KeyboardInterrupt
        step = self._steps.pop(0)
        assert callable(step)
        step()


def tail(
    folder: Path, *steps: object, search: Search = ALICE, follow: bool = True, limit: int = 50
) -> list[str]:
    """The names of the objects of the requests that are printed."""
    out, err = io.StringIO(), io.StringIO()
    files = files_of([str(folder)], str(folder))
    how = shown(output="json", limit=limit)
    assert run_tail(files, search, how, out, err, follow=follow, wait=Steps(*steps)) == 0
    assert err.getvalue() == ""
    return [json.loads(line)["name"] for line in out.getvalue().splitlines()]


def add(path: Path, *made: dict[str, object]) -> None:
    """Append events to a log."""
    with path.open("ab") as file:
        file.write(b"".join(line_of(one) + b"\n" for one in made))


def test_without_following(tmp_path: Path) -> None:
    """The newest ones, oldest first."""
    write(
        tmp_path / "audit.log",
        [event(name=f"n{hour}", at=f"{hour}:00:00") for hour in range(10, 15)],
    )
    assert tail(tmp_path, follow=False, limit=2) == ["n13", "n14"]


def test_following(tmp_path: Path) -> None:
    """What is added, across a rotation, with the filter; the rest of a torn line with its line."""
    log = write(tmp_path / "audit.log", [event(name="old")])
    late = line_of(event(name="late", at="10:30:00"))
    with log.open("ab") as file:
        file.write(late[:50])

    def more() -> None:
        with log.open("ab") as file:
            file.write(late[50:] + b"\n")
        add(log, event(name="bob", user="bob", at="11:00:00"), event(name="new", at="11:00:00"))

    def rotate() -> None:
        add(log, event(name="last", at="11:30:00"))
        packed = tmp_path / "audit-2026-11-23T11-30-00.000.log.gz"
        packed.write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
        add(log, event(name="first", at="12:00:00"))

    assert tail(tmp_path, more, rotate) == ["old", "late", "new", "last", "first"]


def test_a_request_that_ends_later(tmp_path: Path) -> None:
    """It is shown when it ends."""
    log = write(tmp_path / "audit.log", [event(name="a")])

    def begins() -> None:
        add(log, event(name="b", stage=RECEIVED, at="11:00:00"))

    def ends() -> None:
        add(log, event(name="b", stage=COMPLETE, at="11:00:00"))

    assert tail(tmp_path, begins) == ["a"]
    assert tail(tmp_path, ends, search=Search(), limit=1)[-1] == "b"


def test_times(tmp_path: Path) -> None:
    """The filter of times is one of what comes, too."""
    log = write(tmp_path / "audit.log", [event(name="a")])
    until = Search(until=1_795_429_800_000_000_000)
    assert tail(
        tmp_path,
        lambda: add(log, event(name="b", at="10:01:00"), event(name="c", at="11:00:00")),
        search=until,
    ) == ["a", "b"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it comes, to its end."""
    data = b"".join(line_of(one) + b"\n" for one in (event(name="a"), event(name="b", user="bob")))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data + b"torn{\n")))
    out, err = io.StringIO(), io.StringIO()
    assert run_stream(ALICE, shown(output="table"), out, err) == 0
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["TIME", "USER", "REQUEST", "RESULT", "FROM"]
    assert len(lines) == 2
    assert "1 line is not an audit event" in err.getvalue()


def test_what_does_not_grow(tmp_path: Path) -> None:
    """Nothing would come of it, for ever."""
    packed = tmp_path / "audit.log.gz"
    packed.write_bytes(gzip.compress(line_of(event(name="a")) + b"\n"))
    with pytest.raises(Unusable, match="--follow needs a log that is being written"):
        tail(packed)
    assert tail(packed, follow=False) == ["a"]
    copied = write(tmp_path / "copied.log", [event(name="b")])
    for origin in ("s3://audit-logs/audit.log", "-"):
        files = [TrailFile(str(copied), origin)]
        with pytest.raises(Unusable, match="in a bucket or piped in"):
            run_tail(files, ALICE, shown(), io.StringIO(), io.StringIO(), follow=True)
