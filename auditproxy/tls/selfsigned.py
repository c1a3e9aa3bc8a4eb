"""Self-signed serving certificates, made where ``--cert-dir`` says as kube-apiserver does."""

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from auditproxy.tls.writable import fault_of_writing

VALIDITY = datetime.timedelta(days=365)


class CertificateError(Exception):
    """The certificate cannot be made; the text names the flag and the fix."""


def ensure_self_signed(
    folder: Path, names: tuple[str, ...], now: datetime.datetime
) -> tuple[Path, Path, bool]:
    """The certificate and key in ``folder``, made for ``names`` if they are not there.

    Returns both paths and whether they are new. An existing pair is used as it
    is; half a pair is an error. The key is 0600.
    """
    certificate, key = self_signed_paths(folder)
    if certificate.exists():
        return certificate, key, False
    private = ec.generate_private_key(ec.SECP256R1())
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(key, _pem(private), 0o600)
        _write(certificate, _self_signed(private, names, now), 0o644)
    except OSError as error:
        raise _unwritable(folder, error.strerror or type(error).__name__) from None
    return certificate, key, True


def self_signed_paths(folder: Path) -> tuple[Path, Path]:
    """Where the pair is or would be made; raises CertificateError for half a pair."""
    certificate, key = folder / "auditproxy.crt", folder / "auditproxy.key"
    for path, partner in ((certificate, key), (key, certificate)):
        if path.exists() and not partner.exists():
            raise CertificateError(
                f"--cert-dir {folder} holds {path.name} without its partner: "
                "remove it to have a new pair made, or name both with "
                "--tls-cert-file and --tls-private-key-file"
            )
    return certificate, key


def existing_self_signed(folder: Path) -> tuple[Path, Path] | None:
    """The pair in ``folder``, None when it would be made there; raises CertificateError."""
    certificate, key = self_signed_paths(folder)
    if certificate.exists():
        return certificate, key
    why = fault_of_writing(key)
    if why:
        raise _unwritable(folder, why)
    return None


def _unwritable(folder: Path, why: str) -> CertificateError:
    return CertificateError(
        f"--cert-dir {folder} cannot be written: {why.lower()}; choose another folder, "
        "or name certificates with --tls-cert-file and --tls-private-key-file"
    )


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _self_signed(
    private: ec.EllipticCurvePrivateKey, names: tuple[str, ...], now: datetime.datetime
) -> bytes:
    """A certificate that is its own CA, so that a kubeconfig can name it as such."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{names[0]}@auditproxy")])
    key_id = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(key_id, critical=False)
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file with its mode from the first byte on; never over an old one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
