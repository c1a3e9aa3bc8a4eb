"""An archive and its file, line by line."""

import gzip
from pathlib import Path

from auditproxy.audit.chain.findings import ChainFinding
from auditproxy.commands.verify.doubles import compare_double


def compared(folder: Path, plain: bytes, packed: bytes) -> ChainFinding | str:
    """What is said of two contents."""
    (folder / "a").write_bytes(plain)
    (folder / "a.gz").write_bytes(packed)
    return compare_double(3, str(folder / "a"), str(folder / "a.gz"))


def test_alike(tmp_path: Path) -> None:
    """Also when both are empty."""
    for content in (b"", b"1\n2\n"):
        said = compared(tmp_path, content, gzip.compress(content))
        assert said == f"{tmp_path}/a.gz has the same as {tmp_path}/a"


def test_not_whole(tmp_path: Path) -> None:
    """A compression that was killed, and what is no archive's rest."""
    packed = gzip.compress(b"1\n2\n")
    for damaged in (packed[:-3], packed[:-9], packed + b"x"):
        said = compared(tmp_path, b"1\n2\n", damaged)
        assert said == f"{tmp_path}/a.gz is not whole, and {tmp_path}/a was read in its place"


def test_different(tmp_path: Path) -> None:
    """The first line that differs, in either direction."""
    for plain, packed, line in (
        (b"1\n2\n", b"1\n3\n", 2),
        (b"1\n", b"1\n2\n", 2),
        (b"1\n2\n3\n", b"1\n2\n", 3),
    ):
        said = compared(tmp_path, plain, gzip.compress(packed))
        assert isinstance(said, ChainFinding)
        assert (said.place.order, said.place.line, said.kind) == (3, line, "changed")
        assert said.place.file == f"{tmp_path}/a.gz"
