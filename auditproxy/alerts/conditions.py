"""Condition: an expression of a rule, and the names of the members that it can ask for."""

import re
from collections.abc import Mapping
from typing import Any

from auditproxy.alerts.projection import prepare
from auditproxy.expressions.cel import Program

_NAMES = re.compile(r"""\w+|'([^'\\]*)'|"([^"\\]*)"|`([^`]*)`""")
_WORD = re.compile(r"\w+")


class Condition:
    """A compiled expression; ``names`` are all words and literal texts in it.

    So a member that is asked for by its name, ``object.spec`` or ``object['spec']``, is in
    ``names``, and so may be others. One whose name is only found by going through a map is not.
    """

    __slots__ = ("_program", "names", "text")

    def __init__(self, text: str, program: Program) -> None:
        prepare()
        self.text = text
        self._program = program
        literals = (literal for found in _NAMES.findall(text) for literal in found if literal)
        self.names = frozenset(_WORD.findall(text)) | frozenset(literals)

    def is_true(self, variables: Mapping[str, Any]) -> bool:
        """Whether it is true; raises ExpressionError."""
        return self._program(variables) is True
