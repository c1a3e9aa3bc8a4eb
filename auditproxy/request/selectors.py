"""Field and label selectors (apimachinery pkg/fields/selector.go, pkg/labels/selector.go).

Both are returned as requirements of a SubjectAccessReview: ``=`` is In, ``!=`` is
NotIn. ``>`` and ``<`` of labels have no equivalent there and are left out. Parsing takes
time linear in the text, because it happens before authentication.
"""

import re

from auditproxy.apis.attributes import SelectorRequirement
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.names import NOT_A_SUBDOMAIN, SUBDOMAIN, SUBDOMAIN_LENGTH

Requirements = tuple[SelectorRequirement, ...]

_NAME_PATTERN = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_NAME = re.compile(_NAME_PATTERN)
_NAME_LIMIT = 63

_NAME_FAULT = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_KEY_FAULT = (
    f"{_NAME_FAULT} (e.g. 'MyName',  or 'my.name',  or '123-abc', "
    f"regex used for validation is '{_NAME_PATTERN}')"
)
_VALUE_FAULT = (
    f"a valid label must be an empty string or {_NAME_FAULT.removeprefix('must ')} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"regex used for validation is '({_NAME_PATTERN})?')"
)

_TOKEN = re.compile(
    r"[ \t\r\n]*(!=|==|[=!(),><]|[^ \t\r\n=!(),><\0]+)"
    # Go's lexer swallows one NUL after a token; a NUL before a token ends the input.
    r"\0?"
)
_SYMBOLS = frozenset(("!=", "==", "=", "!", "(", ")", ",", ">", "<", ""))
"""Tokens that are not words; the empty one is the end of input."""
_OPERATORS = {
    "=": "In",
    "==": "In",
    "in": "In",
    "!=": "NotIn",
    "notin": "NotIn",
    ">": "",
    "<": "",
}
_OPERATOR_NAMES = "in, notin, =, ==, !=, gt, lt"

LONGEST_SELECTORS = 16 * 1024
"""Characters of a request's two selectors; parsing more would block other requests."""

_FIELD_MARK = re.compile(r"\\.?|,", re.DOTALL)
_INT64 = range(-(2**63), 2**63)


class SelectorError(ValueError):
    """The text is not a valid selector; the error's text is Go's."""


def is_int64(text: str) -> bool:
    """Return whether Go's strconv.ParseInt accepts the text in base 10 for 64 bits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        return False
    # Strip leading zeros first: int() raises an error of its own for very long strings.
    significant = digits.lstrip("0") or "0"
    if len(significant) > 19:
        return False
    number = int(significant)
    return (-number if text[0] == "-" else number) in _INT64


def field_requirements(text: str) -> Requirements:
    """Return the terms of a field selector, sorted like Go's; raises SelectorError."""
    if not text:
        return ()
    terms = _split_unescaped(text)
    if len(terms) > 1:
        terms.sort(key=lambda term: term.encode("utf-8", "surrogateescape"))
    found = [_field_term(term, text) for term in terms if term]
    return tuple(term for term in found if term.key or term.values[0])


def _split_unescaped(text: str) -> list[str]:
    """Split at commas that are not escaped by a backslash."""
    if "\\" not in text:
        return text.split(",")
    terms = []
    start = 0
    for mark in _FIELD_MARK.finditer(text):
        if mark[0] == ",":
            terms.append(text[start : mark.start()])
            start = mark.end()
    terms.append(text[start:])
    return terms


def _field_term(term: str, whole: str) -> SelectorRequirement:
    """Parse ``key=value``, ``key==value`` or ``key!=value``, split at the first operator."""
    position = term.find("=")
    if position < 0:
        raise SelectorError(f"invalid selector: '{whole}'; can't understand '{term}'")
    if position and term[position - 1] == "!":
        value = _unescape_field(term[position + 1 :])
        return SelectorRequirement(term[: position - 1], "NotIn", (value,))
    length = 2 if term.startswith("==", position) else 1
    value = _unescape_field(term[position + length :])
    return SelectorRequirement(term[:position], "In", (value,))


def _unescape_field(value: str) -> str:
    """Remove the backslashes; an unescaped ``=`` or ``,`` is an error."""
    if "\\" not in value and "=" not in value:
        return value
    out = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in ("\\", ",", "="):
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
    """Return the requirements of a label selector, sorted by key; raises SelectorError."""
    if not text:
        return ()
    found = _LabelParser(text).parse()
    found.sort(key=lambda requirement: requirement.key)
    return tuple(found)


