"""What the command starts, without a proxy."""

from collections.abc import Coroutine
from typing import Any

from auditproxy.options import Options


class CannotStartError(Exception):
    """What the fake raises in place of app/proxy.py's error."""

    faults = ("the port is taken", "the disk is full")


class FakeRunner:
    """Stands for app/proxy.py: remembers what it is asked, opens nothing."""

    StartError: type[Exception] = CannotStartError

    def __init__(
        self, faults: tuple[str, ...] = (), code: int = 0, error: BaseException | None = None
    ) -> None:
        self.faults = faults
        self.code = code
        self.error = error
        self.checked: list[Options] = []
        self.served: list[Options] = []

    def check(self, options: Options, *, strict: bool = False) -> tuple[str, ...]:
        """Remember, and find the faults that the test wants."""
        self.checked.append(options)
        return self.faults

    async def _serve(self, options: Options) -> int:
        self.served.append(options)
        if self.error is not None:
            raise self.error
        return self.code

    def serve(self, options: Options) -> Coroutine[Any, Any, int]:
        """Remember, and end as the test wants."""
        return self._serve(options)
