"""How many connections clients may have, all together and from one address."""

from collections import Counter


class ConnectionLimits:
    """Counts open connections; 0 is no limit."""

    def __init__(self, maximum: int = 0, per_address: int = 0) -> None:
        self.maximum = maximum
        self._per_address = per_address
        self._open = 0
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open

    def admit(self) -> "Lease | None":
        """A place for one connection more, None when all are taken."""
        if self.maximum and self._open >= self.maximum:
            return None
        self._open += 1
        return Lease(self)

    def claim(self, lease: "Lease", address: str) -> bool:
        """Count this connection to its client's address; False when that has too many."""
        if self._per_address and self._by_address[address] >= self._per_address:
            return False
        self._by_address[address] += 1
        lease.address = address
        return True

    def release(self, lease: "Lease") -> None:
        """Give the places back."""
        self._open -= 1
        if lease.address is not None:
            self._by_address[lease.address] -= 1
            if not self._by_address[lease.address]:
                del self._by_address[lease.address]


class Lease:
    """The place of one connection; ``release`` may be called by whoever sees its end first."""

    __slots__ = ("_limits", "address")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits: ConnectionLimits | None = limits
        self.address: str | None = None

    def release(self) -> None:
        """Give the place back, once."""
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.release(self)
