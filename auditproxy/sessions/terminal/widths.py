"""How many columns a character takes on a terminal: 0, 1 or 2.

Line editors in a container add up wcwidth of each code point, and so does this, by Unicode's
East_Asian_Width (UAX 11) and general categories as the interpreter knows them. Sequences that
newer terminals draw as one picture (joined emoji) are wider here than there, as they are for the
editors themselves.
"""

import unicodedata
from functools import lru_cache

_ZERO = frozenset({"Mn", "Me", "Cf", "Cc", "Zl", "Zp", "Cs"})
_SOFT_HYPHEN = "\xad"


@lru_cache(maxsize=4096)
def width(character: str) -> int:
    """Columns of one code point; 0 for combining marks, formats and controls."""
    if " " <= character < "\x7f" or character == _SOFT_HYPHEN:
        return 1
    if unicodedata.category(character) in _ZERO or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
