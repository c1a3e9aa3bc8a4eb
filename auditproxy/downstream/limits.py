"""Limits on client connections, in total and per address."""

from collections import Counter


class ConnectionLimits:
    """Counts open connections; a limit of 0 means unlimited."""

    def __init__(self, maximum: int = 0, per_address: int = 0) -> None:
        self.maximum = maximum
        self._per_address = per_address
        self._open = 0
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open

    def admit(self) -> "Lease | None":
        """Reserve a place for one more connection, None if all are taken."""
        if self.maximum and self._open >= self.maximum:
            return None
        self._open += 1
        return Lease(self)

    def claim(self, lease: "Lease", address: str) -> bool:
        """Assign this connection to its client's address; False if that has too many."""
        if self._per_address and self._by_address[address] >= self._per_address:
            return False
        self._by_address[address] += 1
        lease.address = address
        return True

    def release(self, lease: "Lease") -> None:
        """Release the places of a connection."""
        self._open -= 1
        if lease.address is not None:
            self._by_address[lease.address] -= 1
            if not self._by_address[lease.address]:
                del self._by_address[lease.address]


class Lease:
    """The place of one connection; ``release`` may be called more than once."""

    __slots__ = ("_limits", "address")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits: ConnectionLimits | None = limits
        self.address: str | None = None

    def release(self) -> None:
        """Release the place; later calls have no effect."""
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.release(self)
