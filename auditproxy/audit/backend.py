"""Backend: where events go, in kube-apiserver's words (apiserver audit/types.go)."""

from typing import Protocol

from auditproxy.apis.audit import Event


class Backend(Protocol):
    """Takes events; prints itself as kube-apiserver does, ``ignoreErrors<log>`` and the like."""

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Take events without waiting; false only when the request must know that it failed."""
        ...

    async def shutdown(self) -> None:
        """Deliver what is left and close."""
        ...
