"""Which recordings are meant: times, names that are cut, big folders."""

import io
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Record
from auditproxy.apis.units import SECOND
from auditproxy.commands.sessions.selecting import ChosenRecordings, Filters, Locked, instant
from auditproxy.recordings.segments import SealedForm
from tests.fakes.recorded import Stores, a_session, three_recordings

ENCRYPTED = SealedForm(lambda lines: lines).piece(b"{}\n", "0.000000")
NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("1h", NOW - 3600 * SECOND),
        ("7d", NOW - 7 * 86_400 * SECOND),
        ("1w2d12h", NOW - (9 * 86_400 + 43_200) * SECOND),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14", 1_699_920_000 * SECOND),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14 22:13:20.5", NOW + SECOND // 2),
        ("2023-11-14T22:13", NOW - 20 * SECOND),
        ("2023-11-14 23:13+01:00", NOW - 20 * SECOND),
    ],
)
def test_times(text: str, moment: int | None) -> None:
    """A duration before now, a date, or RFC 3339."""
    assert instant("since", text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2023-13-01",
        "T",
        "12",
        "2023-11-14T22",
        "2023-11-14Z",
        "25:00",
        "7d1",
        "d",
        "d7",
        "-7d",
        "99999w99999d",
    ],
)
def test_what_is_not_a_time(text: str) -> None:
    """The fault names the flag."""
    with pytest.raises(Unusable, match="--since"):
        instant("since", text, NOW)


def test_the_end_of_time() -> None:
    """The last day of the last year has no end that could be shown."""
    assert instant("since", "9999-12-31", NOW) is not None
    with pytest.raises(Unusable, match='--until "9999-12-31" is not a time'):
        instant("until", "9999-12-31", NOW)


def test_a_date_alone_is_a_whole_day() -> None:
    """Until a day means with this day; until a moment means before it."""
    assert instant("until", "2023-11-14", NOW) == 1_700_006_400 * SECOND
    assert instant("until", "2023-11-14T00:00", NOW) == 1_699_920_000 * SECOND


def filters_of(session: str = "", **filters: str) -> Filters:
    """Filters of values with commas between them, as flags have them."""
    values = {key: tuple(text.split(",")) for key, text in filters.items()}
    return Filters(session=session, **values)  # type: ignore[arg-type]


def names(folder: Path, **filters: str) -> list[str]:
    """Session IDs that are found."""
    lines: list[str] = []
    selection = ChosenRecordings(folder, filters_of(**filters), None, report=lines.append)
    found = [
        one.name.session_id if isinstance(one, Locked) else one.header.auditproxy.session_id
        for one in selection
    ]
    assert lines == []
    return found


def test_names_that_are_cut(tmp_path: Path) -> None:
    """A name that was changed for the file system hides nothing."""
    changes = {"pod": "p" * 100, "audit_id": "../a/b", "namespace": "n" * 63}
    recording = Stores(tmp_path).new().open(a_session(**changes), Record.OUTPUT, moment=0)
    recording.finish(1)
    found = ["5e5510f1d"]
    assert names(tmp_path, pod="p" * 100) == found
    assert names(tmp_path, pod="p" * 99) == []
    assert names(tmp_path, pod="p*") == found
    assert names(tmp_path, namespace="n" * 63) == found
    assert names(tmp_path, pod="!box," + "p" * 100) == names(tmp_path, namespace="!n") == found
    assert names(tmp_path, pod="!" + "p" * 100) == names(tmp_path, namespace="!n*") == []
    assert names(tmp_path, session="../a/b") == found
    assert names(tmp_path, session="a/b") == []
    assert names(tmp_path, session=Path(recording.path).name) == found


def test_a_file(tmp_path: Path) -> None:
    """A file is meant whatever it is called."""
    path = three_recordings(tmp_path)[0]
    other = tmp_path / "evidence"
    path.rename(other)
    assert names(other) == ["5e5510f1d"]
    assert names(tmp_path) == ["c0b1", "f0a4"]


def test_only_what_may_match_is_opened(tmp_path: Path) -> None:
    """A name says enough: a file that cannot match is not read, and so not reported."""
    store = Stores(tmp_path).new()
    path = Path(store.open(a_session(), Record.OUTPUT, moment=0).finish(1).path)
    path.write_bytes(b"broken")
    assert names(tmp_path, namespace="other") == []


PLACEHOLDERS = "2023-11-14T22-13-20.123456Z_-_-_{}_{}.cast"


