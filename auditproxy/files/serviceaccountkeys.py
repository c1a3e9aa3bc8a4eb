"""Reads --service-account-key-file: the keys that service account tokens are signed by."""

from itertools import chain
from typing import TYPE_CHECKING

from auditproxy.files.trustedfile import Remarks, TrustedFile, parsed
from auditproxy.options import Options

if TYPE_CHECKING:
    from auditproxy.authentication.tokens.publickeys import PublicKey


def read_service_account_keys(options: Options, remarks: Remarks) -> "tuple[PublicKey, ...] | None":
    """The keys of every file, in order; each file must have one. None without files.

    Raises Unusable with the faults of all files.
    """
    paths = options.authentication.service_account_key_file
    if not paths:
        return None
    from auditproxy.authentication.tokens.publickeys import read_public_keys

    keys = parsed(paths, "--service-account-key-file", read_public_keys)
    return tuple(chain.from_iterable(keys)) or None


SERVICE_ACCOUNT_KEYS = TrustedFile(
    flag="service-account-key-file",
    field="service_account_keys",
    read=read_service_account_keys,
    paths=lambda options, _: options.authentication.service_account_key_file,
)
