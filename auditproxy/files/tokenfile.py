"""Reads --token-auth-file: static tokens."""

import secrets
from typing import TYPE_CHECKING

from auditproxy.files.trustedfile import (
    Remarks,
    TrustedFile,
    content_of,
    named,
    passthrough_notes,
)
from auditproxy.options import Options

if TYPE_CHECKING:
    from auditproxy.authentication.tokens.tokenfile import TokenFile

_FLAG = "--token-auth-file"


def read_token_file(options: Options, remarks: Remarks) -> "TokenFile | None":
    """The static tokens; None without the flag. Raises Unusable."""
    path = options.authentication.token_auth_file
    if not path:
        return None
    from auditproxy.authentication.tokens.tokenfile import TokenFileError, parse_token_file

    try:
        tokens = parse_token_file(content_of(path, _FLAG), path, secrets.token_bytes(32))
    except TokenFileError as error:
        raise error.under(_FLAG) from None
    remarks.notes += tokens.warnings
    return tokens


def _notes(options: Options) -> tuple[str, ...]:
    return passthrough_notes(
        options,
        options.authentication.token_auth_file,
        _FLAG,
        "its tokens are passed to the upstream, which must accept them too",
    )


TOKEN_FILE = TrustedFile(
    flag="token-auth-file",
    field="token_file",
    read=read_token_file,
    paths=lambda options, _: named(options.authentication.token_auth_file),
    notes=_notes,
)
