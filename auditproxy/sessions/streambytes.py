"""StreamBytes: how many bytes a session has carried each way."""

from dataclasses import dataclass

from auditproxy.apis.session import Carried, Channel, PortCarried, StreamEvent


@dataclass(slots=True)
class StreamBytes:
    """Bytes of streams, and of the connections of a port-forward, whose content is not kept."""

    sent: int = 0
    """By the client."""
    received: int = 0

    def take(self, event: StreamEvent) -> int:
        """Count what an event has carried, and return it."""
        if isinstance(event, Carried):
            from_client, size = event.channel is Channel.STDIN, len(event.data)
        elif isinstance(event, PortCarried):
            from_client, size = event.from_client, event.size
        else:
            return 0
        if from_client:
            self.sent += size
        else:
            self.received += size
        return size
