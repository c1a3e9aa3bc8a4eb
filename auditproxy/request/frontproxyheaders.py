"""The headers that are reserved for front proxies."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontProxyHeaders:
    """Headers in which front proxies name users; never forwarded from any client.

    Lower case, ``_`` as ``-``. After ``extra_prefixes`` a name may be percent-encoded.
    """

    names: frozenset[bytes] = frozenset()
    extra_prefixes: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, names: tuple[str, ...], extra_prefixes: tuple[str, ...]) -> "FrontProxyHeaders":
        """Create from names and prefixes in any spelling."""
        lowered = [name.lower().replace("_", "-").encode() for name in (*names, *extra_prefixes)]
        return cls(frozenset(lowered[: len(names)]), tuple(lowered[len(names) :]))

    def __contains__(self, key: bytes) -> bool:
        return key in self.names or key.startswith(self.extra_prefixes)


NO_FRONT_PROXY = FrontProxyHeaders()
