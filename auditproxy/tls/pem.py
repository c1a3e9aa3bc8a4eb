"""PEM bytes as files, for OpenSSL, which reads certificates with keys from nowhere else.

In memory where the system has such files (Linux), so that no key touches a disk
and a read-only file system will do; else in a folder that only we can read.
"""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate with its key; raises OSError (also ssl.SSLError) and ValueError."""
    with contextlib.ExitStack() as stack:
        chain, private = (stack.enter_context(_file(content)) for content in (certificate, key))
        context.load_cert_chain(chain, private, password=_no_password)


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A path that has this content until the block is left."""
    memory = getattr(os, "memfd_create", None)
    if memory is not None and Path("/proc/self/fd").is_dir():
        with os.fdopen(memory("auditproxy"), "wb", buffering=0) as file:
            file.write(content)
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory(prefix="auditproxy-") as directory:
        path = Path(directory, "pem")
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)


def _no_password() -> str:
    """Keep OpenSSL from asking a terminal for the key's password."""
    return ""
