"""Where finished recordings go: a SessionRecordingUpload, read strictly.

    apiVersion: auditproxy.io/v1alpha1
    kind: SessionRecordingUpload
    bucket: recordings
    prefix: cluster-1/
    endpoint: https://minio.example.com
    region: eu-central-1
    accessKeyIDFile: /etc/s3/access-key-id
    secretAccessKeyFile: /etc/s3/secret-access-key
    certificateAuthority: /etc/s3/ca.crt
    removeUploaded: false

Only ``bucket`` is required. Relative paths are relative to the file.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import SESSION_API_VERSION
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.policy.reading import FLAG, TEXT, FieldType, distinct, read_document
from auditproxy.recordings.appending import reason_of
from auditproxy.recordings.objectstore import S3Settings, settings_faults
from auditproxy.serializer.pem import certificates

KIND = "SessionRecordingUpload"

_MOST = 16 * MEBIBYTE
"""Bytes of a file that are read to see that it can be."""

_DOCUMENT = FieldType(
    "struct",
    members={
        "apiVersion": TEXT,
        "kind": TEXT,
        "bucket": TEXT,
        "prefix": TEXT,
        "endpoint": TEXT,
        "region": TEXT,
        "pathStyle": FLAG,
        "accessKeyIDFile": TEXT,
        "secretAccessKeyFile": TEXT,
        "certificateAuthority": TEXT,
        "removeUploaded": FLAG,
    },
)


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Where uploads go, and whether what is confirmed there is removed here."""

    store: S3Settings
    remove_uploaded: bool = False


def load_upload_settings(text: bytes, folder: Path) -> UploadSettings:
    """The settings in a file's text; ``folder`` is the file's. Raises Unusable with all faults.

    The files that it names must be readable.
    """
    members, faults = read_document(text, _DOCUMENT, api_version=SESSION_API_VERSION, kind=KIND)

    def path(field: str) -> Path | None:
        return folder / members[field] if members.get(field) else None

    path_style = members.get("pathStyle")
    store = S3Settings(
        bucket=members.get("bucket") or "",
        prefix=members.get("prefix") or "",
        endpoint=members.get("endpoint") or "",
        region=members.get("region") or "",
        path_style=True if path_style is None else path_style,
        access_key_id_file=path("accessKeyIDFile"),
        secret_access_key_file=path("secretAccessKeyFile"),
        certificate_authority=path("certificateAuthority"),
    )
    faults += settings_faults(store)
    for field in ("accessKeyIDFile", "secretAccessKeyFile", "certificateAuthority"):
        named = path(field)
        if named is not None and (fault := _fault_of(field, named)):
            faults.append(f"{field} {named} {fault}")
    if faults:
        raise Unusable(*distinct(faults))
    return UploadSettings(store, bool(members.get("removeUploaded")))


def _fault_of(field: str, path: Path) -> str:
    """Why a file cannot serve, and what to do; "" if it can."""
    try:
        # A FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(_MOST)
    except OSError as error:
        return f"cannot be read: {reason_of(error)}"
    if field == "certificateAuthority":
        return "" if certificates(content) else "has no certificate; give a PEM file"
    return "" if content.strip() else "is empty"
