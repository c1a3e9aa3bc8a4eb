"""Decoders that misbehave, for a process that decodes: it imports them by their names."""

import os
from pathlib import Path
from typing import Any

from auditproxy.serializer.protobuf.decoder import Decoder


class Looping(Decoder):
    """Never comes to an end, and reads no clock."""

    def decode_object(self, *_: Any, **__: Any) -> bytes:
        """Take CPU."""
        while True:
            pass


class Leaving(Decoder):
    """Ends its process."""

    def decode_object(self, *_: Any, **__: Any) -> bytes:
        """End with a code."""
        os._exit(7)


class Failing(Decoder):
    """Has a fault of its own."""

    def decode_object(self, *_: Any, **__: Any) -> bytes:
        """Fail as nothing should."""
        raise ZeroDivisionError("of a secret value")


class Hoarding(Decoder):
    """Takes all the memory that it is given."""

    def decode_object(self, *_: Any, **__: Any) -> bytes:
        """Ask for more and more."""
        held = []
        while True:
            held.append(bytes(1 << 24))


class Settled(Decoder):
    """Says what its process may take and has."""

    def decode_object(self, *_: Any, **__: Any) -> bytes:
        """Look around."""
        import json
        import resource
        import sys

        found = {
            "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
            "data": resource.getrlimit(resource.RLIMIT_DATA)[1],
            "nice": os.nice(0),
            "finder": sys.meta_path[0].__name__,  # type: ignore[attr-defined]
            "oom": int(Path("/proc/self/oom_score_adj").read_text()),
            "modules": [
                name
                for name in ("aiohttp", "asyncio", "prometheus_client", "ssl", "cryptography")
                if name in sys.modules
            ],
        }
        return json.dumps(found).encode()
