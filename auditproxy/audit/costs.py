"""Costs: what reading a body takes at the most, told before anything of it is read.

In bytes of JSON that take as long: what is written for machines is read by C, YAML
value by value. Measured with bodies that hold nothing but the smallest values.
"""

from auditproxy.audit.bodies import base_type, unfolded_limit
from auditproxy.audit.objects import APPLY_CBOR, APPLY_YAML
from auditproxy.audit.submitted import CBOR, PROTOBUF, YAML
from auditproxy.serializer.yaml import ALIAS_LIMIT

_YAMLS = (YAML, APPLY_YAML)
_WEIGHTS = {YAML: 20, APPLY_YAML: 20, CBOR: 4, APPLY_CBOR: 4, PROTOBUF: 4}
REDACTED_WEIGHT = 8
"""What looking for secrets in a body adds, a byte."""


def cost(content_type: str, content_encoding: str, size: int, *, limit: int) -> int:
    """What a body of ``size`` bytes costs; ``limit`` is what a compressed one may unfold to."""
    if content_encoding.strip().lower() not in ("", "identity"):
        size = unfolded_limit(size, limit)
    return size * _WEIGHTS.get(base_type(content_type), 1)


def may_unfold(content_type: str) -> bool:
    """Whether a body of this type may have aliases, for ``unfolded_cost`` to look for."""
    return base_type(content_type) in _YAMLS


def unfolded_cost(body: bytes) -> int:
    """What the aliases of a YAML body add, however small it is: they may unfold to this much."""
    # In UTF-16 the byte stands beside a zero.
    return ALIAS_LIMIT if b"*" in body else 0
