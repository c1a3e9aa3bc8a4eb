"""PassedBytes: what has passed in one direction of a session, whether it was read or not."""


class PassedBytes:
    """Bytes of one direction: those of its streams; from ``lose`` on those of the tunnel.

    ``size`` is never below what passed: where frames are not read, they are counted with what they
    carry.
    """

    __slots__ = ("_is_lost", "_unread", "size")

    def __init__(self) -> None:
        self.size = 0
        self._unread = 0
        """Bytes of the tunnel since its reader found something in them."""
        self._is_lost = False

    def come(self, size: int) -> None:
        """So many bytes of the tunnel have come, and are read next."""
        if self._is_lost:
            self.size += size
        else:
            self._unread += size

    def carried(self, size: int) -> None:
        """The reader found so many bytes of streams in what has come."""
        if size and not self._is_lost:
            self.size += size
            self._unread = 0

    def lose(self) -> None:
        """The direction is not read any further; what was not found in it until now has passed."""
        if not self._is_lost:
            self._is_lost = True
            self.size += self._unread
