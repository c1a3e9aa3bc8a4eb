"""Members of a kubeconfig; the upstream's and the webhook's tests read whole files."""

from pathlib import Path

import pytest

from auditproxy.server.credentials import CredentialError
from auditproxy.server.kubeconfig_file import (
    Entry,
    file_or_data,
    refuse_foreign,
    select,
    text_of,
    tls_material,
)


def test_text_of() -> None:
    """A member that is not there is empty, one that is no text is refused."""
    entry = Entry({"a": "x", "b": None, "c": 1}, "/f")
    assert [text_of(entry, key, "source") for key in ("a", "b", "absent")] == ["x", "", ""]
    with pytest.raises(CredentialError, match="source: c is not a string"):
        text_of(entry, "c", "source")


def test_file_or_data(tmp_path: Path) -> None:
    """Data counts before a file; a file's name is relative to the kubeconfig."""
    (tmp_path / "ca").write_bytes(b"from file")
    config = str(tmp_path / "config")
    assert file_or_data(Entry({"ca": "ca"}, config), "ca", "s") == b"from file"
    assert file_or_data(Entry({"ca": "ca", "ca-data": "eA=="}, config), "ca", "s") == b"x"
    assert file_or_data(Entry({}, config), "ca", "s") == b""


def test_refuse_foreign() -> None:
    """Impersonation and dropped members are refused, each by its name."""
    refuse_foreign(Entry({"token": "t"}, "/f"), "source")
    with pytest.raises(CredentialError, match="'as-groups'"):
        refuse_foreign(Entry({"as-groups": ["g"]}, "/f"), "source")


def test_tls_material() -> None:
    """insecure-skip-tls-verify switches verification off."""
    empty = Entry({}, "/f")
    assert tls_material(empty, empty, "s").verify
    assert not tls_material(Entry({"insecure-skip-tls-verify": True}, "/f"), empty, "s").verify


def test_select_names_the_flag(tmp_path: Path) -> None:
    """A missing file is told with the flag that named it."""
    with pytest.raises(CredentialError, match="correct --some-file"):
        select(str(tmp_path / "absent"), "", "the file", "--some-file")
