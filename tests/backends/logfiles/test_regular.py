"""Only regular files are opened, and none holds up who opens it."""

import os
import socket
from pathlib import Path

import pytest

from auditproxy.backends.logfiles.regular import open_regular


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT])
@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "device"])
def test_what_is_no_file(tmp_path: Path, kind: str, flags: int) -> None:
    """It is refused at once."""
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    with pytest.raises(OSError, match="not a regular file|Is a directory"):
        open_regular(path, flags)


def test_files(tmp_path: Path) -> None:
    """A file is opened, or made for the proxy's user alone; a missing one and a link say so."""
    path = tmp_path / "a"
    with pytest.raises(FileNotFoundError):
        open_regular(path)
    os.close(open_regular(path, os.O_WRONLY | os.O_CREAT))
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"content")
    with open(open_regular(path), "rb") as file:
        assert file.read() == b"content"
    link = tmp_path / "link"
    link.symlink_to("a")
    os.close(open_regular(link))
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(link, os.O_RDONLY | os.O_NOFOLLOW)