class _LabelParser:
    """Recursive-descent parser of one label selector's tokens."""

    __slots__ = ("_position", "_tokens")

    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), ""]
        self._position = 0

    def parse(self) -> list[SelectorRequirement]:
        """Return all requirements in source order."""
        found: list[SelectorRequirement] = []
        word = self._peek()
        if word in _SYMBOLS and word not in ("", "!"):
            raise SelectorError(f"found '{word}', expected: !, identifier, or 'end of string'")
        while word:
            try:
                requirement = self._requirement()
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            if requirement is not None:
                found.append(requirement)
            following = self._next()
            if not following:
                break
            if following != ",":
                raise SelectorError(f"found '{following}', expected: ',' or 'end of string'")
            word = self._peek()
            if word in _SYMBOLS and word != "!":
                raise SelectorError(f"found '{word}', expected: identifier after ','")
        return found

    def _peek(self) -> str:
        return self._tokens[self._position]

    def _next(self) -> str:
        token = self._tokens[self._position]
        self._position += bool(token)
        return token

    def _requirement(self) -> SelectorRequirement | None:
        """Parse one requirement; None if a review has no equivalent."""
        key = self._next()
        negated = key == "!"
        if negated:
            key = self._next()
        if key in _SYMBOLS:
            raise SelectorError(f"found '{key}', expected: identifier")
        _check_key(key)
        if negated:
            return SelectorRequirement(key, "DoesNotExist")
        if self._peek() in ("", ","):
            return SelectorRequirement(key, "Exists")
        sign = self._next()
        operator = _OPERATORS.get(sign)
        if operator is None:
            raise SelectorError(f"found '{sign}', expected: {_OPERATOR_NAMES}")
        values = self._values() if sign in ("in", "notin") else (self._exact_value(),)
        faults = []
        for position, value in enumerate(values):
            if not operator and not is_int64(value):
                reason = "for 'Gt', 'Lt' operators, the value must be an integer"
                faults.append(f"values[{position}]: Invalid value: {_quoted(value)}: {reason}")
            if value and (len(value) > _NAME_LIMIT or _NAME.fullmatch(value) is None):
                place = f"values[{position}][{key}]"
                faults.append(f"{place}: Invalid value: {_quoted(value)}: {_value_fault(value)}")
        if faults:
            raise SelectorError(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")
        return SelectorRequirement(key, operator, values) if operator else None

    def _exact_value(self) -> str:
        """Parse the value of ``=``, ``==``, ``!=``, ``>`` and ``<``; a missing one is empty."""
        if self._peek() in ("", ","):
            return ""
        value = self._next()
        if value in _SYMBOLS:
            raise SelectorError(f"found '{value}', expected: identifier")
        return value

    def _values(self) -> tuple[str, ...]:
        """Parse the values of ``in`` and ``notin``, sorted and without repeats."""
        opening = self._next()
        if opening != "(":
            raise SelectorError(f"found '{opening}' expected: '('")
        first = self._peek()
        if first == ")":
            self._next()
            return ("",)
        if first in _SYMBOLS and first != ",":
            raise SelectorError(f"found '{first}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while True:
            word = self._next()
            following = self._peek()
            if word == ",":
                if not values or following in (",", ")"):
                    values.add("")
            elif word in _SYMBOLS:
                raise SelectorError(f"found '{word}', expected: ',', or identifier")
            else:
                values.add(word)
                if following not in (",", ")"):
                    raise SelectorError(f"found '{following}', expected: ',' or ')'")
            if following == ")":
                self._next()
                return tuple(sorted(values))


def _tokens(text: str) -> list[str]:
    """Split a label selector into words and operators."""
    if "\0" not in text:
        return _TOKEN.findall(text)
    tokens = []
    position = 0
    while (found := _TOKEN.match(text, position)) is not None:
        tokens.append(found[1])
        position = found.end()
    return tokens


def _check_key(key: str) -> None:
    """Raise SelectorError unless valid: an optional DNS subdomain and slash, then a name."""
    if len(key) <= _NAME_LIMIT and _NAME.fullmatch(key) is not None:
        return
    faults = _key_faults(key)
    if faults:
        raise SelectorError(f"<nil>: Invalid value: {_quoted(key)}: {'; '.join(faults)}")


def _key_faults(key: str) -> list[str]:
    """Return the faults of a label key, in Go's words (api/validate/content IsLabelKey)."""
    prefix, slash, name = key.partition("/")
    if "/" in name:
        return [
            f"a valid label key {_KEY_FAULT} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    faults = []
    if not slash:
        name = key
    elif not prefix:
        faults.append("prefix part must be non-empty")
    else:
        if len(prefix.encode("utf-8", "surrogateescape")) > SUBDOMAIN_LENGTH:
            faults.append(f"prefix part must be no more than {SUBDOMAIN_LENGTH} bytes")
        if SUBDOMAIN.fullmatch(prefix) is None:
            faults.append(f"prefix part {NOT_A_SUBDOMAIN}")
    if not name:
        faults.append("name part must be non-empty")
    elif len(name.encode("utf-8", "surrogateescape")) > _NAME_LIMIT:
        faults.append(f"name part must be no more than {_NAME_LIMIT} bytes")
    if _NAME.fullmatch(name) is None:
        faults.append(f"name part {_KEY_FAULT}")
    return faults


def _value_fault(value: str) -> str:
    """Return the faults of a label value, in Go's words."""
    faults = []
    if len(value.encode("utf-8", "surrogateescape")) > _NAME_LIMIT:
        faults.append(f"must be no more than {_NAME_LIMIT} bytes")
    if _NAME.fullmatch(value) is None:
        faults.append(_VALUE_FAULT)
    return "; ".join(faults)


def _quoted(text: str) -> str:
    """Return Go's ``%q``, with a fast path for plain letters."""
    plain = text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else go_quote(text)
