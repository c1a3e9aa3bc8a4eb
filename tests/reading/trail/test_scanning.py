"""One block after the other: what is looked for is found, whatever stands beside it."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.meaning.events import TOO_LONG, Counts
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.trail.blocks import Block, blocks_of
from auditproxy.reading.trail.lines import LONGEST
from auditproxy.reading.trail.scanning import Scanned, Search, events_of, scan
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, line_of, write

ALICE = conditions_of({"user": ["alice"]})


def found(path: Path, search: Search, size: int = 1 << 20) -> tuple[list[str], events.Counts]:
    """The names of the objects of events that are found, and what was counted."""
    names: list[str] = []
    counts = events.Counts()
    for block in blocks_of([trail_file(str(path))], size)[::-1]:
        scanned = scan(block, search)
        assert isinstance(scanned, Scanned)
        names += [each.event.object_ref.name for each in scanned.events if each.event.object_ref]
        counts.update(scanned.counts)
    return names, counts


MIXED = [
    event(name="a"),
    event(name="b", user="bob"),
    event(name="c", at="11:00:00"),
    event(name="d", user="bob", at="12:00:00"),
]


@pytest.mark.parametrize("size", [1, 100, 700, 1000, 1 << 20])
def test_filters(tmp_path: Path, size: int) -> None:
    """However the file is cut, each event is found once, and counted once."""
    path = write(tmp_path / "audit.log", MIXED)
    assert found(path, Search(conditions=ALICE), size) == (["a", "c"], {events.EVENTS: 4})
    assert found(path, Search(), size) == (["a", "b", "c", "d"], {events.EVENTS: 4})
    since = stamp("2026-11-23T11:00:00Z")
    assert found(path, Search(since=since), size)[0] == ["c", "d"]
    assert found(path, Search(until=since), size)[0] == ["a", "b"]
    ids = frozenset(("get-pods-d-12:00:00", "other"))
    assert found(path, Search(ids=ids), size) == (["d"], {events.EVENTS: 4})


def test_the_newest_are_kept(tmp_path: Path) -> None:
    """Where there are more than are asked for."""
    path = write(tmp_path / "audit.log", MIXED)
    assert found(path, Search(most=2))[0] == ["c", "d"]


def test_lines_that_are_no_events(tmp_path: Path) -> None:
    """They are counted, whether or not bytes are looked for."""
    path = tmp_path / "audit.log"
    lines = [line_of(one) for one in MIXED]
    lines[1:1] = [b"hello", line_of(MIXED[0])[:50], b""]
    path.write_bytes(b"\n".join(lines))
    for search in (Search(), Search(conditions=ALICE)):
        counts = found(path, search)[1]
        assert counts == {events.EVENTS: 4, events.FOREIGN: 1, events.TORN: 1}


def test_packed(tmp_path: Path) -> None:
    """A packed file is read as a plain one is."""
    path = tmp_path / "audit.log.gz"
    path.write_bytes(gzip.compress(write(tmp_path / "plain", MIXED).read_bytes()))
    assert found(path, Search(conditions=ALICE)) == (["a", "c"], {events.EVENTS: 4})


def test_a_very_long_line(tmp_path: Path) -> None:
    """It is read whole, up to the bound; one beyond it is left out and counted."""
    big = event(name="big", requestObject={"a": "x" * 300_000})
    path = write(tmp_path / "audit.log", [MIXED[0], big, MIXED[2]])
    assert found(path, Search(), 1000) == (["a", "big", "c"], {events.EVENTS: 3})
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(line_of(MIXED[0])[:-1] + b',"x":"')
        file.seek(LONGEST + 10_000_000)
        file.write(b'"}\n' + line_of(MIXED[2]) + b"\n")
    assert found(path, Search(), 1 << 22) == (["c"], {events.EVENTS: 1, TOO_LONG: 1})


def test_other_spellings(tmp_path: Path) -> None:
    """Events that a shipper spelled anew are found by the same filters."""
    path = tmp_path / "audit.log"
    path.write_text("".join(json.dumps(one, sort_keys=True) + "\n" for one in MIXED))
    assert found(path, Search(conditions=ALICE)) == (["a", "c"], {events.EVENTS: 4})


def test_rotated_while_it_is_read(tmp_path: Path) -> None:
    """A file that was renamed is read under its new name; one that is gone is counted."""
    path = write(tmp_path / "audit.log", MIXED)
    (block,) = blocks_of([trail_file(str(path))])
    path.rename(tmp_path / "audit-2026-11-23T10-00-00.000.log")
    write(path, [event(name="other")])
    scanned = scan(block, Search())
    assert [one.event.object_ref.name for one in scanned.events if one.event.object_ref] == [
        "a",
        "b",
        "c",
        "d",
    ]
    (tmp_path / "audit-2026-11-23T10-00-00.000.log").unlink()
    scanned = scan(block, Search())
    assert (scanned.events, scanned.counts) == ([], {events.GONE: 1})


def test_gone_before_it_is_read(tmp_path: Path) -> None:
    """What its folder had a moment ago may not be there any more."""
    assert blocks_of([trail_file(str(tmp_path / "audit.log"))]) == []


def test_documents(tmp_path: Path) -> None:
    """An array, packed twice, of another cloud."""
    path = tmp_path / "export.json"
    text = json.dumps([{"events": [{"message": json.dumps(one)} for one in MIXED]}], indent=2)
    path.write_bytes(gzip.compress(gzip.compress(text.encode())))
    assert found(path, Search(conditions=ALICE)) == (["a", "c"], {events.EVENTS: 4})


LINE = st.one_of(
    st.builds(
        lambda number, user: line_of(event(name=f"n{number}", user=user)),
        st.integers(0, 99),
        st.sampled_from(["alice", "bob"]),
    ),
    st.sampled_from(
        [
            b"",
            b"hello",
            line_of(event())[:70],
            b'{"kind":"Event","apiVersion":"audit.k8s.io/v1"',
            b"}",
        ]
    ),
)


@given(
    st.lists(LINE, max_size=12),
    st.integers(1, 2000),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)
def test_any_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, end: bytes, ended: bool
) -> None:
    """A search by bytes finds what a search line by line finds."""
    path = tmp_path_factory.mktemp("scan") / "audit.log"
    path.write_bytes(end.join(lines) + (end if ended else b""))
    names, counts = found(path, Search(conditions=ALICE), size)
    expected = [
        json.loads(line)["objectRef"]["name"]
        for line in lines
        if b'"alice"' in line and b"objectRef" in line and line.endswith(b"}")
    ]
    assert names == expected
    assert counts[events.EVENTS] == sum(
        line.endswith(b"}") and b"objectRef" in line for line in lines
    )


def test_rows_of_tables(tmp_path: Path) -> None:
    """Exports as CSV: Logs Insights, AzureDiagnostics, AKSAudit; broken rows are counted."""

    made = event(name="p", requestObject={"text": 'quoted " and, \n more'})
    aks = {
        "AuditId": "id", "RequestUri": made["requestURI"], "Verb": "get", "Stage": "ResponseComplete",
        "User": json.dumps(made["user"]), "ObjectRef": json.dumps(made["objectRef"]),
        "RequestReceivedTime": made["requestReceivedTimestamp"], "RequestObject": "skipped-too-big-size-object",
    }  # fmt: skip
    tables: list[list[list[str]]] = [
        [["@timestamp", "@message", "@logStream"], ["t", json.dumps(made), "s"], ["t"]],
        [["TimeGenerated [UTC]", "log_s"], ["t", json.dumps(made) + "\n"], ["t"]],
        [list(aks), list(aks.values()), ["t"]],
    ]
    for number, rows in enumerate(tables):
        path = tmp_path / f"{number}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        counts, forms = Counts(), Counts()
        found = list(events_of(Block(str(path), "o"), Search(), counts, forms))
        assert [one.event.object_ref.name for one in found if one.event.object_ref] == ["p"]
        assert [one.event.user.username for one in found] == ["alice"]
        assert counts == {"events": 1, "torn": 1}
        assert list(forms) == [("cloudwatch", "aks", "aks-table")[number]]
