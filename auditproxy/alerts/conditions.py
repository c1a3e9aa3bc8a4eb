"""Condition: an expression of a rule, and the names of the members that it can ask for."""

import re
from collections.abc import Mapping
from typing import Any

from auditproxy.alerts.projection import prepare
from auditproxy.apis.audit import Event, ObjectReference
from auditproxy.apis.session import RecordingReference, SessionEvent
from auditproxy.apis.user import UserInfo
from auditproxy.expressions.cel import ExpressionError, Program

_NAMES = re.compile(r"""\w+|'([^'\\]*)'|"([^"\\]*)"|`([^`]*)`""")
_KNOWN = (Event, SessionEvent, ObjectReference, UserInfo, RecordingReference)
"""What events and lines are made of; of bodies no member is known."""
_WORD = re.compile(r"\w+")


def reason_of(error: ExpressionError) -> str:
    """Why a condition could not be evaluated, with the member that was probably meant."""
    import difflib

    known = sorted({name for kind in _KNOWN for name in kind.__struct_encode_fields__})
    near = difflib.get_close_matches(error.member, known, n=1, cutoff=0.7) if error.member else []
    hint = f" (did you mean {near[0]}?)" if near and near[0] != error.member else ""
    return f"{error}{hint}"


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
