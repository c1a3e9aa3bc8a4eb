"""A development PKI: what OpenSSL accepts, modes, and no file written over."""

import asyncio
import contextlib
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from auditproxy.tls.pki import PkiError, create_client, create_pki, create_server

NAMES = ("localhost", "127.0.0.1", "::1")
FILES = {
    f"{name}.{end}"
    for name in ("ca", "server", "front-proxy-ca", "front-proxy-client")
    for end in ("crt", "key")
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything and one client."""
    folder = tmp_path_factory.mktemp("pki") / "certs"
    create_pki(folder, server_names=NAMES)
    create_client(folder, "alice", ("dev", "ops"), 30)
    return folder


def load(path: Path) -> x509.Certificate:
    """The certificate of a file."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_files_and_modes(pki: Path) -> None:
    """Keys are for their owner alone."""
    assert {path.name for path in pki.iterdir()} == FILES | {"alice.crt", "alice.key"}
    assert stat.S_IMODE(pki.stat().st_mode) == 0o700
    for path in pki.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_client_names(pki: Path) -> None:
    """The common name is the user, organizations are the groups."""
    subject = load(pki / "alice.crt").subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["alice"]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "dev",
        "ops",
    ]


@pytest.mark.parametrize(
    ("leaf", "authority"),
    [
        ("server", "ca"),
        ("alice", "ca"),
        ("front-proxy-client", "front-proxy-ca"),
        ("ca", "ca"),
        ("front-proxy-ca", "front-proxy-ca"),
    ],
)
def test_issuers(pki: Path, leaf: str, authority: str) -> None:
    """Each is signed by the authority it names, in its identifiers too."""
    certificate, issuer = load(pki / f"{leaf}.crt"), load(pki / f"{authority}.crt")
    certificate.verify_directly_issued_by(issuer)
    found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    wanted = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert found.key_identifier == wanted.digest


async def handshake(pki: Path, client: str, server_name: str) -> tuple[str, ...]:
    """Both sides verify strictly; the organizations and common name that the server saw."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.verify_flags |= ssl.VERIFY_X509_STRICT
    serving.load_cert_chain(pki / "server.crt", pki / "server.key")
    calling = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    calling.verify_flags |= ssl.VERIFY_X509_STRICT
    calling.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
    seen: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Show who called."""
        parts = writer.get_extra_info("peercert")["subject"]
        seen.set_result(tuple(value for part in parts for _, value in part))
        writer.write(b"x")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=serving)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=calling, server_hostname=server_name
        )
        try:
            # TLS 1.3 tells of a refused client certificate only when something is read.
            await reader.readexactly(1)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return await seen


@pytest.mark.parametrize("name", NAMES)
async def test_openssl_accepts_them(pki: Path, name: str) -> None:
    """Mutual TLS with strict verification, for each name."""
    assert await handshake(pki, "alice", name) == ("dev", "ops", "alice")


async def test_other_names_are_refused(pki: Path) -> None:
    """The serving certificate is for its names only."""
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(pki, "alice", "example.org")


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    """A file that exists is named, and nothing was written before."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(PkiError) as caught:
        create_pki(tmp_path, server_names=NAMES)
    assert str(caught.value) == (
        f"{tmp_path / name} exists and is not overwritten: remove it, or choose another folder"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_client_twice(pki: Path) -> None:
    """A second client of the same name is refused."""
    with pytest.raises(PkiError, match=r"alice\.crt exists"):
        create_client(pki, "alice", ())


@pytest.mark.parametrize("name", ["", "ca", "server", "../alice", ".hidden", "a\0b"])
def test_client_names_that_are_no_files(pki: Path, name: str) -> None:
    """A name may not leave the folder or take another's place."""
    with pytest.raises(PkiError, match="choose another common name"):
        create_client(pki, name, ())


def test_a_name_too_long_for_x509(pki: Path) -> None:
    """X.509 allows 64 characters."""
    with pytest.raises(PkiError, match="a certificate cannot name"):
        create_client(pki, "a" * 65, ())


def test_no_authority(tmp_path: Path) -> None:
    """What is missing is named, with the fix."""
    with pytest.raises(PkiError) as caught:
        create_client(tmp_path, "bob", ())
    assert str(caught.value) == (
        f"{tmp_path / 'ca.crt'} does not exist: make the authority with auditproxy certs first"
    )


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    """Other content is no authority."""
    for name in ("ca.crt", "ca.key"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(PkiError, match="are not a certificate and key in PEM"):
        create_server(tmp_path, NAMES)


def test_server_for_other_names(tmp_path: Path) -> None:
    """The serving pair can be made anew once it was removed."""
    create_pki(tmp_path, server_names=NAMES, days=1)
    with pytest.raises(PkiError, match=r"server\.crt exists"):
        create_server(tmp_path, ("proxy.example.org",))
    for name in ("server.crt", "server.key"):
        (tmp_path / name).unlink()
    certificate, _ = create_server(tmp_path, ("proxy.example.org",))
    names = load(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["proxy.example.org"]


@pytest.mark.parametrize("names", [(), ("bücher.example",)])
def test_bad_server_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Names that no certificate can hold are refused before anything is made."""
    with pytest.raises(PkiError, match=r"server\.crt"):
        create_pki(tmp_path, server_names=names)
    assert list(tmp_path.iterdir()) == []


def test_bad_days(tmp_path: Path) -> None:
    """A certificate is valid for at least a day."""
    with pytest.raises(PkiError, match="0 days"):
        create_pki(tmp_path, server_names=NAMES, days=0)
