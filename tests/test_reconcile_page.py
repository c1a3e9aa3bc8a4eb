"""docs/reconcile.md: each command runs, and prints what the page shows."""

from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, commands_of, run
from tests.reading.cluster import write_cluster

PAGE = ROOT / "docs" / "reconcile.md"
COMMANDS = commands_of(PAGE)


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[one for one, _ in COMMANDS])
def test_the_page_shows_what_is_printed(command: str, output: str, tmp_path: Path) -> None:
    """With both trails of tests/reading/cluster.py; something is found."""
    write_cluster(tmp_path)
    assert run(command, tmp_path, {"TZ": "UTC"}, status=1) == output


def test_every_block_is_run() -> None:
    """By this test, each block with at least one command."""
    page = blocks(PAGE)
    assert sum(len(block.commands) for block in page) == len(COMMANDS) > 1
    who = {(block.who, block.what) for block in page}
    assert who == {("run by", "tests/test_reconcile_page.py")}
