"""docs/reading.md: each command runs, and prints what the page shows."""

import re
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, run
from tests.reading.shop import write_shop

PAGE = ROOT / "docs" / "reading.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def shown() -> list[tuple[str, str]]:
    """Each command of the page with the output below it."""
    found: list[tuple[str, str]] = []
    for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            count = 1
            while lines[count - 1].endswith("\\\n"):
                count += 1
            found.append(("".join(lines[:count]).rstrip("\n"), "".join(lines[count:])))
    return found


COMMANDS = shown()


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[one for one, _ in COMMANDS])
def test_the_page_shows_what_is_printed(command: str, output: str, tmp_path: Path) -> None:
    """With the trail of tests/reading/shop.py in a folder logs."""
    write_shop(tmp_path / "logs")
    assert run(command, tmp_path, {"TZ": "UTC"}) == output


def test_every_block_is_run() -> None:
    """By this test, each block with at least one command."""
    page = blocks(PAGE)
    assert sum(len(block.commands) for block in page) == len(COMMANDS) > 5
    assert {(block.who, block.what) for block in page} == {("run by", "tests/test_reading_page.py")}
