"""Objects in S3 or in a store that is compatible with it, and what confirms that they are there.

A recording counts as stored when the store returns the MD5 of what was sent as its ETag, and where
that is something else (encryption with a key service, parts) when the object was read back and has
the SHA-256 that was computed here. The store is sent the SHA-256 as well and may refuse by it.

The package obstore is imported where it is used: it comes with the extra ``s3``. It finds
credentials in the environment and in what clouds give to pods; a Secret's files can be named. No
error has anything of them, nor what a store answered.

Source: Amazon S3 API Reference, PutObject, "Checking object integrity".
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.apis.storefaults import store_fault
from auditproxy.apis.units import MEBIBYTE
from auditproxy.recordings.appending import reason_of

IN_ONE_REQUEST = 128 * MEBIBYTE
"""Bytes of a file that is sent in one piece, which takes as much memory; others go in parts."""


class UploadError(Exception):
    """An object is not known to be stored; the text is one line without secrets."""


class ObjectStore(Protocol):
    """Where recordings are kept."""

    def put(self, key: str, path: Path) -> str:
        """Store the file at ``path`` as ``key``; returns its SHA-256 in hexadecimal.

        Raises UploadError unless the store confirmed it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where a bucket is. ``endpoint`` "" is Amazon's; times are seconds.

    The files of the access key and its secret are read for each upload; None leaves credentials to
    the environment. ``certificate_authority`` is a PEM file, None trusts the machine's.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    path_style: bool = True
    access_key_id_file: Path | None = None
    secret_access_key_file: Path | None = None
    certificate_authority: Path | None = None
    connect_timeout: float = 10.0
    timeout: float = 300.0


class S3ObjectStore:
    """A bucket; raises Unusable when it is made with what cannot be used."""

    def __init__(self, settings: S3Settings) -> None:
        faults = settings_faults(settings)
        if faults:
            raise Unusable(*faults)
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        self._obstore = obstore
        self._errors = BaseError
        self._new_store = S3Store
        self._settings = settings

    def put(self, key: str, path: Path) -> str:
        """Store a file, and have the store confirm it."""
        try:
            store = self._store()
            with path.open("rb") as file:
                sha256, md5, size = _digests(file)
                file.seek(0)
                stored = self._obstore.put(
                    store,
                    key,
                    file,
                    attributes={"Content-Type": "application/octet-stream"},
                    use_multipart=size > IN_ONE_REQUEST,
                )
            if str(stored.get("e_tag") or "").strip('"').lower() != md5:
                self._read_back(store, key, sha256)
        except self._errors as error:
            raise UploadError(store_fault(str(error))) from None
        except OSError as error:
            raise UploadError(reason_of(error)) from None
        return sha256

    def _store(self) -> Any:
        """The bucket, with the credentials of this moment."""
        settings = self._settings
        options: dict[str, Any] = {}
        for name, file in (
            ("access_key_id", settings.access_key_id_file),
            ("secret_access_key", settings.secret_access_key_file),
        ):
            if file is not None:
                options[name] = file.read_text(encoding="utf-8", errors="replace").strip()
        for name, value in (("endpoint", settings.endpoint), ("region", settings.region)):
            if value:
                options[name] = value
        client: Any = {
            "connect_timeout": timedelta(seconds=settings.connect_timeout),
            "timeout": timedelta(seconds=settings.timeout),
            "allow_http": settings.endpoint.startswith("http://"),
        }
        if settings.certificate_authority is not None:
            client["root_certificate"] = settings.certificate_authority.read_bytes()
        return self._new_store(
            settings.bucket,
            prefix=settings.prefix.strip("/") or None,
            virtual_hosted_style_request=not settings.path_style,
            checksum_algorithm="SHA256",
            client_options=client,
            # What calls this waits and tries again.
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=settings.timeout)},
            **options,
        )

    def _read_back(self, store: Any, key: str, sha256: str) -> None:
        digest = hashlib.sha256()
        for block in self._obstore.get(store, key).stream():
            digest.update(block)
        if digest.hexdigest() != sha256:
            raise UploadError("the store has other bytes than were sent")


def settings_faults(settings: S3Settings) -> list[str]:
    """All that is wrong with settings, by the keys of a SessionRecordingUpload; reads no file."""
    faults = []
    if not settings.bucket:
        faults.append("bucket is missing; give the name of the bucket")
    if (settings.access_key_id_file is None) != (settings.secret_access_key_file is None):
        given, missing = "accessKeyIDFile", "secretAccessKeyFile"
        if settings.access_key_id_file is None:
            given, missing = missing, given
        faults.append(f"{missing} is missing beside {given}; give both, or neither")
    if settings.endpoint:
        try:
            url = urlsplit(settings.endpoint)
            sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            sound = False
        if not sound:
            faults.append(
                "endpoint is not an http or https URL with a host; give one such as "
                "https://minio.example.com:9000"
            )
        elif url.username is not None or url.password is not None:
            faults.append(
                "endpoint has a user or password; give credentials in accessKeyIDFile and "
                "secretAccessKeyFile, or in the environment"
            )
    if find_spec("obstore") is None:
        faults.append(f"the upload of recordings needs {missing_extra('s3')}")
    return faults


def _digests(file: BinaryIO) -> tuple[str, str, int]:
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    while block := file.read(MEBIBYTE):
        sha256.update(block)
        md5.update(block)
        size += len(block)
    return sha256.hexdigest(), md5.hexdigest(), size
