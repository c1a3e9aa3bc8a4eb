"""Where in a statement an error is."""

import pytest

from auditproxy.reading.sql.placing import in_one_line, one_line_up


def message(line: int, excerpt: str, blanks: int, marks: int, said: str = "Error: x") -> str:
    """What the database says."""
    prefix = f"LINE {line}: "
    return f"{said}\n\n{prefix}{excerpt}\n{' ' * (len(prefix) + blanks)}{'^' * marks}"


@pytest.mark.parametrize(
    ("shown", "statement", "said"),
    [
        (
            message(2, "FROM a WHERE nme", 13, 3, 'Binder Error: no "nme"!\nCandidates: "name"'),
            "SELECT 1\nFROM a WHERE nme",
            'Binder Error: no "nme"! Candidates: "name" (line 2, column 14: nme)',
        ),
        (
            message(1, "... b, nme, c...", 7, 3),
            "SELECT aaaaaaaa, b, nme, cccccccc",
            "Error: x (line 1, column 21: nme)",
        ),
        (
            message(1, "\u4f60\u597d nme", 5, 3),
            "\u4f60\u597d nme",
            "Error: x (line 1, column 4: nme)",
        ),
        (message(9, "nme", 0, 3), "other", "Error: x (line 9: nme)"),
        (message(1, "nme", 0, 3), "other", "Error: x (line 1: nme)"),
        ("Out of Memory Error:\nfailed", "SELECT 1", "Out of Memory Error: failed"),
    ],
)
def test_places(shown: str, statement: str, said: str) -> None:
    """The line, the column in characters, and what stands there."""
    assert in_one_line(shown, statement) == said


@pytest.mark.parametrize("line", [2, 10, 11])
def test_a_line_was_put_before(line: int) -> None:
    """The place is that in the statement without it."""
    assert one_line_up(message(line, "SELECT nme", 7, 3)) == message(line - 1, "SELECT nme", 7, 3)
    assert one_line_up("Error: x") == "Error: x"
