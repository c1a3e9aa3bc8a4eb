"""The folder of --cert-dir: a self-signed pair is made there once, as kube-apiserver does."""

import datetime
from pathlib import Path

from auditproxy.apis.faults import Unusable
from auditproxy.files.writable import fault_of_writing
from auditproxy.tls.keyfiles import write_new


def ensure_self_signed(
    folder: Path, names: tuple[str, ...], now: datetime.datetime
) -> tuple[Path, Path, bool]:
    """The certificate and key in ``folder``, made for ``names`` if they are not there.

    Returns both paths and whether they are new. An existing pair is used as it
    is. The key is 0600. Raises Unusable for half a pair and an unwritable folder.
    """
    certificate, key = _paths(folder)
    if certificate.exists():
        return certificate, key, False
    from auditproxy.tls.selfsigned import new_self_signed

    made = new_self_signed(names, now)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_new(key, made.private_key, 0o600)
        write_new(certificate, made.certificate, 0o644)
    except OSError as error:
        raise _unwritable(folder, error.strerror or type(error).__name__) from None
    return certificate, key, True


def existing_self_signed(folder: Path) -> tuple[Path, Path] | None:
    """The pair in ``folder``, None when it would be made there.

    Raises Unusable as ``ensure_self_signed`` would; makes nothing.
    """
    certificate, key = _paths(folder)
    if certificate.exists():
        return certificate, key
    why = fault_of_writing(key)
    if why:
        raise _unwritable(folder, why)
    return None


def _paths(folder: Path) -> tuple[Path, Path]:
    """Where the pair is or would be made; raises Unusable for half a pair."""
    certificate, key = folder / "auditproxy.crt", folder / "auditproxy.key"
    try:
        there = {path: path.exists() for path in (certificate, key)}
    except OSError as error:
        raise _unwritable(folder, error.strerror or type(error).__name__) from None
    for path, partner in ((certificate, key), (key, certificate)):
        if there[path] and not there[partner]:
            raise Unusable(
                f"--cert-dir {folder} has {path.name} without the matching file: "
                "remove it to have a new pair made, or name both with "
                "--tls-cert-file and --tls-private-key-file"
            )
    return certificate, key


def _unwritable(folder: Path, why: str) -> Unusable:
    return Unusable(
        f"--cert-dir {folder} cannot be written: {why.lower()}; choose another folder, "
        "or name certificates with --tls-cert-file and --tls-private-key-file"
    )
