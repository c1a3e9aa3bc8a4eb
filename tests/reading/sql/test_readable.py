"""What a client sends hides no event from SQL."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.events import EVENTS, Counts, read_events
from auditproxy.reading.sql.readable import is_plain, is_readable, plain
from auditproxy.reading.sql.store import open_store, prepare
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, line_of

BODIES = {
    b'{"a": "\\ud800"}': b'{"a": "\\ufffd"}',
    b'{"a": "\\uDC00\\ud800x"}': b'{"a": "\\ufffd\\ufffdx"}',
    b'{"\\udfff": 1}': b'{"\\ufffd": 1}',
    b'{"a": "\xff\xc3"}': '{"a": "\ufffd\ufffd"}'.encode(),
    b'{"a": "\xed\xa0\x80"}': '{"a": "\ufffd\ufffd\ufffd"}'.encode(),
}
"""Bodies of a patch, as a client may send them, and what is read of them."""
PLAIN = (
    b'{"a": "\\ud83d\\ude00"}',
    b'{"a": "\\\\ud800"}',
    b'{"a": "\\\\\\ud83d\\ude00"}',
    '{"a": "😀"}'.encode(),
    b'{"a": "\\u0000"}',
    b'{"a": 12345678901234567890123, "a": 1e999}',
)
"""Bodies that the database reads."""


def line(body: bytes, name: str = "x") -> bytes:
    """A line with a body of a request, as its client sent it."""
    made = line_of(event("patch", name=name, level="Request", requestObject={"$": 1}))
    return made.replace(b'{"$":1}', body).replace(b'{"$": 1}', body)


@pytest.mark.parametrize("body", [*BODIES, *PLAIN])
def test_every_event_is_there(body: bytes, tmp_path: Path) -> None:
    """In a file of its own kind, and beside others."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join((line(b"{}", "a"), line(body, "b"), line(b"{}", "c"), b"")))
    assert is_readable(str(log)) is (body in PLAIN)
    folder = tmp_path / "folder"
    folder.mkdir()
    counts = Counts()
    connection = open_store(prepare([trail_file(str(log))], str(folder), counts), str(folder), 1)
    found = connection.execute("SELECT name FROM events ORDER BY name").fetchall()
    connection.close()
    assert found == [("a",), ("b",), ("c",)]
    assert counts[EVENTS] == (0 if body in PLAIN else 3)


def test_nuls(tmp_path: Path) -> None:
    """That a crash of the machine left in a file."""
    log = tmp_path / "audit.log"
    log.write_bytes(line(b"{}") + b"\n" + b"\0" * 100 + line(b"{}") + b"\n")
    assert not is_readable(str(log))


@pytest.mark.parametrize(("body", "read"), list(BODIES.items()))
def test_plain(body: bytes, read: bytes) -> None:
    """What is not UTF-8 is U+FFFD, as in Go; the rest is as it was."""
    assert plain(line(body)) == line(read)


@pytest.mark.parametrize("body", PLAIN)
def test_what_is_plain_is_left_as_it_is(body: bytes) -> None:
    """Pairs, and backslashes before what looks like a half."""
    assert plain(line(body)) == line(body)


@given(st.text(alphabet=st.characters(categories=["Cs", "Lu", "Po", "Cc"])), st.booleans())
def test_any_text(text: str, is_ascii: bool) -> None:
    """Is read, and is read as such when it was made plain."""
    spelled = json.dumps(text, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    made = plain(line(b'{"a": ' + spelled + b"}"))
    assert is_plain(made)
    json.loads(made.decode())
    (read,) = read_events(made, Counts())
    assert read.verb == "patch"


def test_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the border of two pieces of a file is found, and a pair there is none."""
    pair, half = line(b'{"a": "\\ud83d\\ude00"}'), line(b'{"a": "\\ud83d"}')
    log = tmp_path / "audit.log"
    for size in range(60, len(pair)):
        monkeypatch.setattr("auditproxy.reading.sql.readable._PIECE", size)
        log.write_bytes(pair + b"\n" + pair + b"\n" + pair)
        assert is_readable(str(log))
        log.write_bytes(pair + b"\n" + half + b"\n" + pair)
        assert not is_readable(str(log))
