"""Rows of the index say what whole requests say."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.rows import cells
from auditproxy.commands.view.indexrows import SELECTED, facts_of, read_row, shown_row
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import files_of
from tests.commands.view.viewing import InProcess, hostile_events
from tests.fakes.trails import write
from tests.reading.shop import write_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[InProcess]:
    """The trail of the documents, with hostile events."""
    write_shop(tmp_path / "logs")
    write(tmp_path / "logs" / "hostile.log", hostile_events())
    made = InProcess(tmp_path / "index", tmp_path / "logs")
    yield made
    made.close()


def test_a_row_says_what_the_request_says(shop: InProcess, tmp_path: Path) -> None:
    """The same cells, outcome and sentence, for each request."""
    rows = [read_row(row) for row in shop.ask(f"SELECT {SELECTED} FROM requests")]
    whole = newest(files_of([str(tmp_path / "logs")], str(tmp_path)), Search(), 1000)
    known = {one.event.audit_id: RequestFacts(one) for one in whole.requests}
    assert len(rows) == len(known) > 15
    for row in rows:
        facts = known[row.audit_id]
        assert (
            cells(facts_of(row), "", None, wide=True)[1:7] == cells(facts, "", None, wide=True)[1:7]
        )
        assert row.outcome == facts.outcome


def test_what_is_shown_is_visible(shop: InProcess) -> None:
    """No control and no mark of direction is in any text of a row."""
    for row in shop.ask(f"SELECT {SELECTED} FROM requests"):
        shown = shown_row(read_row(row))
        assert all(text.isprintable() for text in shown.values() if isinstance(text, str))


def test_other_columns() -> None:
    """A row that a user's expression made is one line."""
    with pytest.raises(Unusable, match="one expression"):
        read_row([1, 2, 3])
