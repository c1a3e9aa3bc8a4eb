"""Text as Go prints it: quoted, escaped where a browser might show it, and numbers."""

from decimal import Decimal


def html_sanitize(text: str) -> str:
    """Escape ``& < >`` as kube does in texts that a browser might show."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def go_quote(text: str) -> str:
    """Go's ``%q`` (strconv Quote); a lone surrogate stands for one invalid byte."""
    out = ['"']
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif 0xDC80 <= ord(char) <= 0xDCFF:
            out.append(f"\\x{ord(char) - 0xDC00:02x}")
        elif ord(char) < 0x20 or ord(char) == 0x7F:
            out.append(f"\\x{ord(char):02x}")
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x10000:
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(f"\\U{ord(char):08x}")
    out.append('"')
    return "".join(out)


def go_float(value: float) -> str:
    """A finite float64 as encoding/json writes it: no exponent from 1e-6 up to 1e21."""
    # repr gives the shortest digits, as Go does; only the places of the point differ.
    number = Decimal(repr(value))
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return f"{number:f}".removesuffix(".0")
    return f"{number.normalize():e}"
