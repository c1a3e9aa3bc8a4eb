"""DebuggedPods: which containers of which pods are ephemeral, as far as this proxy has seen."""

from collections import OrderedDict

MOST_KNOWN = 10_000
"""Ephemeral containers that are remembered; the oldest is forgotten first."""


class DebuggedPods:
    """Remembers ephemeral containers that were added through the proxy since it started."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def added(self, namespace: str, pod: str, container: str) -> None:
        """Remember one."""
        key = (namespace, pod, container)
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def is_ephemeral(self, namespace: str, pod: str, container: str) -> bool:
        """Whether a container is known to be one."""
        return (namespace, pod, container) in self._known
