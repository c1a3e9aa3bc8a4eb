"""Field and label selectors (apimachinery pkg/fields/selector.go, pkg/labels/selector.go).

Both give requirements in the words of a SubjectAccessReview: ``=`` is In, ``!=``
is NotIn; ``>`` and ``<`` of labels have no word there and are left out.
"""

import re
from collections.abc import Iterator

from auditproxy.apis.attributes import SelectorRequirement

Requirements = tuple[SelectorRequirement, ...]

_FIELD_OPERATORS = (("!=", "NotIn"), ("==", "In"), ("=", "In"))

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<operator>!=|==|=|!|\(|\)|,|>|<)|(?P<word>[^ \t\r\n=!(),><]+)|(?P<end>\Z))"
)


class SelectorError(ValueError):
    """The text is no selector."""


def field_requirements(text: str) -> Requirements:
    """The terms of a field selector, sorted as Go sorts them; raises SelectorError."""
    terms = sorted(
        (term for term in _split_unescaped(text) if term),
        key=lambda term: term.encode("utf-8", "surrogateescape"),
    )
    found = (_field_term(term, text) for term in terms)
    return tuple(term for term in found if term.key or term.values[0])


def _split_unescaped(text: str) -> Iterator[str]:
    """Cut at commas that no backslash protects."""
    start = position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == ",":
            yield text[start:position]
            start = position + 1
        position += 1
    yield text[start:]


def _field_term(term: str, whole: str) -> SelectorRequirement:
    for position in range(len(term)):
        for operator, word in _FIELD_OPERATORS:
            if term.startswith(operator, position):
                value = _unescape_field(term[position + len(operator) :])
                return SelectorRequirement(term[:position], word, (value,))
    raise SelectorError(f"invalid selector: '{whole}'; can't understand '{term}'")


def _unescape_field(value: str) -> str:
    """Take the backslashes off; a bare ``=`` or ``,`` is an error."""
    out = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in ("\\", ",", "=") or not escaped:
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            out.append(escaped)
        elif character in "=,":
            raise SelectorError(
                f"invalid field selector: unescaped character in value: {ord(character)}"
            )
        else:
            out.append(character)
    return "".join(out)


def label_requirements(text: str) -> Requirements:
    """The requirements of a label selector, sorted by key; raises SelectorError."""
    if not text:
        return ()
    return _LabelParser(text).parse()


class _LabelParser:
    """Recursive descent over the tokens of one label selector."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._position = 0

    def parse(self) -> Requirements:
        found: list[SelectorRequirement] = []
        if self._peek() == "":
            return ()
        while True:
            requirement = self._requirement()
            if requirement is not None:
                found.append(requirement)
            following = self._next()
            if following == "":
                break
            if following != ",":
                raise SelectorError(f"found '{following}', expected: ',' or 'end of string'")
            if self._peek() in ("", ","):
                raise SelectorError("found nothing, expected: identifier after ','")
        return tuple(sorted(found, key=lambda requirement: requirement.key))

    def _peek(self) -> str:
        return self._tokens[self._position]

    def _next(self) -> str:
        token = self._tokens[self._position]
        if self._position < len(self._tokens) - 1:
            self._position += 1
        return token

    def _requirement(self) -> SelectorRequirement | None:
        negated = self._peek() == "!"
        if negated:
            self._next()
        key = self._word("identifier")
        _check_key(key)
        following = self._peek()
        if following in ("", ","):
            return SelectorRequirement(key, "DoesNotExist" if negated else "Exists")
        if negated:
            raise SelectorError(f"found '{following}', expected: ',' or 'end of string'")
        operator = self._next()
        if operator in ("in", "notin"):
            return SelectorRequirement(key, "In" if operator == "in" else "NotIn", self._values())
        if operator in ("=", "==", "!="):
            value = self._exact_value()
            return SelectorRequirement(key, "NotIn" if operator == "!=" else "In", (value,))
        if operator in (">", "<"):
            value = self._exact_value()
            digits = value[1:] if value[:1] in ("+", "-") else value
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
                raise SelectorError(
                    f"for 'Gt', 'Lt' operators, the value must be an integer: {value}"
                )
            return None
        raise SelectorError(f"found '{operator}', expected an operator")

    def _word(self, expected: str) -> str:
        token = self._next()
        if token in ("", "=", "==", "!=", "!", "(", ")", ",", ">", "<"):
            raise SelectorError(f"found '{token}', expected: {expected}")
        return token

    def _exact_value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        return _checked_value(self._word("identifier"))

    def _values(self) -> tuple[str, ...]:
        if self._next() != "(":
            raise SelectorError("expected: '('")
        values = set()
        after_comma = True
        while True:
            found = self._next()
            if found == ")":
                if after_comma:
                    values.add("")
                return tuple(sorted(values))
            if found == ",":
                if after_comma:
                    values.add("")
                after_comma = True
            elif found in ("", "=", "==", "!=", "!", "(", ">", "<") or not after_comma:
                raise SelectorError(f"found '{found}', expected: ',' or ')'")
            else:
                values.add(_checked_value(found))
                after_comma = False


def _tokens(text: str) -> Iterator[str]:
    """Words and operators of a label selector, then an empty text."""
    position = 0
    while True:
        found = _TOKEN.match(text, position)
        if found is None:
            raise SelectorError("the selector cannot be read")
        if found.lastgroup == "end":
            yield ""
            return
        yield found.group(found.lastgroup or 0)
        position = found.end()


def _check_key(key: str) -> None:
    """A label key: an optional DNS subdomain with a slash, then a name."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or len(prefix) > 253 or _SUBDOMAIN.fullmatch(prefix) is None):
        raise SelectorError(f"{key}: the prefix part must be a lower-case DNS subdomain")
    if len(name) > 63 or _NAME.fullmatch(name) is None:
        raise SelectorError(f"{key}: the name part is no label name")


def _checked_value(value: str) -> str:
    if value and (len(value) > 63 or _NAME.fullmatch(value) is None):
        raise SelectorError(f"{value}: no label value")
    return value
