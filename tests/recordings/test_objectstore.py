"""Objects in a store on a real socket: stored only when it says so."""

import hashlib
import sys
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.recordings.objectstore import S3ObjectStore, S3Settings, UploadError
from tests.fakes.s3 import BROKEN, HANG, LOST, MD5, OK, REFUSED, S3, SILENT, WRONG

pytest.importorskip("obstore")
SECRET = "very-secret-key"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment, as a Secret gives them to a pod."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file."""
    path = tmp_path / "x.cast"
    path.write_bytes(b"recorded\n" * 1000)
    return path


def stored(fake: S3, path: Path) -> str:
    """Put it."""
    settings = S3Settings(bucket="b", prefix="p/", endpoint=fake.url, region="r", timeout=0.3)
    return S3ObjectStore(settings).put("x.cast", path)


@pytest.mark.parametrize("step", [OK, MD5])
def test_confirmed(path: Path, step: str) -> None:
    """By its MD5, or because it was read back."""
    with S3(step) as fake:
        digest = stored(fake, path)
        assert fake.objects == {"/b/p/x.cast": path.read_bytes()}
        assert "Credential=AKIDEXAMPLE/" in fake.authorizations[0]
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (BROKEN, "the store answered 500"),
        (REFUSED, "the store answered 403"),
        (WRONG, "the store has other bytes than were sent"),
        (SILENT, "the store answered 403"),
        (LOST, "the request failed"),
        (HANG, "did not answer in time"),
    ],
)
def test_not_confirmed(path: Path, step: str, reason: str) -> None:
    """One attempt, one line, no control and no secret in it."""
    with S3(step) as fake:
        with pytest.raises(UploadError, match=reason) as raised:
            stored(fake, path)
        assert len(fake.puts) == 1
    assert str(raised.value).isprintable()
    assert "secret" not in str(raised.value)


def test_no_store_there(path: Path) -> None:
    """A connection that is refused is a failure like others."""
    with S3() as fake:
        pass
    with pytest.raises(UploadError, match="no connection to the store"):
        stored(fake, path)


def test_no_file(path: Path) -> None:
    """So is a file that cannot be read."""
    with S3() as fake, pytest.raises(UploadError, match="no such file"):
        stored(fake, path.with_name("missing"))


def test_credentials_of_files(path: Path, tmp_path: Path) -> None:
    """They are read for each upload, so that they can change."""
    for name, text in (("id", "AKIDFILE\n"), ("key", "hidden\n")):
        (tmp_path / name).write_text(text)
    with S3() as fake:
        settings = S3Settings(
            bucket="b",
            endpoint=fake.url,
            region="r",
            access_key_id_file=tmp_path / "id",
            secret_access_key_file=tmp_path / "key",
        )
        store = S3ObjectStore(settings)
        store.put("1", path)
        (tmp_path / "id").write_text("AKIDOTHER")
        store.put("2", path)
        (tmp_path / "id").unlink()
        with pytest.raises(UploadError, match="no such file"):
            store.put("3", path)
    assert ["AKIDFILE" in fake.authorizations[0], "AKIDOTHER" in fake.authorizations[1]] == [
        True
    ] * 2


def test_no_credentials(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That there are none is all that is said."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with S3(REFUSED) as metadata, S3() as fake:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", metadata.url)
        with pytest.raises(UploadError, match="no credentials for the store"):
            stored(fake, path)
    assert fake.puts == []


def test_faults() -> None:
    """Each in a line; what is in a URL is not quoted."""
    with pytest.raises(Unusable) as raised:
        S3ObjectStore(
            S3Settings(bucket="", endpoint="http://u:hidden@x", access_key_id_file=Path("x"))
        )
    assert [fault.partition(" ")[0] for fault in raised.value.faults] == [
        "bucket",
        "secretAccessKeyFile",
        "endpoint",
    ]
    assert "hidden" not in str(raised.value)
    for endpoint in ("ftp://x", "http://", "x", "http://x:99999"):
        with pytest.raises(Unusable, match="^endpoint is not an http or https URL with a host"):
            S3ObjectStore(S3Settings(bucket="b", endpoint=endpoint))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault names the extra."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(Unusable, match=r"pip install '\.\[s3\]'"):
        S3ObjectStore(S3Settings(bucket="b"))
