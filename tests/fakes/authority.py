"""Certificate authorities of tests: any chain, with any extension, valid or not."""

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def nanoseconds(moment: datetime.datetime) -> int:
    """A time as the code counts it."""
    return int(moment.timestamp()) * 1_000_000_000


class Authority:
    """An authority that signs; ``root`` makes it with its own key, ``authority`` below another."""

    def __init__(
        self, name: str, parent: "Authority | None" = None, key: Any = None, **shape: Any
    ) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        shape.setdefault("ca", True)
        self.certificate = (parent or self).sign(self.name, self.key.public_key(), **shape)

    def authority(self, name: str, **shape: Any) -> "Authority":
        """An authority below this one."""
        return Authority(name, self, **shape)

    @property
    def pem(self) -> bytes:
        """Its certificate, as a bundle has it."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """Its certificate, as a handshake has it."""
        return self.certificate.public_bytes(Encoding.DER)

    def sign(
        self,
        subject: x509.Name,
        public_key: Any,
        *,
        ca: bool | None = None,
        path_length: int | None = None,
        usages: tuple[x509.ObjectIdentifier, ...] | None = None,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        names: tuple[str, ...] = (),
        digest: hashes.SHA256 | hashes.SHA512 | None = None,
    ) -> x509.Certificate:
        """A certificate; ``ca`` None leaves its basic constraints out."""
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or now - HOUR)
            .not_valid_after(not_after or now + HOUR)
        )
        if ca is not None:
            constraints = x509.BasicConstraints(ca=ca, path_length=path_length)
            builder = builder.add_extension(constraints, critical=True)
        if usages is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, digest or hashes.SHA256())

    def leaf(self, common_name: str, **shape: Any) -> x509.Certificate:
        """A certificate of a client."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        return self.sign(subject, ec.generate_private_key(ec.SECP256R1()).public_key(), **shape)

    def write_leaf(
        self,
        path: Path,
        common_name: str,
        *,
        organizations: tuple[str, ...] = (),
        chain: bool = False,
        **shape: Any,
    ) -> bytes:
        """Write ``path``.crt, with this authority behind it if ``chain``, and .key; returns the DER."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
            + [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        )
        certificate = self.sign(subject, key.public_key(), names=(common_name,), **shape)
        path.with_suffix(".crt").write_bytes(
            certificate.public_bytes(Encoding.PEM) + (self.pem if chain else b"")
        )
        path.with_suffix(".key").write_bytes(
            key.private_bytes(
                Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate.public_bytes(Encoding.DER)
