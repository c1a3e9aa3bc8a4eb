"""Check that a user survives being written as header values and parsed by kube-apiserver.

Header values lose white space at both ends and cannot contain control characters.
Header names keep their case only where it is escaped. A user that would arrive as a
different user is refused, not forwarded: ``"alice "`` would act as ``alice``.
"""

from auditproxy.apis.user import UserInfo


def wire_safe(user: UserInfo) -> str | None:
    """Return why this user would not survive the round trip, None if it would.

    The text names the affected part and never quotes it.
    """
    if not user.username:
        return "the username is empty"
    for part, text in (("username", user.username), ("uid", user.uid)):
        fault = _value_fault(text)
        if fault is not None:
            return f"the {part} {fault}"
    for group in user.groups:
        fault = _value_fault(group)
        if fault is not None:
            return f"a group {fault}"
    return _extra_fault(user.extra)


def _extra_fault(extra: dict[str, tuple[str, ...]]) -> str | None:
    seen: set[str] = set()
    for key, values in extra.items():
        if any(0xD800 <= ord(char) <= 0xDFFF for char in key):
            return "an extra key is not valid Unicode"
        lowered = lower_ascii(key)
        if lowered in seen:
            return "two extra keys differ only in case"
        seen.add(lowered)
        for value in values:
            fault = _value_fault(value)
            if fault is not None:
                return f"an extra value {fault}"
    return None


def _value_fault(text: str) -> str | None:
    """Return why a header value cannot carry this text; an empty text can be carried."""
    if text.isascii() and text.isprintable():
        return "begins or ends with white space" if text != text.strip(" ") else None
    for char in text:
        code = ord(char)
        if code < 0x20 or code == 0x7F:
            return "contains a control character"
        if 0xD800 <= code <= 0xDFFF:
            return "is not valid Unicode"
    if text[0] == " " or text[-1] == " ":
        return "begins or ends with white space"
    return None


def lower_ascii(text: str) -> str:
    """Lower-case A-Z only, as header names are compared."""
    return text if text.islower() and text.isascii() else _lower(text)


def _lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)
