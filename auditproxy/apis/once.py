"""Once: what follows from an object alone, found out when it is first asked for."""

from collections.abc import Callable
from typing import Generic, Self, TypeVar, overload

Owner = TypeVar("Owner")
Value = TypeVar("Value")


class Once(Generic[Owner, Value]):
    """Decorates a method without arguments: an attribute, computed on its first use and then kept.

    The owner must not change in what the value follows from, and needs a ``__dict__``. The first
    use costs less than that of functools.cached_property, which takes a lock before Python 3.12.
    """

    def __init__(self, find: Callable[[Owner], Value]) -> None:
        self._find = find
        self._name = find.__name__
        self.__doc__ = find.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Owner]) -> Self: ...
    @overload
    def __get__(self, instance: Owner, owner: type[Owner] | None = None) -> Value: ...
    def __get__(self, instance: Owner | None, owner: type[Owner] | None = None) -> Self | Value:
        """Compute and keep the value; later uses find it in the owner's ``__dict__``."""
        if instance is None:
            return self
        found = instance.__dict__[self._name] = self._find(instance)
        return found
