"""An indexed trail: its process is started, asked, ended when it is late, and started again."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.indexed import IndexedTrail, IndexProgress, TrailClosed
from auditproxy.reading.trail.sources import TrailFile
from tests.fakes.trails import event, write

ENDLESS = (
    "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE a.range + b.range = -1"
)


@pytest.fixture
def stored(tmp_path: Path) -> list[TrailFile]:
    """A log of two requests."""
    log = write(tmp_path / "audit.log", [event(name="a"), event(name="b")])
    return [TrailFile(str(log), "o")]


@pytest.fixture
def trail(stored: list[TrailFile], tmp_path: Path) -> Iterator[IndexedTrail]:
    """Its index, made."""
    made = IndexedTrail(stored, str(tmp_path), threads=1)
    seen: list[IndexProgress] = []
    made.build(seen.append)
    assert seen
    assert all(done.percent is None or 0 <= done.percent <= 100 for done in seen)
    yield made
    made.close()


def test_questions_of_several_threads(trail: IndexedTrail) -> None:
    """Each gets its own answer."""
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        answers[number] = trail.ask("SELECT count(*) + ? FROM requests", [number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == {number: [[2 + number]] for number in range(8)}


def test_a_fault_and_then_an_answer(trail: IndexedTrail) -> None:
    """What is wrong with one question is not with the next."""
    with pytest.raises(Unusable, match="nothing"):
        trail.ask("SELECT nothing FROM requests")
    assert trail.ask("SELECT 1") == [[1]]


def test_one_that_takes_too_long(stored: list[TrailFile], tmp_path: Path) -> None:
    """Its process is ended, and the next question is answered by another one from the same index."""
    trail = IndexedTrail(stored, str(tmp_path), threads=1, timeout=1)
    trail.build()
    with pytest.raises(Unusable, match="no answer within 1 second;"):
        trail.ask(ENDLESS)
    (tmp_path / "audit.log").unlink()
    assert trail.ask("SELECT count(*) FROM requests") == [[2]]
    trail.close()


def test_closing_ends_a_question(trail: IndexedTrail) -> None:
    """Whoever waits gets a fault, and nothing is asked any more."""
    faults: list[Unusable] = []
    begun = threading.Event()

    def ask() -> None:
        begun.set()
        try:
            trail.ask(ENDLESS)
        except Unusable as error:
            faults.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    begun.wait(10)
    trail.close()
    thread.join(20)
    assert [type(fault) for fault in faults] == [TrailClosed]
    with pytest.raises(TrailClosed, match="closed"):
        trail.ask("SELECT 1")


def test_an_index_that_cannot_be_made(tmp_path: Path) -> None:
    """A log that is not there is a fault of the building."""
    trail = IndexedTrail([TrailFile(str(tmp_path / "none.log"), "o")], str(tmp_path))
    with pytest.raises(Unusable, match=r"none\.log"):
        trail.build()
    trail.close()
