"""auditproxy certs: what is made, what is kept, and what is added later (faults from outside, D)."""

from pathlib import Path

import pytest
from cryptography import x509

from auditproxy.commands.certs import DEFAULT_HOSTS, CertsError, make_certs
from auditproxy.tls.pki import PkiError


def names(folder: Path) -> list[str]:
    """The names in the serving certificate."""
    certificate = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in found.value]


def files(folder: Path) -> dict[str, bytes]:
    """Every file and its content."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(text: str) -> dict[str, set[str]]:
    """File names by what was said of them."""
    found: dict[str, set[str]] = {"made": set(), "kept": set()}
    for line in text.splitlines():
        what, path = line.split(" ", 1)
        found[what].add(Path(path).name)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything and one client."""
    made = tmp_path / "certs"
    make_certs({"dir": str(made), "client": ("alice",)})
    return made


def test_a_new_folder(tmp_path: Path) -> None:
    """Everything is made, and said."""
    folder = tmp_path / "certs"
    told = said(make_certs({"dir": str(folder)}))
    assert told == {"made": set(files(folder)), "kept": set()}
    assert names(folder) == list(DEFAULT_HOSTS)


def test_another_client(folder: Path) -> None:
    """D: only files that were made are said to be."""
    before = files(folder)
    told = said(make_certs({"dir": str(folder), "client": ("bob=dev+ops",)}))
    assert told == {"made": {"bob.crt", "bob.key"}, "kept": set(before)}
    assert {name: files(folder)[name] for name in before} == before


def test_another_host(folder: Path) -> None:
    """D: the serving certificate is made again with the name added; nothing else changes."""
    before = files(folder)
    told = said(make_certs({"dir": str(folder), "host": ("proxy.example.com", "localhost")}))
    assert told["made"] == {"server.crt", "server.key"}
    assert told["kept"] == set(before) - told["made"]
    assert names(folder) == [*DEFAULT_HOSTS, "proxy.example.com"]
    after = files(folder)
    assert set(after) == set(before)
    assert {name for name in after if after[name] != before[name]} == told["made"]
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate(after["server.crt"])
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(after["ca.crt"]))


def test_a_host_that_is_there(folder: Path) -> None:
    """Names that the certificate has make no new one, however they are written."""
    before = files(folder)
    told = said(make_certs({"dir": str(folder), "host": ("0:0:0:0:0:0:0:1", "localhost")}))
    assert told == {"made": set(), "kept": set(before)}
    assert files(folder) == before


def test_a_serving_pair_that_was_removed(folder: Path) -> None:
    """It is made for the names that are given."""
    for name in ("server.crt", "server.key"):
        (folder / name).unlink()
    assert said(make_certs({"dir": str(folder), "host": ("a.example",)}))["made"] == {
        "server.crt",
        "server.key",
    }
    assert names(folder) == ["a.example"]


def test_host_and_client_together(folder: Path) -> None:
    """Both are added."""
    told = said(make_certs({"dir": str(folder), "host": ("a.example",), "client": ("bob",)}))
    assert told["made"] == {"server.crt", "server.key", "bob.crt", "bob.key"}


def test_nothing_to_add(folder: Path) -> None:
    """A second plain call names what can be added."""
    before = files(folder)
    with pytest.raises(PkiError, match="add names with --host or clients with --client"):
        make_certs({"dir": str(folder)})
    assert files(folder) == before


def test_other_files_are_not_named(folder: Path) -> None:
    """D: files of others are neither made nor kept."""
    (folder / "notes.txt").touch()
    assert "notes.txt" not in make_certs({"dir": str(folder), "client": ("bob",)})


@pytest.mark.parametrize("host", ["bücher.example", "", "a b", "https://a:6443", "a:6443"])
def test_a_bad_host(folder: Path, host: str) -> None:
    """A name that no certificate can hold leaves the old pair."""
    before = files(folder)
    with pytest.raises(PkiError, match=r"server\.crt cannot be made for .*: give a DNS name"):
        make_certs({"dir": str(folder), "host": (host,)})
    assert files(folder) == before


def test_a_serving_certificate_that_is_none(folder: Path) -> None:
    """Its names are not known, so none is lost silently."""
    (folder / "server.crt").write_text("nothing")
    with pytest.raises(PkiError, match="remove it and server.key"):
        make_certs({"dir": str(folder), "host": ("a.example",)})


def test_no_folder(tmp_path: Path) -> None:
    """C4: what cannot be written is one line."""
    (tmp_path / "file").touch()
    with pytest.raises(PkiError, match="cannot be written: Not a directory"):
        make_certs({"dir": str(tmp_path / "file" / "below")})
    for folder in (tmp_path / "new", tmp_path):
        with pytest.raises(CertsError, match="or IP address; give --host$"):
            make_certs({"dir": str(folder), "host": ()})
    with pytest.raises(CertsError, match="--dir is empty"):
        make_certs({"dir": ""})
