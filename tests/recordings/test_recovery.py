"""What a killed proxy leaves, and what is made of it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, Record, RecordingReference
from auditproxy.apis.units import SECOND
from auditproxy.recordings.forms import PlainForm, RecordingForm
from auditproxy.recordings.segments import SealedForm
from auditproxy.recordings.store import RecordingStore
from auditproxy.recordings.usage import RecordingLimits
from auditproxy.sessions.asciicast import LONGEST_LINE
from auditproxy.sessions.castnotes import EndNote, UnfinishedNote
from tests.fakes import asciinema
from tests.fakes.recorded import Stores, a_session, read_recording

OUT, IN = Channel.STDOUT, Channel.STDIN


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


class TestLeftOver:
    """What a killed proxy leaves is finished at the next start."""

    def test_cut_line(self, stores: Stores) -> None:
        """A line that is not whole goes; a mark says that the end is missing."""
        recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
        recording.take(3 * SECOND, [Carried(OUT, b"whole\r\n")])
        recording.flush()
        path = Path(recording.path)
        del recording
        with path.open("ab") as file:
            file.write(b'[4.000000, "o", "' + b"h" * 10_000)
        reopened = self.dead(path)
        (found,) = reopened(stores).recover()
        content = Path(found.path).read_bytes()
        assert found.path == str(path).removesuffix(".part")
        assert (found.state, found.bytes) == ("Unfinished", len(content))
        assert found.sha256 == hashlib.sha256(content).hexdigest()
        cast = read_recording(found.path)
        assert cast.data(OUT) == b"whole\r\n"
        assert cast.notes() == [UnfinishedNote()]
        last = json.loads(content.splitlines()[-1])
        assert last == [3.0, "m", "recording unfinished: the proxy was killed"]
        asciinema.takes([Path(found.path)], stores.folder)
        assert reopened(stores).recover() == ()

    @staticmethod
    def dead(path: Path) -> Callable[[Stores], RecordingStore]:
        """The file as another process left it: nobody has it locked."""
        copy = path.read_bytes()
        path.unlink()
        path.write_bytes(copy)
        return lambda stores: RecordingStore(
            stores.folder,
            RecordingLimits(),
            stores.lines.append,
            wall=stores.wall,
            monotonic=stores.monotonic,
            observer=stores.counted,
        )

    @pytest.mark.parametrize("content", [b"", b'{"version": 2, "wid'])
    def test_nothing_whole(self, stores: Stores, content: bytes) -> None:
        """Without a whole line nothing is kept."""
        stores.new()
        path = stores.folder / "x.cast.part"
        path.write_bytes(content)
        assert stores.new().recover() == ()
        assert stores.files() == []
        assert stores.lines == [
            f"{path}: nothing of it is whole; its {len(content)} bytes are removed"
        ]

    @pytest.mark.parametrize("size", [1000, 2 * LONGEST_LINE, 3 * LONGEST_LINE + 1])
    def test_a_long_tail(self, stores: Stores, size: int) -> None:
        """A crash of the machine may leave NULs of any length: they alone are cut off, and said."""
        recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
        recording.take(3 * SECOND, [Carried(OUT, b"whole\r\n")])
        recording.flush()
        path = Path(recording.path)
        del recording
        with path.open("ab") as file:
            file.write(bytes(size))
        (found,) = self.dead(path)(stores).recover()
        cast = read_recording(found.path)
        assert (found.state, cast.data(OUT)) == ("Unfinished", b"whole\r\n")
        assert cast.notes() == [UnfinishedNote()]
        assert b"\0" not in Path(found.path).read_bytes()
        assert stores.lines == [f"{path}: the last {size} bytes are not whole, and are cut off"]

    @pytest.mark.parametrize("new_form", [PlainForm, lambda: SealedForm(bytes)])
    def test_finished_without_a_name(
        self, stores: Stores, new_form: Callable[[], RecordingForm]
    ) -> None:
        """It has its end: it gets its name, its content is that of the reference."""
        recording = stores.new(new_form=new_form).open(a_session(), Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"whole")])
        reference = recording.finish(2, Outcome(0), synced=False)
        self.dead(Path(recording.path))
        store = RecordingStore(
            stores.folder,
            RecordingLimits(),
            stores.lines.append,
            wall=stores.wall,
            monotonic=stores.monotonic,
            observer=stores.counted,
            new_form=new_form,
        )
        found = RecordingReference(
            path=reference.path, sha256=reference.sha256, bytes=reference.bytes
        )
        assert store.recover() == (found,)
        assert store.recover() == ()
        content = Path(reference.path).read_bytes()
        assert reference.sha256 == hashlib.sha256(content).hexdigest()
        assert (reference.state, reference.bytes) == ("Complete", len(content))
        assert stores.files() == [Path(reference.path).name]

    @pytest.mark.parametrize("new_form", [PlainForm, lambda: SealedForm(bytes)])
    @pytest.mark.parametrize("finished", [True, False])
    def test_killed_before_its_line_is_written(
        self, stores: Stores, new_form: Callable[[], RecordingForm], *, finished: bool
    ) -> None:
        """It has no name until then: the next start finds the same content again."""
        recording = stores.new(new_form=new_form).open(a_session(), Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"whole\r\n")])
        recording.flush()
        if finished:
            recording.finish(2, Outcome(0), synced=False)
        path = Path(recording.path)
        del recording
        reopened = self.dead(path)
        asked = list[tuple[RecordingReference, ...]]()

        def nothing(found: tuple[RecordingReference, ...]) -> tuple[RecordingReference, ...]:
            asked.append(found)
            return ()

        for _ in range(3):
            store = reopened(stores)
            store._new_form = new_form
            (found,) = store.recover(nothing)
            assert [path.name] == stores.files()
            assert asked.pop() == (found,)
            assert found.path == str(path).removesuffix(".part")
            assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        # Of an encrypted one that has an end it is not known which.
        is_known = new_form is PlainForm and not finished
        assert found.state == ("Unfinished" if is_known else "None")
        assert reopened(stores).recover() == (found,)
        assert [Path(found.path).name] == stores.files()
        assert stores.lines == []
        if new_form is PlainForm:
            note = EndNote(exit_code=0, bytes_out=7) if finished else UnfinishedNote()
            assert read_recording(found.path).notes() == [note]

    def test_what_gets_no_name(self, stores: Stores) -> None:
        """A fault of one is reported, and others get theirs."""
        paths, store = [], stores.new()
        for number in range(2):
            session = a_session(id=str(number))
            recording = store.open(session, Record.OUTPUT, moment=0)
            recording.take(1, [Carried(OUT, b"whole\r\n")])
            recording.flush()
            paths.append(Path(recording.path))
            del recording
            reopened = self.dead(paths[-1])

        def taken(found: tuple[RecordingReference, ...]) -> tuple[RecordingReference, ...]:
            Path(found[0].path).write_bytes(b"other")
            return found

        assert len(reopened(stores).recover(taken)) == 2
        names = [path.name.removesuffix(".part") for path in paths]
        assert stores.files() == [names[0], paths[0].name, names[1]]
        target = stores.folder / names[0]
        assert stores.lines == [
            f"{target} cannot get its name: there is another {names[0]} already"
        ]

    @pytest.mark.parametrize(("kept", "more"), [(-5, b""), (None, b"[3.0")])
    def test_half_an_end(self, stores: Stores, kept: int | None, more: bytes) -> None:
        """What does not end with its whole end is unfinished."""
        recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
        reference = recording.finish(2, Outcome(0), synced=False)
        path = Path(recording.path)
        reopened = self.dead(path)
        path.write_bytes(path.read_bytes()[:kept] + more)
        (found,) = reopened(stores).recover()
        assert found.path == reference.path
        assert read_recording(found.path).notes() == [EndNote(exit_code=0), UnfinishedNote()]

    def test_an_end_that_a_container_writes(self, stores: Stores) -> None:
        """What looks like the note of the end in a stream is output."""
        recording = stores.new().open(a_session(tty=False), Record.OUTPUT, moment=0)
        end = b'[1.000000, "a", "{\\"type\\":\\"End\\"}"]\n[1.000000, "m", "exit 0"]\n'
        recording.take(1, [Carried(OUT, b'"]\n' + end), Carried(Channel.STDERR, end)])
        recording.flush()
        (found,) = self.dead(Path(recording.path))(stores).recover()
        assert read_recording(found.path).notes() == [UnfinishedNote()]

    def test_being_written(self, stores: Stores) -> None:
        """What a living proxy writes is left alone."""
        recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"one")])
        assert stores.new().recover() == ()
        reference = recording.finish(2)
        assert read_recording(reference.path).data(OUT) == b"one"

    def test_links_and_folders(self, stores: Stores, tmp_path: Path) -> None:
        """What is not a file is reported, and nothing is done to it."""
        stores.new()
        outside = tmp_path / "outside"
        outside.write_bytes(b"precious")
        (stores.folder / "a.cast.part").symlink_to(outside)
        (stores.folder / "b.cast.part").mkdir()
        os.mkfifo(stores.folder / "c.cast.part")
        stores.new()
        assert outside.read_bytes() == b"precious"
        assert len(stores.lines) == 2
        assert "a.cast.part cannot be repaired" in stores.lines[0]

    def test_a_hard_link(self, stores: Stores, tmp_path: Path) -> None:
        """It may be any file of the machine: nothing is written to it, and it keeps its names."""
        stores.new()
        outside = tmp_path / "audit.log"
        outside.write_bytes(b"one\ntwo\nhalf")
        linked = stores.folder / "a.cast.part"
        os.link(outside, linked)
        stores.new()
        assert outside.read_bytes() == linked.read_bytes() == b"one\ntwo\nhalf"
        assert stores.lines == [
            f"{linked} cannot be repaired: it is a hard link: the file has another name"
        ]

    def test_a_name_that_is_taken(self, stores: Stores) -> None:
        """A finished recording is not replaced; the other file stays as it is."""
        recording = stores.new().open(a_session(), Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"evidence")])
        finished = Path(recording.finish(2, Outcome(0)).path)
        content = finished.read_bytes()
        other = finished.with_name(finished.name + ".part")
        other.write_bytes(content.splitlines(keepends=True)[0] + b"half")
        assert stores.new().recover() == ()
        assert finished.read_bytes() == content
        assert other.read_bytes().endswith(b"half")
        assert stores.lines[0].endswith(f"there is another {finished.name} already")


KILLED = """
import sys
from pathlib import Path
from auditproxy.apis.session import Carried, Channel, Record
from auditproxy.recordings.store import RecordingStore
from auditproxy.recordings.usage import RecordingLimits
from tests.fakes.recorded import Counted, a_session
zero = lambda: 0.0
store = RecordingStore(
    Path(sys.argv[1]), RecordingLimits(), print, wall=zero, monotonic=zero, observer=Counted()
)
store.recover()
recordings = [
    store.open(a_session(id=str(number)), Record.OUTPUT, moment=0) for number in range(200)
]
for turn in range(1, 1_000_000):
    for recording in recordings:
        recording.take(turn * 1000, [Carried(Channel.STDOUT, b"line %d\\r\\n" % turn)])
        recording.flush()
    print(turn, flush=True)
"""


def test_killed(stores: Stores) -> None:
    """kill -9 with 200 recordings open: each is readable to its last line."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(stores.folder)],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    turns = 20 + sum(line.isdigit() for line in rest)
    assert len(stores.files()) == 200
    stores.new()
    for name in stores.files():
        assert name.endswith(".cast")
        cast = read_recording(stores.folder / name)
        lines = cast.data(OUT).split(b"\r\n")[:-1]
        assert lines == [b"line %d" % (turn + 1) for turn in range(len(lines))]
        assert len(lines) >= turns - 1
        assert cast.notes() == [UnfinishedNote()]
