"""Costs: an upper bound for reading a body, known before any of it is read.

The unit is the bytes of JSON that take as long to read: JSON is read by C code, YAML
value by value. Measured with bodies of nothing but the smallest values.
"""

from auditproxy.audit.bodies import unfolded_limit
from auditproxy.audit.mediatypes import base_type
from auditproxy.audit.objects import APPLY_CBOR, APPLY_YAML
from auditproxy.audit.submitted import CBOR, PROTOBUF, YAML
from auditproxy.serializer.yaml import ALIAS_LIMIT

_YAMLS = (YAML, APPLY_YAML)
_WEIGHTS = {YAML: 20, APPLY_YAML: 20, CBOR: 4, APPLY_CBOR: 4, PROTOBUF: 4}
REDACTED_WEIGHT = 8
"""Cost that the search for secrets adds for each byte of a body."""


def cost(content_type: str, content_encoding: str, size: int, *, limit: int) -> int:
    """Return the cost of a body of ``size`` bytes; ``limit`` bounds what a compressed one holds."""
    if content_encoding and content_encoding.strip().lower() not in ("", "identity"):
        size = unfolded_limit(size, limit)
    return size * _WEIGHTS.get(base_type(content_type), 1)


def may_unfold(content_type: str) -> bool:
    """Whether a body of this type may have aliases, for ``unfolded_cost`` to look for."""
    return base_type(content_type) in _YAMLS


def unfolded_cost(body: bytes) -> int:
    """Return the cost that a YAML body's aliases add: even in a small one they unfold to this."""
    # In UTF-16 the byte stands beside a zero.
    return ALIAS_LIMIT if b"*" in body else 0
