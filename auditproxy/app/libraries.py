"""Leaves out of libraries what a proxy pays for and never uses; imported before they are.

aiohttp makes a context with all authorities of the system when it is imported, for sessions that
bring none: 2 MiB, and 30 ms of each start. Ours always bring one (clients/session.py), and one that
did not would verify against an empty set, and fail. Its lists of hooks are frozenlist's, in C++,
whose runtime takes a MiB; a proxy has no hooks, and frozenlist has the same in Python.
"""

import ssl
import sys
from typing import Any

from auditproxy.tls.client import trusting_nobody

LEFT_OUT = ("frozenlist._frozenlist",)
"""Modules that Python then does not find, as where they were not built."""


def _trusting_nobody(*args: Any, **settings: Any) -> ssl.SSLContext:
    return trusting_nobody()


for _name in LEFT_OUT:
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]

_made = ssl.create_default_context
ssl.create_default_context = _trusting_nobody
try:
    import aiohttp.connector  # noqa: F401
finally:
    ssl.create_default_context = _made
