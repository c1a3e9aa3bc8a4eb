"""Reads --audit-protobuf-table: how bodies of the operator's own kinds are decoded."""

from auditproxy.files.trustedfile import Remarks, TrustedFile, parsed
from auditproxy.options import Options
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.table import merged, parse


def read_types(options: Options, remarks: Remarks) -> Decoder | None:
    """The decoder with the operator's tables over the built-in one; None without any.

    Raises Unusable with the faults of all files.
    """
    tables = parsed(options.audit.protobuf_tables, "--audit-protobuf-table", parse)
    return Decoder(merged(tuple(tables))) if tables else None


PROTOBUF_TABLES = TrustedFile(
    flag="audit-protobuf-table",
    field="types",
    read=read_types,
    paths=None,
)
