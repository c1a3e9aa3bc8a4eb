"""The listener's TLS settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.files import read_files
from auditproxy.files.listener import listener_context
from auditproxy.tls.serving import KeyPair
from tests.fakes.authority import Authority
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options


def test_context(tmp_path: Path) -> None:
    """The certificate in use, and the authorities of clients are asked for."""
    root = Authority("root")
    root.write_leaf(tmp_path / "server", "localhost")
    (tmp_path / "ca.crt").write_bytes(root.pem)
    flags = options(
        tls_cert_file=str(tmp_path / "server.crt"),
        tls_private_key_file=str(tmp_path / "server.key"),
        client_ca_file=str(tmp_path / "ca.crt"),
        kubeconfig=kubeconfig_file(tmp_path),
    )
    files = read_files(flags)
    context = listener_context(flags, files)
    assert context is not None
    assert len(context.get_ca_certs()) == 1
    assert files.certificate is not None
    broken = replace(files.certificate, pair=KeyPair(b"", b""))
    with pytest.raises(Unusable, match="the serving TLS settings cannot be used"):
        listener_context(flags, replace(files, certificate=broken))
    assert listener_context(flags, replace(files, certificate=None)) is None
