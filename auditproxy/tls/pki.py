"""A public key infrastructure for development: authorities, serving and client certificates.

Keys are ECDSA P-256 in files of mode 0600, in a folder of mode 0700. No file is
ever written over, but for the serving pair when it gets another name. The
front-proxy authority signs the certificate with which an aggregator or another
proxy names users in headers; it is apart from the authority of clients, as
kube-apiserver wants it.
"""

import datetime
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.tls.keyfiles import general_name, key_pem, write_new

DAYS = 365
AUTHORITY_DAYS = 3650

_AUTHORITY = "ca"
_FRONT_PROXY_AUTHORITY = "front-proxy-ca"
_SERVER = "server"
_FRONT_PROXY_CLIENT = "front-proxy-client"
_RESERVED = frozenset({_AUTHORITY, _FRONT_PROXY_AUTHORITY, _SERVER, _FRONT_PROXY_CLIENT})
_DNS_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_BACKDATED = datetime.timedelta(hours=1)


class PkiError(Unusable):
    """A file cannot be made or read; the text names it and says what to do."""

    code = FAILED


@dataclass(frozen=True, slots=True)
class _Authority:
    """A certificate authority whose key is at hand."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create_pki(folder: Path, *, server_names: tuple[str, ...], days: int = DAYS) -> None:
    """Make ca, server, front-proxy-ca and front-proxy-client, each a .crt and a .key.

    ``server_names`` are the DNS names and IP addresses of the serving
    certificate. Raises PkiError when one of the files is there already, before
    anything is written, and OSError when the folder cannot be written.
    """
    _check_days(days)
    _check_names(server_names)
    _refuse_existing(folder, (_AUTHORITY, _SERVER, _FRONT_PROXY_AUTHORITY, _FRONT_PROXY_CLIENT))
    _make_folder(folder)
    authority_days = max(days, AUTHORITY_DAYS)
    authority = _create_authority(folder, _AUTHORITY, "auditproxy-ca", authority_days)
    front = _create_authority(
        folder, _FRONT_PROXY_AUTHORITY, "auditproxy-front-proxy-ca", authority_days
    )
    _create_serving(folder, authority, server_names, days)
    _create_leaf(
        folder,
        _FRONT_PROXY_CLIENT,
        front,
        _subject("front-proxy-client", ()),
        ExtendedKeyUsageOID.CLIENT_AUTH,
        (),
        days,
    )


def create_client(
    folder: Path, common_name: str, organizations: tuple[str, ...], days: int = DAYS
) -> tuple[Path, Path]:
    """Make ``<common_name>.crt`` and ``.key``, signed by the folder's ca; returns both paths.

    To kube-apiserver the common name is the user and the organizations are the
    groups. Raises PkiError.
    """
    _check_days(days)
    if not common_name or common_name in _RESERVED or not _is_file_name(common_name):
        raise PkiError(
            f"a client cannot be called {common_name!r}: its files would be "
            f"{common_name}.crt and {common_name}.key; choose another common name"
        )
    _refuse_existing(folder, (common_name,))
    return _create_leaf(
        folder,
        common_name,
        _read_authority(folder),
        _subject(common_name, organizations),
        ExtendedKeyUsageOID.CLIENT_AUTH,
        (),
        days,
    )


def create_server(folder: Path, names: tuple[str, ...], days: int = DAYS) -> tuple[Path, Path]:
    """Make ``server.crt`` and ``server.key`` for ``names``, signed by the folder's ca.

    Remove the old pair first to have it made for other names. Raises PkiError.
    """
    _check_days(days)
    _check_names(names)
    _refuse_existing(folder, (_SERVER,))
    return _create_serving(folder, _read_authority(folder), names, days)


def has_authority(folder: Path) -> bool:
    """Whether the folder has the authority that further certificates are signed by."""
    return (folder / f"{_AUTHORITY}.crt").exists()


def add_server_names(folder: Path, names: tuple[str, ...], days: int = DAYS) -> tuple[Path, ...]:
    """Make the serving pair again with ``names`` after those it has; the files that were made.

    Nothing is made when it has them all. Each file is replaced in one step. Raises PkiError.
    """
    _check_days(days)
    _check_names(names)
    authority = _read_authority(folder)
    known = _server_names(folder)
    wanted = tuple(dict.fromkeys((*known, *(_normalised(name) for name in names))))
    if wanted == known:
        return ()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as name:
        made = _create_serving(Path(name), authority, wanted, days)
        # The key first: a reader between both finds a pair that does not match and tries again.
        return tuple(path.replace(folder / path.name) for path in reversed(made))


def _server_names(folder: Path) -> tuple[str, ...]:
    """The names of the serving certificate; none where there is no such file."""
    path = _paths(folder, _SERVER)[0]
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except FileNotFoundError:
        return ()
    except (ValueError, x509.ExtensionNotFound):
        raise PkiError(
            f"{path} is not a certificate with names in PEM; remove it and {_SERVER}.key"
        ) from None
    return tuple(str(name.value) for name in found.value)


def _normalised(name: str) -> str:
    """The name as a certificate gives it back: ``::1`` for ``0:0:0:0:0:0:0:1``."""
    return str(general_name(name).value)


def _create_serving(
    folder: Path, authority: _Authority, names: tuple[str, ...], days: int
) -> tuple[Path, Path]:
    return _create_leaf(
        folder,
        _SERVER,
        authority,
        _subject(names[0], ()),
        ExtendedKeyUsageOID.SERVER_AUTH,
        names,
        days,
    )


def _check_days(days: int) -> None:
    if days < 1:
        raise PkiError(f"a certificate cannot be valid for {days} days; give at least 1")


def _check_names(names: tuple[str, ...]) -> None:
    if not names:
        raise PkiError("server.crt needs at least one DNS name or IP address")
    for name in names:
        try:
            known = general_name(name)
            if isinstance(known, x509.DNSName) and not _DNS_NAME.fullmatch(name):
                raise ValueError
        except ValueError:
            raise PkiError(
                f"server.crt cannot be made for {name!r}: give a DNS name in ASCII or an IP address"
            ) from None


def _is_file_name(name: str) -> bool:
    return "/" not in name and "\0" not in name and not name.startswith(".")


def _refuse_existing(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        for path in _paths(folder, name):
            if path.exists() or path.is_symlink():
                raise PkiError(
                    f"{path} exists and is not overwritten: remove it, or choose another folder"
                )


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Also a folder that was there before now holds keys.
    folder.chmod(0o700)


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.crt", folder / f"{name}.key"


def _read_authority(folder: Path) -> _Authority:
    certificate_path, key_path = _paths(folder, _AUTHORITY)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise PkiError(
            f"{error.filename} does not exist: make the authority with auditproxy certs first"
        ) from None
    except (ValueError, TypeError):
        raise PkiError(
            f"{certificate_path} and {key_path} are not a certificate and key in PEM; "
            "make new ones with auditproxy certs in another folder"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError(f"{key_path} is not an ECDSA key; use a folder that auditproxy certs made")
    return _Authority(certificate, key)


def _subject(common_name: str, organizations: tuple[str, ...]) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)
        for organization in organizations
    ]
    try:
        return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError as error:
        raise PkiError(f"a certificate cannot name {common_name!r}: {error}") from None


def _create_authority(folder: Path, name: str, common_name: str, days: int) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(common_name, ())
    certificate = (
        _builder(subject, subject, key, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    _write_pair(folder, name, certificate, key)
    return _Authority(certificate, key)


def _create_leaf(
    folder: Path,
    file_name: str,
    authority: _Authority,
    subject: x509.Name,
    usage: x509.ObjectIdentifier,
    names: tuple[str, ...],
    days: int,
) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    builder = (
        _builder(subject, authority.certificate.subject, key, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value),
            critical=False,
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False
        )
    return _write_pair(folder, file_name, builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    certificate_path, key_path = _paths(folder, name)
    write_new(key_path, key_pem(key), 0o600)
    write_new(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate_path, key_path
