"""Values: what every group of options needs to report a fault, and the units of its fields."""

from auditproxy.apis.gotext import go_quote


def choice(flag: str, value: str, allowed: tuple[str, ...]) -> list[str]:
    """The fault of a flag whose value is not one of the allowed ones."""
    if value in allowed:
        return []
    return [f"invalid --{flag} {go_quote(value)}, allowed values are {go_quote(','.join(allowed))}"]
