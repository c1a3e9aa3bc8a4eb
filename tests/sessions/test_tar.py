"""What is in a tar stream, of every writer there is, in whatever pieces, and of nonsense."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.tar import BLOCK, LONGEST_NAME, MOST_NAMES, TarMember, TarReader

CONTENT = {"a.txt": b"x" * 600, "d/b": b"", "d/" + "l" * 120 + "/c": b"y" * 512}


def archive(form: int, names: dict[str, bytes] = CONTENT) -> bytes:
    """A tar file by the standard library."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as tar:
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo("dir")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "z" * 200
        if form != tarfile.USTAR_FORMAT:
            tar.addfile(link)
    return target.getvalue()


def expected(form: int) -> list[TarMember]:
    """What must be found in it."""
    members = [TarMember(name, len(content), "file") for name, content in CONTENT.items()]
    members.append(TarMember("dir/", 0, "directory"))
    return members if form == tarfile.USTAR_FORMAT else [*members, TarMember("link", 0, "symlink")]


FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", [1, 7, 511, 512, 513, 100_000])
def test_forms(form: int, step: int) -> None:
    """Every form, in pieces of any size; the padding at the end belongs to it."""
    content = archive(form)
    reader = TarReader()
    found: list[TarMember] = []
    for start in range(0, len(content), step):
        members, rest = reader.feed(content[start : start + step])
        found += members
        assert rest == b""
    assert reader.end() == b""
    assert (found, reader.fault) == (expected(form), "")
    assert (reader.files, reader.bytes) == (len(found), 1112)


def test_the_real_tar(tmp_path: Path) -> None:
    """What GNU tar writes of files, holes and links."""
    (tmp_path / "plain").write_bytes(b"1234")
    (tmp_path / "hard").hardlink_to(tmp_path / "plain")
    with (tmp_path / "sparse").open("wb") as file:
        for place in range(40):
            file.seek(place * 100_000)
            file.write(b"x")
    (tmp_path / ("ä" * 80)).write_bytes(b"")
    done = subprocess.run(
        ["tar", "--sparse", "--format=gnu", "-cf", "-", "--sort=name", "."],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    reader = TarReader()
    members, rest = reader.feed(done.stdout)
    assert (rest, reader.fault) == (b"", "")
    kinds = {member.name: member.kind for member in members}
    assert kinds == {
        "./": "directory",
        "./hard": "file",
        "./plain": "hardlink",
        "./sparse": "file",
        "./" + "ä" * 80: "file",
    }


def test_a_retried_copy_begins_in_the_middle() -> None:
    """From the next header on everything is read; what precedes belongs to a member."""
    content = archive(tarfile.USTAR_FORMAT)
    reader = TarReader(700)
    members, rest = reader.feed(content[700:])
    assert rest == b""
    assert members[0].name == "d/b"
    assert reader.fault == ""


@pytest.mark.parametrize(
    ("data", "rest", "fault"),
    [
        (b"hello\n", b"hello\n", "it ends inside of a member"),
        (b"x" * 1000, b"x" * 1000, "a block is not a tar header"),
        (b"", b"", ""),
        (b"\0" * 5000, b"", ""),
        (b"\0" * 1024 + b"z" * 600, b"z" * 600, "data follows its end"),
        (archive(tarfile.USTAR_FORMAT)[:700], b"", "it ends inside of a member"),
        (archive(tarfile.USTAR_FORMAT) + b"z" * 600, b"z" * 600, "data follows its end"),
    ],
)
def test_what_is_no_tar(data: bytes, rest: bytes, fault: str) -> None:
    """It comes back whole, and says why."""
    reader = TarReader()
    _, left = reader.feed(data)
    assert left + reader.end() == rest
    assert reader.fault == fault


@pytest.mark.parametrize("before", [0, 100, 512, 700, 1200])
def test_a_loss(before: int) -> None:
    """Wherever it is: nothing after it is given back, named or taken for a header."""
    content = archive(tarfile.USTAR_FORMAT)
    reader = TarReader()
    reader.feed(content[:before])
    files = reader.files
    reader.lost()
    reader.lost()
    for data in (content[before + 90 :], content, b"z" * 2000):
        assert reader.feed(data) == ([], b"")
    assert reader.end() == b""
    assert (reader.files, reader.fault) == (
        files,
        "bytes of it are missing, and what follows is not read",
    )
    held = before if before < BLOCK else 0
    assert reader.unread == held + len(content) - before - 90 + len(content) + 2000


def test_a_loss_in_what_is_no_tar() -> None:
    """A program that does not write tar hides nothing by being fast."""
    reader = TarReader()
    reader.feed(b"x" * 600)
    reader.lost()
    assert reader.feed(b"more") == ([], b"more")
    assert (reader.unread, reader.fault) == (0, "a block is not a tar header")


def test_bounds() -> None:
    """Names are cut; of too many members the rest is counted."""
    reader = TarReader()
    members, _ = reader.feed(archive(tarfile.PAX_FORMAT, {"n" * 9000: b""}))
    assert members[0].name == "n" * LONGEST_NAME
    one = archive(tarfile.USTAR_FORMAT, {"a": b""})[:BLOCK]
    reader = TarReader()
    members, _ = reader.feed(one * (MOST_NAMES + 5))
    assert (len(members), reader.files, reader.unnamed) == (MOST_NAMES, MOST_NAMES + 5, 5)
    huge = bytearray(one)
    huge[156:157] = b"L"
    huge[124:136] = b"\x80" + b"\0" * 4 + b"\x10" + b"\0" * 6
    checked = bytes(huge[:148]) + b" " * 8 + bytes(huge[156:])
    huge[148:156] = b"%06o\0 " % sum(checked)
    reader = TarReader()
    assert reader.feed(bytes(huge) + b"n" * 1_000_000) == ([], b"")


@given(
    st.lists(st.binary(max_size=700), max_size=6),
    st.integers(0, 600),
    st.sampled_from(FORMS),
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=4),
)
def test_nonsense(
    pieces: list[bytes], skipped: int, form: int, changes: list[tuple[int, int]]
) -> None:
    """Nothing raises; the pieces in which it comes change nothing."""
    content = bytearray(archive(form))
    for place, value in changes:
        if place < len(content):
            content[place] = value
    for data in (b"".join(pieces), bytes(content)):
        whole, parts = TarReader(skipped), TarReader(skipped)
        members, rest = whole.feed(data)
        found: list[TarMember] = []
        left = b""
        for start in range(0, len(data), 97):
            some, more = parts.feed(data[start : start + 97])
            found += some
            left += more
        assert (found, left + parts.end()) == (members, rest + whole.end())
        assert (parts.fault, parts.files) == (whole.fault, whole.files)
