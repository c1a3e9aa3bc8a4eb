"""The words in which a fault is told."""

from auditproxy.options.values import choice


def test_choice() -> None:
    """A value that is none of the allowed ones is a fault, quoted as Go quotes it."""
    assert choice("flag", "a", ("a", "b")) == []
    assert choice("flag", 'c"', ("a", "b")) == [
        'invalid --flag "c\\"", allowed values are "a,b"',
    ]
