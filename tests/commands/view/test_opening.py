"""The file that leads a browser to the page."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from auditproxy.commands.view.opening import open_page


def test_only_the_file_is_named(tmp_path: Path) -> None:
    """It is the user's alone whatever the umask is, and what is in it is escaped."""
    given: list[str] = []
    before = os.umask(0)
    try:
        open_page('http://127.0.0.1:1/#token="x"&', str(tmp_path), given.append)
    finally:
        os.umask(before)
    (uri,) = given
    path = Path(urlsplit(uri).path)
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o600
    assert 'content="0;url=http://127.0.0.1:1/#token=&quot;x&quot;&amp;"' in path.read_text()


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    """Is not written to."""
    Path(tmp_path, "open.html").symlink_to(tmp_path / "other")
    with pytest.raises(FileExistsError):
        open_page("http://127.0.0.1:1/", str(tmp_path), lambda uri: None)
    assert not (tmp_path / "other").exists()