@pytest.mark.parametrize("wanted", ["nosuchid", "-", "5e5510f1d", "another.cast", ".", "------"])
def test_what_stands_for_nothing_is_never_meant(tmp_path: Path, wanted: str) -> None:
    """A name without an audit ID, a namespace or a pod: only what else it says can be wanted."""
    lines: list[str] = []
    store = Stores(tmp_path).new()
    whole = a_session(audit_id="...", namespace="", pod="")
    store.open(whole, Record.OUTPUT, moment=0).finish(1)
    (tmp_path / PLACEHOLDERS.format("-", "0bad0001")).write_bytes(b"broken")
    (tmp_path / PLACEHOLDERS.format("-", "-")).write_bytes(b"broken")
    (tmp_path / f"{PLACEHOLDERS.format('-', '5e55aaaa')}.age.tar").write_bytes(ENCRYPTED)
    (tmp_path / f"{PLACEHOLDERS.format('-', '-')}.age.tar").write_bytes(ENCRYPTED)
    (tmp_path / "foreign.cast.age.tar").write_bytes(ENCRYPTED)
    selection = ChosenRecordings(tmp_path, Filters(session=wanted), None, report=lines.append)
    found = [
        each.header.auditproxy.session_id for each in selection if not isinstance(each, Locked)
    ]
    assert found == (["5e5510f1d"] if wanted == "5e5510f1d" else [])
    assert [each for each in selection if isinstance(each, Locked)] == []
    assert lines == []
    assert selection.broken == 0
    assert "files cannot be read, and their names do not say whose" in selection.none_matches()


def test_what_a_name_does_say(tmp_path: Path) -> None:
    """The session's ID beside a placeholder, the name of the file, and an odd audit ID."""
    lines: list[str] = []
    store = Stores(tmp_path).new()
    whole = a_session(audit_id="...", namespace="", pod="")
    store.open(whole, Record.OUTPUT, moment=0).finish(1)
    locked = f"{PLACEHOLDERS.format('-', '5e55aaaa')}.age.tar"
    broken = PLACEHOLDERS.format("-", "0bad0001")
    (tmp_path / locked).write_bytes(ENCRYPTED)
    (tmp_path / broken).write_bytes(b"broken")

    def found(**filters: str) -> list[str]:
        chosen = filters_of(**filters)
        selection = ChosenRecordings(tmp_path, chosen, None, report=lines.append)
        return [each.path.name for each in selection]

    assert found(session="5e55aaaa") == found(session="5e55aa") == [locked]
    assert found(session=locked) == [locked]
    assert lines == []
    (odd,) = found(session="...")
    assert odd.endswith("_5e5510f1d.cast")
    assert broken not in found(pod="!-")
    assert lines == []
    assert found(namespace="team-a") == found(namespace="team-*") == found(pod="box") == []
    assert lines == []
    assert found(session="0bad0001") == []
    assert len(lines) == 1


def test_progress(tmp_path: Path) -> None:
    """A big folder shows how far it is; its last line is wiped."""
    for number in range(1000):
        (tmp_path / f"{number}.cast").touch()
    progress = io.StringIO()
    lines: list[str] = []
    selection = ChosenRecordings(tmp_path, Filters(), None, report=lines.append, progress=progress)
    assert list(selection) == []
    assert selection.broken == len(lines) == 1000
    assert progress.getvalue() == "\rread 500 of 1000 recordings\r\x1b[K"


def test_the_beginning_of_an_id(tmp_path: Path) -> None:
    """Six characters mean the one recording whose ID begins so; a whole ID goes first."""
    store = Stores(tmp_path).new()
    for id_, audit_id in (("aaaaaa1", "bbbbbb1"), ("aaaaaa2", "bbbbbb2"), ("aaaaaa", "cccccc1")):
        store.open(a_session(id=id_, audit_id=audit_id), Record.OUTPUT, moment=0).finish(1)
    assert names(tmp_path, session="aaaaaa") == ["aaaaaa"]
    assert names(tmp_path, session="bbbbbb2") == ["aaaaaa2"]
    assert names(tmp_path, session="cccccc") == ["aaaaaa"]
    assert names(tmp_path, session="ccccc") == []
    with pytest.raises(Unusable, match='several recordings have IDs that begin with "bbbbbb"'):
        names(tmp_path, session="bbbbbb")
    for path in tmp_path.glob("*.cast"):
        path.rename(tmp_path / path.name.rpartition("_")[2])
    assert names(tmp_path, session="cccccc") == ["aaaaaa"]
    assert names(tmp_path, session="dddddd") == []
