"""Memo: what follows from a key, remembered within a bound.

A memo belongs to what its values follow from besides the key: to a connection, or to one
configuration. It goes with its owner, so nothing in it has to be invalidated.
"""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memo(dict[Key, Value], Generic[Key, Value]):
    """At most ``most`` values; a full memo is emptied, which costs nothing as long as it fits.

    Look a key up with ``get``. Keys must be all that a value follows from, byte for byte.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def remember(self, key: Key, value: Value) -> Value:
        """Keep and return a value that was just found out."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
