"""Outcomes of several deliveries as one; an outcome that is not there yet is never awaited here."""

from collections.abc import Awaitable, Generator, Iterable

from auditproxy.audit.backend import Delivery


def all_of(outcomes: Iterable[Delivery]) -> Delivery:
    """Combine deliveries: resolves to True if all succeeded, once the last has finished."""
    known = True
    awaited: list[Awaitable[bool]] = []
    for outcome in outcomes:
        if isinstance(outcome, bool):
            known = known and outcome
        else:
            awaited.append(outcome)
    if known and len(awaited) == 1:
        return awaited[0]
    return _Later(tuple(awaited), known=known) if awaited else known


def whatever(outcome: Delivery) -> Delivery:
    """Resolves to True when the delivery finishes, whatever its result."""
    return True if isinstance(outcome, bool) else _Later((outcome,), ignored=True)


class _Later:
    """An outcome that can be awaited; unlike a coroutine, it need not be."""

    def __init__(
        self, awaited: tuple[Awaitable[bool], ...], *, known: bool = True, ignored: bool = False
    ) -> None:
        self._awaited = awaited
        self._known = known
        self._ignored = ignored

    def __await__(self) -> Generator[object, object, bool]:
        success = self._known
        for each in self._awaited:
            success = (yield from each.__await__()) and success
        return success or self._ignored
