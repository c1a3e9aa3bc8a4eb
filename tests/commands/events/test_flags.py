"""The flags of ``auditproxy events``."""

from auditproxy.commands.events.flags import EXAMPLES, FILTERS, FLAGS, QUERY_FLAGS, WORDS


def test_names_that_are_flags() -> None:
    """Filters, and what query takes."""
    names = {flag.name for flag in FLAGS}
    assert set(FILTERS) | set(QUERY_FLAGS) <= names


def test_every_word_has_an_example() -> None:
    """That help shows."""
    for word in WORDS:
        assert any(f"auditproxy events {word} " in example for _, example in EXAMPLES)
