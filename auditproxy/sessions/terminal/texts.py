"""Texts of a terminal, compared: what was sent with what is shown."""

import unicodedata

INTERRUPTS = ("^C", "^Z", "^\\")
"""How the kernel shows the keys that stop a program."""
ENDS = "^D"
"""How it shows the key that ends input, where that is a key like others."""
_KEPT_FORMATS = "\u200c\u200d"


def printable(text: str) -> str:
    """A text without controls and formats, but for newlines and joiners."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if character in "\n\t"
        or character in _KEPT_FORMATS
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )


def could_show(sent: bytes, text: str) -> bool:
    """Whether a text can be the echo of some bytes, as the kernel or an editor shows them."""
    return is_within(squeezed(text), squeezed(as_shown(sent)))


def as_shown(sent: bytes) -> str:
    """The kernel's echo of some bytes: controls but for tabs and newlines as ^X."""
    return "".join(
        "^" + chr(ord(character) ^ 0x40)
        if (character < " " and character not in "\t\n") or character == "\x7f"
        else character
        for character in sent.decode("utf-8", "replace")
    )


def squeezed(text: str) -> str:
    """A text without blanks: what wraps, tabs and newlines do to it does not matter."""
    return "".join(text.split())


def is_within(part: str, whole: str) -> bool:
    """Whether all characters of one text occur in another, in order."""
    rest = iter(whole)
    return all(character in rest for character in part)
