"""Secret values that were met, and whether a text holds one of them in some form.

What was marked in one place may stand in another: in an annotation, in the name
of a set's item in managedFields, in a message that quotes it. A text is looked at
as it is, with its escapes undone, and with what looks like base64 decoded; a
value is looked for as it is, decoded and encoded.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from auditproxy.audit.redaction.paths import fold
from auditproxy.serializer.errors import SerializationError

PART = 6
"""Characters from which a value is looked for inside texts; a shorter one must be all of a text."""
DIGITS = 4
"""Digits from which a number is looked for."""
SEARCH_LIMIT = 1 << 27
"""Characters that one search may compare; beyond, a body is left out."""
HITS_LIMIT = 1 << 20
"""Comparisons for finding the texts that hold values."""

_END = "\0"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}
_WORD = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])"


class SecretValues:
    """The secret values of one object, or of one request and its answer."""

    def __init__(self) -> None:
        self._needles: set[str] = set()
        self.names: set[str] = set()
        """Names of members whose values are secret; they are not secret themselves."""
        self.odd = False
        """Whether a value was no text: servers quote those when they complain."""

    def __bool__(self) -> bool:
        return bool(self._needles)

    def update(self, other: "SecretValues") -> None:
        """Take over what another found."""
        self._needles |= other._needles
        self.names |= other.names
        self.odd |= other.odd

    def add(self, value: Any) -> None:
        """Note a value from decoded JSON, with everything inside it."""
        if isinstance(value, str):
            self._text(value)
        elif isinstance(value, dict):
            self.odd = True
            for name, member in value.items():
                self.names.add(fold(name))
                self.add(member)
        elif isinstance(value, list):
            self.odd = True
            for item in value:
                self.add(item)
        elif value is not None:
            self.odd = True
            spelled = str(value)
            if not isinstance(value, bool) and len(spelled) >= DIGITS:
                self._needles.add(spelled)

    def _text(self, value: str) -> None:
        if value in self._needles:
            return
        forms = {value, *_decoded(value, whole=True)}
        for form in forms:
            bare = form.strip()
            if not bare:
                continue
            raw = form.encode("utf-8", "surrogateescape" if form.isascii() else "replace")
            encoded = base64.b64encode(raw).decode()
            self._needles.update((bare, encoded, encoded.rstrip("=")))
            stripped = base64.b64encode(raw.strip()).decode()
            self._needles.update((stripped, stripped.rstrip("=")))

    def held_by(self, texts: list[str]) -> list[str]:
        """Those of the values that some of the texts hold.

        Raises SerializationError when looking would take too long.
        """
        if not self._needles or not texts:
            return []
        forms = [form.strip() for text in texts for form in _forms(text)]
        hay = _END + _END.join(forms) + _END
        if len(hay) * len(self._needles) > SEARCH_LIMIT:
            raise SerializationError("too many secret values to look for")
        return [needle for needle in self._needles if _pattern(needle) in hay]

    def quoted_by(self, message: str) -> bool:
        """Whether a sentence holds a value; short ones count as words of it."""
        if self.odd:
            return True
        try:
            if self.held_by([message]):
                return True
        except SerializationError:
            return True
        forms = _forms(message)
        return any(
            re.search(_WORD.format(re.escape(needle)), form)
            for needle in self._needles
            if len(needle) < PART
            for form in forms
        )


def holds(text: str, needles: list[str]) -> bool:
    """Whether one text holds one of the values that ``held_by`` found."""
    forms = [_END + form.strip() + _END for form in _forms(text)]
    return any(_pattern(needle) in form for needle in needles for form in forms)


def _pattern(needle: str) -> str:
    return needle if len(needle) >= PART else _END + needle + _END


def _forms(text: str) -> list[str]:
    """A text in the ways in which it may be read."""
    forms = _plain(text)
    for form in tuple(forms):
        for inside in _decoded(form, whole=False):
            forms.extend(_plain(inside))
    return forms


def _plain(text: str) -> list[str]:
    """A text, and with its escapes undone, as of JSON inside JSON."""
    forms = [text]
    for _ in range(2):
        if "\\" not in text:
            break
        text = _ESCAPE.sub(_unescaped, text)
        if _SURROGATE.search(text):
            # JSON spells a character beyond U+FFFF as two.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        forms.append(text)
    return forms


def _decoded(text: str, *, whole: bool) -> Iterable[str]:
    """What stands behind base64, of the whole text or of each stretch of it."""
    if whole:
        found = ["".join(text.split())]
        if _BASE64.fullmatch(found[0]) is None:
            return
    else:
        found = _BASE64.findall(text)
    for stretch in found:
        bare = stretch.rstrip("=").replace("-", "+").replace("_", "/")
        if len(bare) % 4 == 1:
            continue
        try:
            raw = base64.b64decode(bare + "=" * (-len(bare) % 4))
        except (binascii.Error, ValueError):
            continue
        # Not UTF-8: the stretch is some word, or a binary value that only its base64 shows.
        try:
            plain = raw.decode()
        except UnicodeDecodeError:
            continue
        if plain:
            yield plain


def _unescaped(found: re.Match[str]) -> str:
    number = found[1] or found[2]
    if number:
        return chr(int(number, 16))
    return _ESCAPED.get(found[3], found[3])
