"""The Kafka backend: brokers, topic and login; the rest is that of all receivers."""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from auditproxy.apis.gotext import go_quote
from auditproxy.options.declared import Declared
from auditproxy.options.receivers import ReceiverOptions, host_and_port, shown

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""Ways of logging in with SASL."""

_TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKafkaOptions(ReceiverOptions):
    """The Kafka backend."""

    plugin: ClassVar[str] = "kafka"

    brokers: Annotated[
        tuple[str, ...],
        Declared(
            "audit-kafka-brokers",
            "strings",
            "Brokers of a Kafka cluster, each tls://HOST[:PORT] or plaintext://HOST[:PORT]; the "
            "others are learnt from them. Empty disables this backend. Needs the extra kafka.",
        ),
    ] = ()
    topic: Annotated[
        str,
        Declared(
            "audit-kafka-topic",
            "string",
            "Topic to which events are published, keyed by their auditID. Example: "
            "audit.cluster-1.",
        ),
    ] = "audit.events"
    sasl_mechanism: Annotated[
        str,
        Declared(
            "audit-kafka-sasl-mechanism",
            "string",
            "How to log in with --audit-kafka-username: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        ),
    ] = "SCRAM-SHA-512"
    username: Annotated[
        str,
        Declared("audit-kafka-username", "string", "Kafka user, with --audit-kafka-password-file."),
    ] = ""
    password_file: Annotated[
        str,
        Declared(
            "audit-kafka-password-file", "path", "File with the password of --audit-kafka-username."
        ),
    ] = ""

    @property
    def is_configured(self) -> bool:
        """Whether there is a broker."""
        return bool(self.brokers)

    @property
    def place(self) -> str:
        """The topic."""
        return f"the topic {self.topic} of Kafka"

    @property
    def is_encrypted(self) -> bool:
        """Whether brokers must speak TLS, all of them."""
        return bool(self.ca_file or self.cert_file) or any(
            broker.lower().startswith("tls://") for broker in self.brokers
        )

    def receiver_faults(self) -> list[str]:
        """Faults of brokers, topic and login."""
        faults = [
            f"--audit-kafka-brokers {go_quote(shown(broker))} is not a broker; give "
            "tls://HOST:PORT or plaintext://HOST:PORT, and the password in a file"
            for broker in self.brokers
            if kafka_broker(broker) is None
        ]
        if not _TOPIC.fullmatch(self.topic):
            faults.append(
                f"--audit-kafka-topic {go_quote(self.topic)} is not the name of a topic; give "
                "letters, digits, dots, - and _, such as audit.events"
            )
        if self.sasl_mechanism not in MECHANISMS:
            faults.append(
                f"--audit-kafka-sasl-mechanism {go_quote(self.sasl_mechanism)} is not known; give "
                f"one of {', '.join(MECHANISMS)}"
            )
        if bool(self.username) != bool(self.password_file):
            faults.append(
                "--audit-kafka-username and --audit-kafka-password-file need each other; give both"
            )
        return faults


def kafka_broker(text: str) -> tuple[str, int] | None:
    """Host and port of a broker; None for what is none, or has more than these."""
    return host_and_port(text, ("tls", "plaintext"), 9092)
