"""Secret values that were found, and whether a text contains one of them in some form.

A value marked in one place may occur in another: in an annotation, in the name of
a set's item in managedFields, in a message that quotes it. A text is searched as it
is, with its escapes undone, and with anything like base64 decoded; values are
searched for as they are, decoded and encoded.
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from typing import Any

from auditproxy.audit.redaction.paths import fold
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError

PART = 6
"""Characters from which a value is looked for inside texts; a shorter one must be all of a text."""
DIGITS = 4
"""Digits from which a number is looked for."""
SEARCH_LIMIT = 1 << 27
"""Characters that one search may compare; beyond, a body is left out."""
HITS_LIMIT = 1 << 20
"""Comparisons for finding the texts that hold values."""
FEW = 256
"""Values that are looked for one by one."""

_END = "\0"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}
_WORDS = {
    length: re.compile(rf"(?<![A-Za-z0-9])(?=(.{{{length}}})(?![A-Za-z0-9]))", re.DOTALL)
    for length in range(1, PART)
}
"""Finds the words of a text that have so many characters."""
_PIECE = 16 * 1024
"""Characters of a text that are searched together."""


class SecretValues:
    """The secret values of one object, or of one request and its answer.

    Long searches check a budget; its error is a SerializationError too.
    """

    def __init__(self) -> None:
        self._long: set[str] = set()
        self._short: set[str] = set()
        self.names: set[str] = set()
        """Names of members whose values are secret; they are not secret themselves."""
        self.odd = False
        """Whether a value was not a string: servers quote those in their errors."""

    def __bool__(self) -> bool:
        return bool(self._long or self._short)

    def update(self, other: "SecretValues") -> None:
        """Take over what another found."""
        self._long |= other._long
        self._short |= other._short
        self.names |= other.names
        self.odd |= other.odd

    def add(self, value: Any, budget: Budget | None = None) -> None:
        """Note a value from decoded JSON, with everything inside it; raises the budget's error."""
        if budget is not None:
            budget.tick()
        if isinstance(value, str):
            self._text(value)
        elif isinstance(value, dict):
            self.odd = True
            for name, member in value.items():
                self.names.add(fold(name))
                self.add(member, budget)
        elif isinstance(value, list):
            self.odd = True
            for item in value:
                self.add(item, budget)
        elif value is not None:
            self.odd = True
            spelled = str(value)
            if not isinstance(value, bool) and len(spelled) >= DIGITS:
                self._note(spelled)

    def _note(self, needle: str) -> None:
        (self._long if len(needle) >= PART else self._short).add(needle)

    def _text(self, value: str) -> None:
        if value in self._long or value in self._short:
            return
        forms = {value, *_decoded(value, whole=True)}
        for form in forms:
            bare = form.strip()
            if not bare:
                continue
            raw = form.encode("utf-8", "surrogateescape" if form.isascii() else "replace")
            for plain in (raw, raw.strip()):
                encoded = base64.b64encode(plain).decode()
                self._note(encoded)
                self._note(encoded.rstrip("="))
            self._note(bare)

    def held_by(self, texts: Iterable[str], budget: Budget | None = None) -> list[str]:
        """Return the values that some of the texts contain.

        Raises SerializationError if the search would take too long.
        """
        if not self:
            return []
        return self._held([form for text in texts for form in _forms(text, budget)], budget)

    def _held(self, forms: list[str], budget: Budget | None) -> list[str]:
        """Return the values found in some of the texts; a short one must be the whole text."""
        bare = [form.strip() for form in forms]
        found = list(self._short.intersection(bare))
        hay = _END.join(bare)
        candidates = self._candidates(hay, budget)
        if len(hay) * len(candidates) > SEARCH_LIMIT:
            raise SerializationError("too many secret values to look for")
        steps = 1 + len(hay) // _PIECE
        for needle in candidates:
            if budget is not None:
                budget.tick(steps)
            if needle in hay:
                found.append(needle)
        return found

    def _candidates(self, hay: str, budget: Budget | None) -> Collection[str]:
        """Return the long values a text may contain: of many, those whose beginning occurs."""
        if len(self._long) <= FEW:
            return self._long
        starts: dict[str, list[str]] = {}
        for needle in self._long:
            starts.setdefault(needle[:PART], []).append(needle)
        met: set[str] = set()
        for position in range(0, len(hay), _PIECE):
            if budget is not None:
                budget.check()
            piece = hay[position : position + _PIECE + PART - 1]
            met |= starts.keys() & {piece[i : i + PART] for i in range(len(piece) - PART + 1)}
        return [needle for start in met for needle in starts[start]]

    def quoted_by(self, messages: Collection[str], budget: Budget | None = None) -> set[str]:
        """Return the messages that contain a value; a short value must be a whole word.

        Returns all of them if the search exceeds the budget.
        """
        if self.odd:
            return set(messages)
        if not self:
            return set()
        try:
            forms = {message: _forms(message, budget) for message in set(messages)}
            held = self._held([form for found in forms.values() for form in found], budget)
            held = [needle for needle in held if len(needle) >= PART]
            lengths = {len(needle) for needle in self._short}
            return {
                message
                for message, found in forms.items()
                if any(needle in form for form in found for needle in held)
                or any(self._has_word(form, lengths, budget) for form in found)
            }
        except SerializationError:
            return set(messages)

    def _has_word(self, form: str, lengths: set[int], budget: Budget | None) -> bool:
        """Whether a text contains a short value without a letter or digit on either side."""
        for length in lengths:
            for word in _WORDS[length].finditer(form):
                if word[1] in self._short:
                    return True
                if budget is not None:
                    budget.tick()
        return False


def holds(text: str, needles: list[str]) -> bool:
    """Whether one text holds one of the values that ``held_by`` found."""
    forms = [form.strip() for form in _forms(text)]
    return any(
        needle in form if len(needle) >= PART else needle == form
        for needle in needles
        for form in forms
    )


def _forms(text: str, budget: Budget | None = None) -> list[str]:
    """Return a text in every form it may be read in; raises the budget's error."""
    if budget is not None:
        budget.tick()
    forms = _plain(text)
    for form in tuple(forms):
        for inside in _decoded(form, whole=False):
            forms.extend(_plain(inside))
    return forms


def _plain(text: str) -> list[str]:
    """Return a text as it is and with its escapes undone, as in JSON inside JSON."""
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
    """Decode base64: the whole text, or each stretch of it."""
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
