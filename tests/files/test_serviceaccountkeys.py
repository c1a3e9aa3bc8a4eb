"""The keys that service account tokens are signed by."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.serviceaccountkeys import read_service_account_keys
from auditproxy.files.trustedfile import Remarks
from auditproxy.options import Options
from tests.fakes.options import options
from tests.fakes.tokens import ec_key, public, public_pem, rsa_key


def test_service_account_keys(tmp_path: Path) -> None:
    """The keys of all files in order; a file that is missing or without a key is a fault each."""
    (tmp_path / "a.pub").write_bytes(public_pem(rsa_key()))
    (tmp_path / "b.pub").write_bytes(public_pem(ec_key()))
    (tmp_path / "empty").write_bytes(b"")

    def flags(*names: str) -> Options:
        return options(service_account_key_file=tuple(str(tmp_path / name) for name in names))

    keys = read_service_account_keys(flags("a.pub", "b.pub"), Remarks())
    assert keys == (public(rsa_key()), public(ec_key()))
    with pytest.raises(Unusable) as caught:
        read_service_account_keys(flags("missing", "empty", "a.pub"), Remarks())
    missing, empty = caught.value.faults
    assert missing.startswith(f"--service-account-key-file {tmp_path}/missing cannot be read")
    assert "does not contain any valid RSA or ECDSA public keys" in empty
    assert read_service_account_keys(flags(), Remarks()) is None
