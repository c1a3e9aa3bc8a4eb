"""Lines for operators with fields."""

from auditproxy.apis.operatorline import OperatorLine, fields_of


def test_a_line_is_its_text() -> None:
    """What compares, cuts or prints lines sees the sentence alone."""
    line = OperatorLine("TLS handshake error from 10.0.0.1: EOF", peer="10.0.0.1", count=2)
    assert line == "TLS handshake error from 10.0.0.1: EOF"
    assert line in {"TLS handshake error from 10.0.0.1: EOF"}
    assert f"{line}!" == "TLS handshake error from 10.0.0.1: EOF!"
    assert fields_of(line) == {"peer": "10.0.0.1", "count": 2}


def test_a_plain_text_has_no_fields() -> None:
    """Both may be reported."""
    assert fields_of("serving") == {}
