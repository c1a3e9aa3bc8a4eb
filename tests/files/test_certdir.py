"""The folder of --cert-dir: made once, never half, never over an old file."""

import datetime
import stat
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.certdir import ensure_self_signed, existing_self_signed
from tests.fakes.unprivileged import folder_with, unprivileged

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
NAMES = ("localhost", "127.0.0.1", "::1")


def test_made_once(tmp_path: Path) -> None:
    """A pair is made where there is none, the key 0600, and used again afterwards."""
    folder = tmp_path / "a" / "certs"
    certificate, key, made = ensure_self_signed(folder, NAMES, NOW)
    assert made
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    content = certificate.read_bytes()
    again = ensure_self_signed(folder, NAMES, NOW)
    assert again == (certificate, key, False)
    assert certificate.read_bytes() == content


@pytest.mark.parametrize("missing", ["auditproxy.crt", "auditproxy.key"])
def test_half_a_pair(tmp_path: Path, missing: str) -> None:
    """Half a pair is never completed: the text says what to do."""
    ensure_self_signed(tmp_path, NAMES, NOW)
    (tmp_path / missing).unlink()
    with pytest.raises(Unusable, match="without the matching file: remove it"):
        ensure_self_signed(tmp_path, NAMES, NOW)


def test_unwritable_folder(tmp_path: Path) -> None:
    """A folder that cannot be made names the flag and the fix."""
    (tmp_path / "file").touch()
    with pytest.raises(Unusable, match="--cert-dir .* cannot be written"):
        ensure_self_signed(tmp_path / "file" / "certs", NAMES, NOW)


def test_existing(tmp_path: Path) -> None:
    """A check finds the pair or the reason why none can be made, and makes nothing."""
    assert existing_self_signed(tmp_path / "new") is None
    assert list(tmp_path.iterdir()) == []
    certificate, key, _ = ensure_self_signed(tmp_path / "made", NAMES, NOW)
    assert existing_self_signed(tmp_path / "made") == (certificate, key)
    with pytest.raises(Unusable, match="--cert-dir /proc/certs cannot be written"):
        existing_self_signed(Path("/proc/certs"))


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o400, 0o500, 0o600])
def test_a_folder_without_permissions(mode: int) -> None:
    """The check and the start say the same, also of one that cannot be searched."""
    with unprivileged() as parent:
        folder = folder_with(parent, mode)
        for ask in (
            lambda: existing_self_signed(folder),
            lambda: ensure_self_signed(folder, NAMES, NOW),
        ):
            with pytest.raises(Unusable) as caught:
                ask()
            (fault,) = caught.value.faults
            assert fault.startswith(f"--cert-dir {folder} cannot be written: permission denied; ")
