"""Numbers with a small value each, of which a session may have a thousand: six bytes for each.

A dict takes some seventy, and its integers as much again. What is looked for is found by halves, in
less than a microsecond; numbers that come in ascending order are added at the end.
"""

from array import array
from bisect import bisect_left


class NumberedValues:
    """Values from 0 to 65535 by numbers from 0 to 2^32 - 1."""

    __slots__ = ("_numbers", "_values")

    def __init__(self) -> None:
        self._numbers = array("I")
        self._values = array("H")

    def __len__(self) -> int:
        return len(self._numbers)

    def get(self, number: int) -> int:
        """The value of a number; -1 where it has none."""
        at = bisect_left(self._numbers, number)
        is_known = at < len(self._numbers) and self._numbers[at] == number
        return self._values[at] if is_known else -1

    def add(self, number: int, value: int) -> None:
        """Give a number that has none a value."""
        at = bisect_left(self._numbers, number)
        self._numbers.insert(at, number)
        self._values.insert(at, value)

    def pop(self, number: int) -> int:
        """Take the value of a number away, and return it; -1 where it has none."""
        value = self.get(number)
        if value >= 0:
            at = bisect_left(self._numbers, number)
            del self._numbers[at], self._values[at]
        return value

    def numbers(self) -> list[int]:
        """Those that have a value, in ascending order."""
        return self._numbers.tolist()

    def values(self) -> list[int]:
        """The values, in the order of their numbers."""
        return self._values.tolist()


class IntegerRows:
    """Rows of ``width`` integers of eight bytes each, in one array; what is free is used again."""

    __slots__ = ("_free", "_width", "numbers")

    def __init__(self, width: int) -> None:
        self.numbers = array("q")
        self._width = width
        self._free = array("H")

    def add(self, *numbers: int) -> int:
        """Put a row in; its place. It begins in ``numbers`` at the place times ``width``."""
        if not self._free:
            self.numbers.extend(numbers)
            return len(self.numbers) // self._width - 1
        place = self._free.pop()
        at = place * self._width
        self.numbers[at : at + self._width] = array("q", numbers)
        return place

    def row(self, place: int) -> list[int]:
        """The integers of a row."""
        at = place * self._width
        return self.numbers[at : at + self._width].tolist()

    def pop(self, place: int) -> list[int]:
        """Take a row out."""
        self._free.append(place)
        return self.row(place)
