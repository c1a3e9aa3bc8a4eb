"""Stands for app/proxy.py: remembers what the command asks of it, opens nothing."""

from types import SimpleNamespace
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.options import Options


class FakeProxy:
    """``check`` finds ``faults``, ``serve`` ends with ``code`` or raises ``error``."""

    def __init__(
        self,
        faults: tuple[str, ...] = (),
        code: int = 0,
        error: BaseException | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.faults = faults
        self.code = code
        self.error = error
        self.checked: list[Options] = []
        self.served: list[tuple[Options, Any]] = []
        self.files: Any = SimpleNamespace(warnings=warnings)
        """What ``check`` gives and ``serve`` is expected to be given."""

    def check(self, options: Options, *, strict: bool) -> Any:
        """Remember, and find the faults that the test wants."""
        self.checked.append(options)
        if self.faults:
            raise Unusable(*self.faults)
        return self.files

    async def serve(self, options: Options, files: Any) -> int:
        """Remember, and end as the test wants."""
        self.served.append((options, files))
        if self.error is not None:
            raise self.error
        return self.code

    def load(self) -> Any:
        """For ``main(..., load_proxy=...)``."""
        return self.check, self.serve
