"""What every trusted file has."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.trustedfile import (
    Remarks,
    TrustedFile,
    content_of,
    named,
    parsed,
    passthrough_notes,
)
from tests.fakes.options import options


def test_content(tmp_path: Path) -> None:
    """The bytes, or the system's reason with flag and path."""
    (tmp_path / "there").write_bytes(b"x")
    assert content_of(str(tmp_path / "there"), "--flag") == b"x"
    with pytest.raises(Unusable) as caught:
        content_of("/nowhere", "--flag")
    assert caught.value.faults == (
        "--flag /nowhere cannot be read: No such file or directory; correct the path",
    )


def test_parsed(tmp_path: Path) -> None:
    """Every file in order, or the faults of all behind flag and path."""

    def parse(content: bytes) -> str:
        if content == b"bad":
            raise Unusable("one", "two")
        return content.decode()

    a, b, bad = (tmp_path / name for name in ("a", "b", "bad"))
    for path in (a, b, bad):
        path.write_text(path.name)
    assert parsed((str(b), str(a)), "--flag", parse) == ["b", "a"]
    assert parsed((), "--flag", parse) == []
    with pytest.raises(Unusable) as caught:
        parsed((str(bad), "/nowhere", str(a)), "--flag", parse)
    assert caught.value.faults == (
        f"--flag {bad}: one",
        f"--flag {bad}: two",
        "--flag /nowhere cannot be read: No such file or directory; correct the path",
    )


@pytest.mark.parametrize(
    ("identity", "path", "count"),
    [("passthrough", "file", 1), ("passthrough", "", 0), ("impersonate", "file", 0)],
)
def test_passthrough(identity: str, path: str, count: int) -> None:
    """A note where a file is given and tokens are passed through."""
    given = options(upstream_identity=identity)
    notes = passthrough_notes(given, path, "--flag", "what it means")
    said = "--flag with --upstream-identity=passthrough: what it means"
    assert notes == (said,) * count


def test_read_again() -> None:
    """As at start, unless the row says how else."""
    row = TrustedFile(flag="f", field="f", read=lambda *_: "start", paths=None)
    assert row.read_again(options(), Remarks(), "old") == "start"
    assert row.notes(options()) == ()
    other = TrustedFile(
        flag="f",
        field="f",
        read=lambda *_: "start",
        paths=None,
        again=lambda _, __, current: f"after {current}",
    )
    assert other.read_again(options(), Remarks(), "old") == "after old"


def test_named() -> None:
    """Paths that are not given are not looked at."""
    assert named("", "a", "") == ("a",)
    assert named("") == ()
