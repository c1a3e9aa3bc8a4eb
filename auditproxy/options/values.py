"""Values: what every group of options needs to tell a fault, and the units of its fields."""

import json

SECOND = 1_000_000_000
"""Nanoseconds."""

MEBIBYTE = 1024 * 1024
"""Bytes."""


def quote(text: str) -> str:
    """The text in double quotes, as Go prints it."""
    return json.dumps(text, ensure_ascii=False)


def choice(flag: str, value: str, allowed: tuple[str, ...]) -> list[str]:
    """The fault of a flag whose value is none of the allowed ones."""
    if value in allowed:
        return []
    return [f"invalid --{flag} {quote(value)}, allowed values are {quote(','.join(allowed))}"]
