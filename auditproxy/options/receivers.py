"""Receivers of events beside the webhook: what they have in common, and the group of NATS."""

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.options.backendoptions import AUDIT_MODES
from auditproxy.options.declared import Declared
from auditproxy.options.spool import SpooledOptions

_SUBJECT = re.compile(r"[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%/-]*", re.ASCII)
_STREAM = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverOptions(SpooledOptions):
    """What these backends have in common beside batching, truncation and the spool."""

    ca_file: Annotated[
        str,
        Declared(
            "audit-{plugin}-ca-file",
            "path",
            "Certificate authorities of the {plugin} receiver, PEM. Empty means those of the "
            "system.",
        ),
    ] = ""
    cert_file: Annotated[
        str,
        Declared(
            "audit-{plugin}-cert-file",
            "path",
            "Client certificate for the {plugin} receiver, PEM.",
        ),
    ] = ""
    key_file: Annotated[
        str,
        Declared(
            "audit-{plugin}-key-file",
            "path",
            "Key of the client certificate for the {plugin} receiver, PEM.",
        ),
    ] = ""
    initial_backoff: Annotated[
        int,
        Declared(
            "audit-{plugin}-initial-backoff",
            "duration",
            "How long to wait before the first retry of a failed delivery; each later wait is 1.5 "
            "times as long, five attempts in all.",
        ),
    ] = 2 * SECOND
    mode: Annotated[
        str,
        Declared(
            "audit-{plugin}-mode",
            "string",
            "How the {plugin} backend works: batch (events are sent later, from a buffer), "
            "blocking (the request waits until its event is acknowledged) or blocking-strict (as "
            "blocking, and a request whose arrival cannot be recorded is refused).",
            choices=AUDIT_MODES,
        ),
    ] = "batch"
    batch_max_size: int = 400
    batch_max_wait: int = SECOND

    @abstractmethod
    def receiver_faults(self) -> list[str]:
        """Faults of what one kind of receiver alone has."""

    def own_faults(self) -> list[str]:
        """Faults of what they have in common, then of its own."""
        faults = [*self.receiver_faults(), *self.spool_faults()]
        if bool(self.cert_file) != bool(self.key_file):
            given, missing = ("cert", "key") if self.cert_file else ("key", "cert")
            faults.append(
                f"--audit-{self.plugin}-{given}-file needs --audit-{self.plugin}-{missing}-file; "
                "give both or neither"
            )
        if self.initial_backoff < 0:
            faults.append(
                f"--audit-{self.plugin}-initial-backoff can't be negative; give a time such as 2s"
            )
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNatsOptions(ReceiverOptions):
    """The NATS backend."""

    plugin: ClassVar[str] = "nats"

    servers: Annotated[
        tuple[str, ...],
        Declared(
            "audit-nats-servers",
            "strings",
            "Servers of a NATS cluster whose JetStream takes events, each "
            "tls://HOST[:PORT] or nats://HOST[:PORT]. Empty disables this backend. Needs the extra "
            "nats.",
        ),
    ] = ()
    subject: Annotated[
        str,
        Declared(
            "audit-nats-subject",
            "string",
            "Subject to which events are published; a stream must take it. Example: "
            "audit.cluster-1.",
        ),
    ] = "audit.events"
    stream: Annotated[
        str,
        Declared(
            "audit-nats-stream",
            "string",
            "Stream that must be the one to take events; others refuse them. Empty means any.",
        ),
    ] = ""
    credentials_file: Annotated[
        str,
        Declared(
            "audit-nats-credentials-file",
            "path",
            "Credentials of a NATS user: a .creds file (JWT and seed), or the seed of an nkey.",
        ),
    ] = ""
    username: Annotated[
        str,
        Declared("audit-nats-username", "string", "NATS user, with --audit-nats-password-file."),
    ] = ""
    password_file: Annotated[
        str,
        Declared(
            "audit-nats-password-file", "path", "File with the password of --audit-nats-username."
        ),
    ] = ""
    token_file: Annotated[
        str,
        Declared("audit-nats-token-file", "path", "File with a token that NATS servers accept."),
    ] = ""

    @property
    def is_configured(self) -> bool:
        """Whether there is a server."""
        return bool(self.servers)

    @property
    def place(self) -> str:
        """The subject, and how many servers there are."""
        return f"the subject {self.subject} of NATS"

    @property
    def is_encrypted(self) -> bool:
        """Whether a server must speak TLS."""
        return bool(self.ca_file or self.cert_file) or any(
            server.startswith("tls://") for server in self.servers
        )

    def receiver_faults(self) -> list[str]:
        """Faults of servers, subject, stream and credentials."""
        faults = [
            f"--audit-nats-servers {go_quote(shown(server))} is not a server; give "
            "tls://HOST:PORT or nats://HOST:PORT, and credentials in files"
            for server in self.servers
            if nats_server(server) is None
        ]
        if not _SUBJECT.fullmatch(self.subject):
            faults.append(
                f"--audit-nats-subject {go_quote(self.subject)} is not one subject; give words "
                "with dots between them, without wildcards, such as audit.events"
            )
        if self.stream and not _STREAM.fullmatch(self.stream):
            faults.append(
                f"--audit-nats-stream {go_quote(self.stream)} is not the name of a stream; give "
                "letters, digits, - and _"
            )
        given = [
            flag
            for flag, value in (
                ("--audit-nats-credentials-file", self.credentials_file),
                ("--audit-nats-username", self.username),
                ("--audit-nats-token-file", self.token_file),
            )
            if value
        ]
        if len(given) > 1:
            faults.append(f"{' and '.join(given)} exclude each other; give one")
        if bool(self.username) != bool(self.password_file):
            faults.append(
                "--audit-nats-username and --audit-nats-password-file need each other; give both"
            )
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOtlpOptions(ReceiverOptions):
    """The OTLP backend."""

    plugin: ClassVar[str] = "otlp"

    endpoint: Annotated[
        str,
        Declared(
            "audit-otlp-endpoint",
            "string",
            "URL of a collector that takes events as OpenTelemetry logs (OTLP over HTTP, "
            "protobuf). Example: https://collector:4318/v1/logs. Empty disables this backend. "
            "Needs the extra otlp.",
        ),
    ] = ""
    headers_file: Annotated[
        str,
        Declared(
            "audit-otlp-headers-file",
            "path",
            "File with header lines for the collector, such as Authorization: Bearer TOKEN, one "
            "a line.",
        ),
    ] = ""

    @property
    def is_configured(self) -> bool:
        """Whether there is a collector."""
        return bool(self.endpoint)

    @property
    def place(self) -> str:
        """The collector, without what may be a credential."""
        return f"the collector {shown(self.endpoint).partition('?')[0]}"

    @property
    def is_encrypted(self) -> bool:
        """Whether the collector must speak TLS."""
        return self.endpoint.lower().startswith("https://")

    def receiver_faults(self) -> list[str]:
        """Faults of the endpoint."""
        if not self.endpoint:
            return []
        if otlp_endpoint(self.endpoint) is None:
            return [
                f"--audit-otlp-endpoint {go_quote(shown(self.endpoint).partition('?')[0])} is not "
                "a URL of a collector; give https://HOST:4318/v1/logs, and credentials in "
                "--audit-otlp-headers-file"
            ]
        if not self.is_encrypted and (self.ca_file or self.cert_file):
            return [
                "--audit-otlp-ca-file and --audit-otlp-cert-file need TLS; give "
                "--audit-otlp-endpoint=https://..., or leave them out"
            ]
        return []


