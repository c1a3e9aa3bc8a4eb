"""``auditproxy certs``: certificates for development in one folder, made once and added to.

    empty folder                         everything, for the default hosts and those of --host
    folder with an authority, --host     the serving certificate again, with these names added
    folder with an authority, --client   the certificates of these clients

What is there is kept, but for the serving pair when it gets a new name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.flags.pflag import HELP, LIST, STRING, Flag

DEFAULT_HOSTS = ("localhost", "127.0.0.1", "::1")

FLAGS = (
    Flag("dir", STRING, "auditproxy-certs", "Folder in which keys and certificates are made."),
    Flag(
        "host",
        LIST,
        DEFAULT_HOSTS,
        "Names and IP addresses of the proxy, for its serving certificate. In a folder that has "
        "one, it is made again with these names added.",
    ),
    Flag(
        "client",
        LIST,
        (),
        "Client certificates to make, each as USER or USER=GROUP+GROUP.",
    ),
    HELP,
)
"""Every flag of ``auditproxy certs``."""

EXAMPLES = (
    ("Authority, serving certificate, front proxy.", "auditproxy certs"),
    ("A client in two groups.", "auditproxy certs --client=alice=dev+ops"),
    ("Another name for the serving certificate.", "auditproxy certs --host=proxy.example.com"),
)
"""What help shows first: a comment and a command line."""


class CertsError(Unusable):
    """Flags that cannot be used; the text names the flag and the fix."""


def make_certs(values: Mapping[str, Any]) -> str:
    """Make what the flags in ``values`` ask for; a line for each file, made or kept.

    Raises CertsError, and PkiError for files.
    """
    from auditproxy.tls.pki import (
        PkiError,
        add_server_names,
        create_client,
        create_pki,
        has_authority,
    )

    settings = {flag.name: values.get(flag.name, flag.default) for flag in FLAGS}
    if not settings["dir"]:
        raise CertsError("--dir is empty; name the folder in which certificates are made")
    folder = Path(settings["dir"])
    clients = [client.partition("=") for client in settings["client"]]
    try:
        before = set(folder.iterdir()) if folder.is_dir() else set()
        made: set[Path] = set()
        if not has_authority(folder):
            create_pki(folder, server_names=_hosts(settings))
        elif "host" in values:
            made |= set(add_server_names(folder, _hosts(settings)))
        elif not clients:
            raise PkiError(
                f"{folder / 'ca.crt'} exists and is not overwritten: add names with --host or "
                "clients with --client, or choose another folder with --dir"
            )
        for user, _, groups in clients:
            create_client(folder, user, tuple(group for group in groups.split("+") if group))
        made |= set(folder.iterdir()) - before
    except OSError as error:
        raise PkiError(
            f"--dir {folder} cannot be written: {error.strerror}; choose another folder"
        ) from None
    kept = {path for path in before if path.suffix in (".crt", ".key")} - made
    return "".join(f"{'made' if path in made else 'kept'} {path}\n" for path in sorted(made | kept))


def _hosts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the serving certificate; raises CertsError for none."""
    hosts = tuple(settings["host"])
    if not hosts:
        raise CertsError("server.crt needs at least one DNS name or IP address; give --host")
    return hosts
