"""Reads what receivers of events need: authorities, client certificates, credentials.

All faults of a receiver's files are found at once, without connecting, and that its extra is
missing as well. A change of a file counts from the next delivery on.
"""

import importlib.util
import ssl
from typing import TYPE_CHECKING

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.files.trustedfile import Remarks, TrustedFile, content_of, named
from auditproxy.options import AuditNatsOptions, Options
from auditproxy.options.kafka import kafka_broker
from auditproxy.options.receivers import ReceiverOptions, nats_server, otlp_endpoint
from auditproxy.tls.client import client_context
from auditproxy.tls.pem import load_pair

if TYPE_CHECKING:
    from auditproxy.clients.receivers.kafkatarget import KafkaTarget
    from auditproxy.clients.receivers.natstarget import NatsCredentials, NatsTarget
    from auditproxy.clients.receivers.otlptarget import OtlpTarget

LONGEST_SECRET = 4096
"""Bytes of a password or a token."""


class _Faults:
    """Collects the faults of several files; ``all`` has a line for each."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def content(self, path: str, flag: str) -> bytes:
        """What a file holds, b"" without one or with a fault."""
        if not path:
            return b""
        try:
            content = content_of(path, flag)
        except Unusable as error:
            self.all += error.faults
            return b""
        if not content.strip():
            self.all.append(f"{flag} {path} is empty; write what it is for, or leave the flag out")
        return content

    def secret(self, path: str, flag: str) -> str:
        """The one line of a file, "" without one or with a fault."""
        content = self.content(path, flag)
        try:
            text = content.decode().strip()
        except UnicodeDecodeError:
            text = "\n"
        if len(text) > LONGEST_SECRET or not (text.isprintable() or not text):
            self.all.append(
                f"{flag} {path} is not one line of text; write the secret alone into it"
            )
            return ""
        return text

    def missing(self, module: str, extra: str, flag: str) -> None:
        """A fault where the package of an extra is not installed."""
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            self.all.append(f"{flag} needs {missing_extra(extra)}")


def receiver_context(options: ReceiverOptions, faults: _Faults) -> ssl.SSLContext:
    """The TLS context of a receiver; its faults are added to ``faults``."""
    flag = f"--audit-{options.plugin}"
    ca = faults.content(options.ca_file, f"{flag}-ca-file")
    certificate = faults.content(options.cert_file, f"{flag}-cert-file")
    key = faults.content(options.key_file, f"{flag}-key-file")
    try:
        context = client_context(ca)
    except (ssl.SSLError, ValueError):
        faults.all.append(
            f"{flag}-ca-file {options.ca_file} holds no certificate in PEM; name a PEM bundle"
        )
        context = client_context()
    if certificate and key:
        try:
            load_pair(context, certificate, key)
        except (OSError, ValueError):
            faults.all.append(
                f"{flag}-cert-file {options.cert_file} and {flag}-key-file {options.key_file} are "
                "not a PEM pair without password; correct them"
            )
    return context


def read_nats(options: Options, remarks: Remarks) -> "NatsTarget | None":
    """Where events go with NATS; None where they do not. Raises Unusable."""
    nats = options.audit_nats
    if not nats.is_configured:
        return None
    from auditproxy.clients.receivers.natstarget import NatsTarget

    faults = _Faults()
    faults.missing("nats", "nats", "--audit-nats-servers")
    credentials = _nats_credentials(nats, faults)
    context = receiver_context(nats, faults) if nats.is_encrypted else None
    if context is not None:
        # The protocol over it is not HTTP.
        context.set_alpn_protocols([])
    if faults.all:
        raise Unusable(*faults.all)
    if context is None and credentials.is_secret_on_the_wire:
        remarks.warnings.append(
            "--audit-nats-servers without tls://: the password or token for NATS is sent in clear; "
            "use tls://, or --audit-nats-credentials-file, which sends a signature"
        )
    return NatsTarget(
        servers=tuple(filter(None, map(nats_server, nats.servers))),
        subject=nats.subject,
        stream=nats.stream,
        credentials=credentials,
        ssl_context=context,
        files=_files(nats, nats.credentials_file, nats.password_file, nats.token_file),
    )


def _nats_credentials(nats: AuditNatsOptions, faults: _Faults) -> "NatsCredentials":
    from auditproxy.clients.receivers.natstarget import NatsCredentials, nats_credentials

    flag = "--audit-nats-credentials-file"
    content = faults.content(nats.credentials_file, flag)
    if content:
        try:
            return nats_credentials(content)
        except Unusable as error:
            faults.all += (f"{flag} {nats.credentials_file} {fault}" for fault in error.faults)
    return NatsCredentials(
        user=nats.username,
        password=faults.secret(nats.password_file, "--audit-nats-password-file"),
        token=faults.secret(nats.token_file, "--audit-nats-token-file"),
    )


def read_kafka(options: Options, remarks: Remarks) -> "KafkaTarget | None":
    """Where events go with Kafka; None where they do not. Raises Unusable."""
    kafka = options.audit_kafka
    if not kafka.is_configured:
        return None
    from auditproxy.clients.receivers.kafkatarget import KafkaTarget

    faults = _Faults()
    faults.missing("aiokafka", "kafka", "--audit-kafka-brokers")
    password = faults.secret(kafka.password_file, "--audit-kafka-password-file")
    context = receiver_context(kafka, faults) if kafka.is_encrypted else None
    if faults.all:
        raise Unusable(*faults.all)
    if context is None and kafka.username and kafka.sasl_mechanism == "PLAIN":
        remarks.warnings.append(
            "--audit-kafka-brokers without tls://: the password for Kafka is sent in clear; use "
            "tls://, or --audit-kafka-sasl-mechanism=SCRAM-SHA-512, which sends a proof"
        )
    return KafkaTarget(
        brokers=tuple(filter(None, map(kafka_broker, kafka.brokers))),
        topic=kafka.topic,
        mechanism=kafka.sasl_mechanism if kafka.username else "",
        user=kafka.username,
        password=password,
        ssl_context=context,
        files=_files(kafka, kafka.password_file),
    )


def read_otlp(options: Options, remarks: Remarks) -> "OtlpTarget | None":
    """Where events go with OTLP; None where they do not. Raises Unusable."""
    otlp = options.audit_otlp
    url = otlp_endpoint(otlp.endpoint)
    if url is None:
        return None
    from auditproxy.clients.receivers.otlptarget import OtlpTarget, otlp_headers

    faults = _Faults()
    # The definitions are in a namespace that OpenTelemetry's other packages share.
    faults.missing("opentelemetry.proto", "otlp", "--audit-otlp-endpoint")
    flag = "--audit-otlp-headers-file"
    headers: tuple[tuple[str, str], ...] = ()
    try:
        headers = otlp_headers(faults.content(otlp.headers_file, flag))
    except Unusable as error:
        faults.all += (f"{flag} {otlp.headers_file} {fault}" for fault in error.faults)
    context = receiver_context(otlp, faults) if otlp.is_encrypted else None
    if faults.all:
        raise Unusable(*faults.all)
    if context is None and headers:
        remarks.warnings.append(
            "--audit-otlp-endpoint without https://: what --audit-otlp-headers-file holds is sent "
            "in clear; use https://"
        )
    return OtlpTarget(
        url=url, headers=headers, ssl_context=context, files=_files(otlp, otlp.headers_file)
    )


def _files(options: ReceiverOptions, *more: str) -> tuple[str, ...]:
    return named(options.ca_file, options.cert_file, options.key_file, *more)


AUDIT_NATS = TrustedFile(
    flag="audit-nats-servers",
    field="audit_nats",
    read=read_nats,
    paths=lambda _, target: target.files if target is not None else (),
)
AUDIT_KAFKA = TrustedFile(
    flag="audit-kafka-brokers",
    field="audit_kafka",
    read=read_kafka,
    paths=lambda _, target: target.files if target is not None else (),
)
AUDIT_OTLP = TrustedFile(
    flag="audit-otlp-endpoint",
    field="audit_otlp",
    read=read_otlp,
    paths=lambda _, target: target.files if target is not None else (),
)