def nats_server(text: str) -> tuple[str, int] | None:
    """Host and port of a server; None for what is none, or has more than these."""
    return host_and_port(text, ("nats", "tls"), 4222)


def otlp_endpoint(text: str) -> str | None:
    """The URL to post to, with the path /v1/logs where it has none; None for any other text.

    A query is refused, because it could be a credential, and is not kept secret as a file is.
    """
    scheme, mark, rest = text.partition("://")
    host, _, path = rest.partition("/")
    found = host_and_port(f"{scheme}{mark}{host}", ("http", "https"), 4318)
    if found is None or not _PATH.fullmatch(path):
        return None
    try:
        # As the resolver will; it has no other word for such a name at each delivery.
        found[0].encode("idna")
    except UnicodeError:
        return None
    return f"{scheme.lower()}://{host}/{path or 'v1/logs'}"


def host_and_port(text: str, schemes: tuple[str, ...], port: int) -> tuple[str, int] | None:
    """Host and port of a URL that has nothing else, but one of some schemes; else None."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        url = urlsplit(text)
        found = url.hostname, url.port or port
    except ValueError:
        return None
    host = found[0]
    if not host or url.scheme not in schemes or url.path.strip("/") or url.query or url.fragment:
        return None
    return None if url.username is not None or url.password is not None else (host, found[1])


def shown(server: str) -> str:
    """A server as it may be shown: without what precedes an @, which may be a password."""
    scheme, mark, rest = server.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else server.rpartition("@")[2]
