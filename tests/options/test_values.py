"""The words in which a fault is told."""

import pytest

from auditproxy.apis.gotext import go_quote
from auditproxy.options import validate
from auditproxy.options.values import choice
from tests.fakes.options import options


def test_choice() -> None:
    """A value that is none of the allowed ones is a fault, quoted as Go quotes it."""
    assert choice("flag", "a", ("a", "b")) == []
    assert choice("flag", 'c"', ("a", "b")) == [
        'invalid --flag "c\\"", allowed values are "a,b"',
    ]


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x7fb", "a\u202eb", "gr\u00fcn", "\udc80"])
def test_terminal(text: str) -> None:
    """HD6: a fault quotes by the one rule, so that no control character reaches a terminal."""
    (fault,) = choice("flag", text, ("a",))
    assert go_quote(text) in fault
    for flag in ("bind_address", "health_bind_address"):
        faults = "\n".join(validate(options(**{flag: text})))
        assert go_quote(text) in faults
        assert "\x1b" not in faults
        assert "\x7f" not in faults
