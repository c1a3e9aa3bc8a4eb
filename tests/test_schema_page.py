"""docs/events-schema.md: the columns are those of the views, and each command prints what it shows."""

import re
from pathlib import Path

import pytest

from auditproxy.reading.sql.store import StoredFile, open_store
from auditproxy.reading.trail.saved import SIZES
from tests.documents import ROOT, blocks, commands_of, run
from tests.fakes.trails import event, write
from tests.reading.shop import write_shop

PAGE = ROOT / "docs" / "events-schema.md"
COMMANDS = commands_of(PAGE)
_ROW = re.compile(r"^\| `(\w+)` \| ([A-Z][^|]*?) \|", re.MULTILINE)


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[one for one, _ in COMMANDS])
def test_the_page_shows_what_is_printed(command: str, output: str, tmp_path: Path) -> None:
    """With the trail of tests/reading/shop.py in a folder logs."""
    write_shop(tmp_path / "logs")
    # What one command saves is there for the next.
    for earlier, _ in COMMANDS[: COMMANDS.index((command, output))]:
        if "--save" in earlier:
            run(earlier, tmp_path)
    assert run(command, tmp_path, {"TZ": "UTC"}) == output


def test_every_block_is_run() -> None:
    """By this test, each block with at least one command."""
    page = blocks(PAGE)
    assert sum(len(block.commands) for block in page) == len(COMMANDS) > 4
    assert {(block.who, block.what) for block in page} == {("run by", "tests/test_schema_page.py")}


def test_every_column_is_on_the_page(tmp_path: Path) -> None:
    """With its type, in the order of the views."""
    path = write(tmp_path / "audit.log", [event()])
    connection = open_store([StoredFile(str(path), "o")], str(tmp_path), 1)
    described = {
        view: [row[:2] for row in connection.execute(f"DESCRIBE {view}").fetchall()]
        for view in ("events", "requests")
    }
    connection.close()
    both, alone = PAGE.read_text(encoding="utf-8").split("## Columns of requests alone")
    alone, sizes = alone.split("## Columns of saved trails alone")
    assert _ROW.findall(both) == described["events"]
    assert _ROW.findall(both) + _ROW.findall(alone) == described["requests"]
    assert [name for name in SIZES if f"`{name}`" not in sizes] == []
    assert set(SIZES.values()) == {"BIGINT"} == {kind for _, kind in _ROW.findall(sizes)}
