"""Where events go with Kafka, and how we log in there: values, without the library."""

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KafkaTarget:
    """The brokers of one cluster to begin with, as ``(host, port)``, and the topic for events.

    ``mechanism`` is that of SASL, "" where we do not log in; ``ssl_context`` is None for plain
    TCP. ``files`` are those that it was read from.
    """

    brokers: tuple[tuple[str, int], ...]
    topic: str
    mechanism: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    files: tuple[str, ...] = ()

    @property
    def protocol(self) -> str:
        """Kafka's word for TLS and SASL together."""
        transport = "PLAINTEXT" if self.ssl_context is None else "SSL"
        return f"SASL_{transport}" if self.mechanism else transport
