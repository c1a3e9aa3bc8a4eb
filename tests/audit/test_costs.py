"""What reading a body may cost, before it is read."""

import pytest

from auditproxy.audit.costs import cost, may_unfold, unfolded_cost
from auditproxy.serializer.yaml import ALIAS_LIMIT

LIMIT = 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("content_type", "coding", "size", "expected"),
    [
        ("application/json", "", 1000, 1000),
        ("application/json;charset=utf-8", "identity", 1000, 1000),
        ("", "", 1000, 1000),
        ("application/yaml; a=b", "", 1000, 20_000),
        ("application/apply-patch+yaml", "", 1000, 20_000),
        ("application/apply-patch+cbor", "", 1000, 4000),
        ("application/vnd.kubernetes.protobuf;stream=watch", "", 1000, 4000),
        ("application/json", "gzip", 10, 1024 * 1024),
        ("application/yaml", " GZIP", 10, 20 * 1024 * 1024),
        ("application/json", "gzip", 1024 * 1024, LIMIT),
        ("text/plain", "", 0, 0),
    ],
)
def test_rows(content_type: str, coding: str, size: int, expected: int) -> None:
    """B8: by the format, and by what a compressed body may unfold to."""
    assert cost(content_type, coding, size, limit=LIMIT) == expected


def test_aliases() -> None:
    """B1: a few bytes of YAML cost what their aliases may unfold to."""
    assert may_unfold("application/yaml; charset=utf-8")
    assert may_unfold("application/apply-patch+yaml")
    assert not may_unfold("application/json")
    assert unfolded_cost(b"a: &a 1\nb: *a\n") == ALIAS_LIMIT
    assert unfolded_cost("b: *a".encode("utf-16")) == ALIAS_LIMIT
    assert unfolded_cost(b"a: 1\n") == 0
