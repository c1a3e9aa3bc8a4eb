"""Windows: how many events of one kind came within a time, bounded in memory.

A window remembers the latest times up to the threshold's count, or the latest distinct values
with their times. The windows of one rule hold MAXIMUM_ENTRIES entries at most: beyond, the user
with most of them loses the one that was used longest ago, so that no user ends those of another.
"""

from collections import OrderedDict, deque

from auditproxy.alerts.rules import Threshold

MAXIMUM_WINDOWS = 1000
"""Of one rule."""
MAXIMUM_ENTRIES = 50_000
"""Times and values in all windows of one rule."""
FEWEST_WINDOWS = 50
"""Even of a rule with a large count."""

_Window = deque[int] | OrderedDict[int, int]
"""The latest times, or the latest values, by numbers, with their times."""


class Windows:
    """The windows of one rule, by the values that its alerts are grouped by."""

    def __init__(self, threshold: Threshold) -> None:
        self._count = threshold.count
        self._within = threshold.within
        self._is_distinct = bool(threshold.distinct)
        fitting = MAXIMUM_ENTRIES // threshold.count
        self._limit = max(FEWEST_WINDOWS, min(MAXIMUM_WINDOWS, fitting))
        self._owners: dict[tuple[str, ...], tuple[str, str]] = {}
        """Who has begun a window; others may count in it."""
        # Both latest used last.
        self._of_owners: OrderedDict[tuple[str, str], OrderedDict[tuple[str, ...], _Window]] = (
            OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._owners)

    def reached(self, key: tuple[str, ...], now: int, value: str, owner: tuple[str, str]) -> bool:
        """Count an event of ``owner``; whether it and those before it reach the threshold."""
        window = self._window(key, owner)
        if isinstance(window, deque):
            window.append(now)
            return len(window) == self._count and window[0] >= now - self._within
        # A number for a text: names may be long.
        number = hash(value)
        window.pop(number, None)
        window[number] = now
        while next(iter(window.values())) < now - self._within or len(window) > self._count:
            window.popitem(last=False)
        return len(window) >= self._count

    def _window(self, key: tuple[str, ...], owner: tuple[str, str]) -> _Window:
        owner = self._owners.setdefault(key, owner)
        mine = self._of_owners.setdefault(owner, OrderedDict())
        self._of_owners.move_to_end(owner)
        window = mine.get(key)
        if window is None:
            window = OrderedDict() if self._is_distinct else deque(maxlen=self._count)
            mine[key] = window
            if len(self._owners) > self._limit:
                self._forget_one()
        else:
            mine.move_to_end(key)
        return window

    def _forget_one(self) -> None:
        owner, windows = max(self._of_owners.items(), key=lambda item: len(item[1]))
        key, _ = windows.popitem(last=False)
        del self._owners[key]
        if not windows:
            del self._of_owners[owner]
