"""recordings/uploadsettings.py: where finished recordings go, read strictly."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.recordings.objectstore import S3Settings
from auditproxy.recordings.uploadsettings import UploadSettings, load_upload_settings
from tests.fakes.certificates import CERTIFICATE

HEAD = b"apiVersion: auditproxy.io/v1alpha1\nkind: SessionRecordingUpload\n"


def test_every_setting(tmp_path: Path) -> None:
    """Relative paths are relative to the file; only the bucket is required."""
    folder = tmp_path / "settings"
    folder.mkdir()
    for path in (folder / "id", tmp_path / "key"):
        path.write_text("x")
    (folder / "ca.crt").write_bytes(CERTIFICATE)
    assert load_upload_settings(HEAD + b"bucket: b", folder) == UploadSettings(
        S3Settings(bucket="b")
    )
    text = b"""\
bucket: b
prefix: c1/
endpoint: https://minio.example.com
region: r
pathStyle: false
accessKeyIDFile: id
secretAccessKeyFile: ../key
certificateAuthority: ca.crt
removeUploaded: true
"""
    assert load_upload_settings(HEAD + text, folder) == UploadSettings(
        S3Settings(
            bucket="b",
            prefix="c1/",
            endpoint="https://minio.example.com",
            region="r",
            path_style=False,
            access_key_id_file=folder / "id",
            secret_access_key_file=folder / "../key",
            certificate_authority=folder / "ca.crt",
        ),
        remove_uploaded=True,
    )


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (b"- a", ("the file must be a mapping with kind: SessionRecordingUpload",)),
        (HEAD, ("bucket is missing; give the name of the bucket",)),
        (
            b"kind: Upload\nbuckets: x\nregion: 3",
            (
                'unknown field "buckets" (did you mean bucket?)',
                "region: must be text, is a number",
                "apiVersion: is missing; give auditproxy.io/v1alpha1",
                'kind: must be SessionRecordingUpload; is "Upload"',
            ),
        ),
    ],
)
def test_faults(text: bytes, faults: tuple[str, ...]) -> None:
    """All at once."""
    with pytest.raises(Unusable) as caught:
        load_upload_settings(text, Path())
    assert caught.value.faults == faults


def test_faults_of_different_kinds(tmp_path: Path) -> None:
    """None of them hides another: types, what is missing, addresses, files."""
    text = b"removeUploaded: 3\nendpoint: x\naccessKeyIDFile: id\ncertificateAuthority: nope.crt\n"
    with pytest.raises(Unusable) as caught:
        load_upload_settings(HEAD + text, tmp_path)
    assert caught.value.faults == (
        "removeUploaded: must be true or false, is a number",
        "bucket is missing; give the name of the bucket",
        "secretAccessKeyFile is missing beside accessKeyIDFile; give both, or neither",
        "endpoint is not an http or https URL with a host; give one such as "
        "https://minio.example.com:9000",
        f"accessKeyIDFile {tmp_path}/id cannot be read: no such file or directory",
        f"certificateAuthority {tmp_path}/nope.crt cannot be read: no such file or directory",
    )


def test_files_that_have_nothing(tmp_path: Path) -> None:
    """What an upload could not use is found before the first one."""
    (tmp_path / "id").write_text("\n")
    (tmp_path / "key").mkdir()
    (tmp_path / "ca.crt").write_text("not a certificate")
    text = (
        b"bucket: b\naccessKeyIDFile: id\nsecretAccessKeyFile: key\ncertificateAuthority: ca.crt\n"
    )
    with pytest.raises(Unusable) as caught:
        load_upload_settings(HEAD + text, tmp_path)
    assert caught.value.faults == (
        f"accessKeyIDFile {tmp_path}/id is empty",
        f"secretAccessKeyFile {tmp_path}/key cannot be read: is a directory",
        f"certificateAuthority {tmp_path}/ca.crt has no certificate; give a PEM file",
    )


def test_not_yaml() -> None:
    """The reader's own fault."""
    with pytest.raises(Unusable):
        load_upload_settings(b"{", Path())
