"""Logs in tar files."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from auditproxy.apis.faults import Unusable
from auditproxy.reading.trail import archives
from auditproxy.reading.trail.archives import is_archive, members_of
from auditproxy.reading.trail.lines import DAMAGED
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import files_of
from tests.fakes.trails import event, line_of


def tar(
    *members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, size: int | None = None
) -> bytes:
    """An archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd"
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    data = bytearray(out.getvalue())
    if size is not None:
        data[124:136] = b"%011o\0" % size
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def log(*names: str) -> bytes:
    """A log of events about objects of these names."""
    return b"".join(line_of(event(name=name)) + b"\n" for name in names)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_logs(tmp_path: Path, pack: type[bytes]) -> None:
    """Packed or not, with packed ones in it; rotated files belong together."""
    path = tmp_path / "must-gather.tar"
    path.write_bytes(
        pack(
            tar(
                ("./node-1/audit.log", log("b")),
                ("./node-1/audit-2026-11-22T10-00-00.000.log.gz", gzip.compress(log("a"))),
                ("node-2/audit.log", log("c")),
                (".hidden", b"x"),
            )
        )
    )
    assert is_archive(str(path))
    spool = tmp_path / "spool"
    spool.mkdir()
    files = files_of([str(path)], str(spool))
    assert [(file.origin, file.is_rotated) for file in files] == [
        (f"{path}/node-1/audit.log", True),
        (f"{path}/node-1/audit.log", False),
        (f"{path}/node-2/audit.log", False),
    ]
    found = newest(files, Search(), 10)
    assert {one.event.object_ref.name for one in found.requests if one.event.object_ref} == set(
        "abc"
    )


def test_names_that_lead_out(tmp_path: Path) -> None:
    """Nothing is written but below the folder, and links and devices are no logs."""
    path = tmp_path / "a.tar"
    spool = tmp_path / "spool"
    spool.mkdir()
    path.write_bytes(
        tar(("../../evil.log", log("a")), ("/abs/evil.log", log("b")), ("..", log("c")))
    )
    found = [Path(where) for where, _ in members_of(str(path), str(spool), 10)]
    assert len(found) == 3
    assert all(spool in where.parents for where in found)
    assert not list(tmp_path.glob("evil*"))
    for kind in (
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
    ):
        path.write_bytes(tar(("link", b""), kind=kind))
        assert list(members_of(str(path), str(spool), 10)) == []


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files, and of bytes, before they are written."""
    path = tmp_path / "a.tar"
    path.write_bytes(tar(*((str(n), b"x") for n in range(5))))
    with pytest.raises(Unusable, match="too many files, or too many bytes"):
        list(members_of(str(path), str(tmp_path), 4))
    path.write_bytes(tar(("big", b"x"), size=1 << 32))
    monkeypatch.setattr(archives, "MOST_BYTES", 1 << 20)
    with pytest.raises(Unusable, match="too many files, or too many bytes"):
        list(members_of(str(path), str(tmp_path), 4))


@pytest.mark.parametrize("cut", [700, 1100])
def test_damage(tmp_path: Path, cut: int) -> None:
    """What is before it is read, and it is counted."""
    path = tmp_path / "a.tar"
    spool = tmp_path / "spool"
    spool.mkdir()
    path.write_bytes(tar(("a.log", log("a", "b", "c")), ("b.log", log("d")))[:cut])
    found = newest(files_of([str(path)], str(spool)), Search(), 10)
    assert found.counts[DAMAGED] == 1


def test_headers_that_say_to_be_long(tmp_path: Path) -> None:
    """None is read whole that is longer than a piece."""
    path = tmp_path / "a.tar"
    data = bytearray(tar(("x", b"y"), size=1 << 30))
    data[156:157] = tarfile.GNUTYPE_LONGNAME
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(gzip.compress(bytes(data) + bytes(64 << 20)))
    ((where, called),) = members_of(str(path), str(tmp_path), 10)
    assert called == f"{path}/"
    assert Path(where).read_bytes() == b"\x1f\x8b"


def test_other_files(tmp_path: Path) -> None:
    """Are none."""
    path = tmp_path / "a.log"
    for content in (b"", log("a"), gzip.compress(log("a")), b"\x1f\x8b", b"x" * 300):
        path.write_bytes(content)
        assert not is_archive(str(path))
