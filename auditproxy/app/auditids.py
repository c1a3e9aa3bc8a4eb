"""Audit ids: random UUIDs of version 4, made many at a time.

The kernel is asked once for the random bytes of all of them. A process that was forked throws away
what it inherited, so no two processes give out the same id.
"""

import os

MADE_AT_ONCE = 256
"""Ids that one reading of random bytes makes."""

_BYTES = 16
_VARIANTS = {digit: "89ab"[value & 3] for value, digit in enumerate("0123456789abcdef")}
"""The digit of the variant (RFC 9562, 4.1) that a random digit stands for."""

_made: list[str] = []
os.register_at_fork(after_in_child=_made.clear)


def new_audit_id() -> str:
    """A new id; any thread may ask."""
    try:
        return _made.pop()
    except IndexError:
        made = _make()
        newest = made.pop()
        _made.extend(made)
        return newest


def _make() -> list[str]:
    """UUIDs of version 4 (RFC 9562, 5.4), each of 122 random bits."""
    digits = os.urandom(MADE_AT_ONCE * _BYTES).hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-4{digits[at + 13 : at + 16]}"
        f"-{_VARIANTS[digits[at + 16]]}{digits[at + 17 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, len(digits), _BYTES * 2)
    ]
