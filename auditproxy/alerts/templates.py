"""Template: a text with places for named values; nothing else is evaluated.

{{ user }}                              the value
{{ namespace or all namespaces }}       the value, or the words behind ``or`` where it is empty
"""

import difflib
import re
from collections.abc import Callable, Collection

_PLACE = re.compile(r"\{\{\s*([A-Za-z]*)(?:\s+or\s+([^{}\s][^{}]*?))?\s*\}\}")

LONGEST_TEMPLATE = 2000
"""Characters."""


class TemplateError(ValueError):
    """A template names what does not exist, or is too long; ``faults`` has a text for each."""

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong."""
        return self.args


class Template:
    """Renders a text; the constructor raises TemplateError. A value is never read as a template."""

    __slots__ = ("_parts", "names", "text")

    def __init__(self, text: str, known: Collection[str]) -> None:
        if len(text) > LONGEST_TEMPLATE:
            raise TemplateError(f"is longer than {LONGEST_TEMPLATE} characters")
        self.text = text
        # By turns: a text, a name, and what stands for an empty value.
        self._parts = _PLACE.split(text)
        self.names = tuple(self._parts[1::3])
        faults = []
        for name in dict.fromkeys(self.names):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                fix = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
                faults.append(f"{{{{ {name} }}}} is not a field; {fix}")
        if any("{{" in part for part in self._parts[::3]):
            faults.append("has {{ without a field and }} behind it; write {{ user }}")
        if faults:
            raise TemplateError(*faults)

    def render(self, value: Callable[[str], str]) -> str:
        """The text with the value of each name in its places."""
        if len(self._parts) == 1:
            return self.text
        parts = self._parts
        texts = [parts[0]]
        for index in range(1, len(parts), 3):
            texts += (value(parts[index]) or parts[index + 1] or "", parts[index + 2])
        return "".join(texts)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"
