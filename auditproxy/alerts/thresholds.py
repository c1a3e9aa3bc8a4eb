"""Windows: how many events of one kind came within a time, bounded in memory.

A window remembers the latest times up to the threshold's count, or the latest distinct values
with their times. The windows of one rule hold MAXIMUM_ENTRIES entries at most: beyond, the
window that was used longest ago is forgotten.
"""

from collections import OrderedDict, deque

from auditproxy.alerts.rules import Threshold

MAXIMUM_WINDOWS = 1000
"""Of one rule."""
MAXIMUM_ENTRIES = 50_000
"""Times and values in all windows of one rule."""
FEWEST_WINDOWS = 50
"""Even of a rule with a large count."""


class Windows:
    """The windows of one rule, by the values that its alerts are grouped by."""

    def __init__(self, threshold: Threshold) -> None:
        self._count = threshold.count
        self._within = threshold.within
        self._is_distinct = bool(threshold.distinct)
        fitting = MAXIMUM_ENTRIES // threshold.count
        self._limit = max(FEWEST_WINDOWS, min(MAXIMUM_WINDOWS, fitting))
        self._times: OrderedDict[tuple[str, ...], deque[int]] = OrderedDict()
        self._values: OrderedDict[tuple[str, ...], OrderedDict[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times) + len(self._values)

    def reached(self, key: tuple[str, ...], now: int, value: str) -> bool:
        """Count an event; whether it and those before it reach the threshold."""
        return self._distinct(key, now, value) if self._is_distinct else self._plain(key, now)

    def _plain(self, key: tuple[str, ...], now: int) -> bool:
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._count)
            if len(self._times) > self._limit:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(key)
        times.append(now)
        return len(times) == self._count and times[0] >= now - self._within

    def _distinct(self, key: tuple[str, ...], now: int, value: str) -> bool:
        values = self._values.get(key)
        if values is None:
            values = self._values[key] = OrderedDict()
            if len(self._values) > self._limit:
                self._values.popitem(last=False)
        else:
            self._values.move_to_end(key)
        # A number for a text: names may be long.
        number = hash(value)
        values.pop(number, None)
        values[number] = now
        while next(iter(values.values())) < now - self._within or len(values) > self._count:
            values.popitem(last=False)
        return len(values) >= self._count
