"""A file whose end is repaired, and which can be read beside the writing."""

import os
from pathlib import Path

import pytest

from auditproxy.backends.durable.chainable import ChainableFile
from tests.fakes.rotating import Clocks, rotating_as


@pytest.mark.parametrize(
    ("content", "kept", "torn"),
    [(b"", b"", 0), (b"one\n", b"one\n", 0), (b"one\ntw", b"one\n", 2), (b"on", b"", 2)],
)
def test_repair(content: bytes, kept: bytes, torn: int, tmp_path: Path) -> None:
    """T272: what a crash has left of a line is cut off, and the next line follows the last one."""
    path = tmp_path / "audit.log"
    path.write_bytes(content)
    file = rotating_as(ChainableFile, path, Clocks(), size=20)
    file.ensure()
    assert file.repair() == torn
    assert file.repair() == 0
    file.write(b"next\n")
    assert path.read_bytes() == kept + b"next\n"


def test_the_reader_stays_with_its_file(tmp_path: Path) -> None:
    """It reads what was written when the path leads elsewhere, and what is elsewhere is not read."""
    path = tmp_path / "audit.log"
    file = rotating_as(ChainableFile, path, Clocks())
    file.write(b"one\n")
    reader = file.reader()
    path.rename(tmp_path / "aside")
    assert os.pread(reader, 10, 0) == b"one\n"
    os.close(reader)
    path.write_bytes(b"another")
    with pytest.raises(FileNotFoundError):
        file.reader()
