"""Unusable: its lines, its text and its exit code."""

import ast
import errno
from pathlib import Path

import pytest

import auditproxy
from auditproxy.apis.faults import FAILED, MISCONFIGURED, Unusable, why_unread


class OutsideError(Unusable):
    """An error that no correction of a setting mends."""

    code = FAILED


def test_faults() -> None:
    """Every line is kept by itself; the text has them all."""
    error = Unusable("--a is bad; correct it", "--b is missing")
    assert error.faults == ("--a is bad; correct it", "--b is missing")
    assert str(error) == "--a is bad; correct it; --b is missing"


def test_codes() -> None:
    """A correction is asked for, unless the class or the place says otherwise."""
    assert Unusable("x").code == MISCONFIGURED
    assert OutsideError("x").code == FAILED
    assert Unusable("x", code=FAILED).code == FAILED


def test_under() -> None:
    """Each line gets the name in front, and the exit code stays."""
    error = OutsideError("a", "b").under("--flag path")
    assert error.faults == ("--flag path: a", "--flag path: b")
    assert error.code == FAILED


def test_no_other_error_has_faults() -> None:
    """An error of several lines is an Unusable: whoever catches that sees all of them."""
    others = []
    for path in sorted(Path(auditproxy.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or not node.name.endswith("Error"):
                continue
            if any(
                isinstance(each, ast.Attribute) and each.attr == "faults" for each in ast.walk(node)
            ):
                others.append(f"{path.name}: {node.name}")
    assert others == []


def test_choices() -> None:
    """They are no faults, and stay below them."""
    error = Unusable("name one:", choices=["  A  B"]).under("x")
    assert (error.faults, error.choices, str(error)) == (
        ("x: name one:",),
        ("  A  B",),
        "x: name one:",
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), "No such file; correct the path"),
        (PermissionError(errno.EACCES, "No"), "No; let the user of this process read it"),
        (IsADirectoryError(errno.EISDIR, "Is one"), "Is one; name a file"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError(), "OSError"),
    ],
)
def test_why_unread(error: OSError, text: str) -> None:
    """The system's reason, and the fix where there is one."""
    assert why_unread(error) == text
