"""PEM bytes as files: in memory, and in a folder where the system has no such files."""

import os
import ssl
import tempfile
from pathlib import Path

import pytest

from auditproxy.tls.pem import load_pair
from tests.fakes.authority import Authority

ROOT = Authority("root")


@pytest.mark.parametrize("memory", [True, False])
def test_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: bool) -> None:
    """A pair is loaded and nothing stays behind, neither a file nor a descriptor."""
    ROOT.write_leaf(tmp_path / "server", "localhost")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    descriptors = len(os.listdir("/proc/self/fd"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(
        context, (tmp_path / "server.crt").read_bytes(), (tmp_path / "server.key").read_bytes()
    )
    for certificate, key in ((b"", b""), (b"x", (tmp_path / "server.key").read_bytes())):
        with pytest.raises(ssl.SSLError):
            load_pair(context, certificate, key)
    assert list(folder.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == descriptors
