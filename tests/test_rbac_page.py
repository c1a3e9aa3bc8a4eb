"""docs/rbac.md: each command runs, and prints what the page shows."""

from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, commands_of, run
from tests.reading.granted import write_granted
from tests.reading.week import write_week

PAGE = ROOT / "docs" / "rbac.md"
COMMANDS = commands_of(PAGE)


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[one for one, _ in COMMANDS])
def test_the_page_shows_what_is_printed(command: str, output: str, tmp_path: Path) -> None:
    """With the trail of tests/reading/week.py, and the RBAC of tests/reading/granted.py."""
    write_week(tmp_path / "audit.log")
    write_granted(tmp_path / "rbac.yaml")
    assert run(command, tmp_path, {"TZ": "UTC"}) == output


def test_every_block_is_run() -> None:
    """By this test, each block with at least one command; but for what needs a cluster."""
    page = [block for block in blocks(PAGE) if block.who != "not run"]
    assert sum(len(block.commands) for block in page) == len(COMMANDS) > 1
    assert {(block.who, block.what) for block in page} == {("run by", "tests/test_rbac_page.py")}
    assert len(blocks(PAGE)) == len(page) + 1
