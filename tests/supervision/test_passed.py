"""What has passed in one direction."""

from auditproxy.supervision.passed import PassedBytes


def test_passed_bytes() -> None:
    """Bytes of streams while they are found; those of the tunnel since the last, once it is lost."""
    passed = PassedBytes()
    passed.come(10)
    passed.carried(7)
    passed.come(5)
    assert passed.size == 7
    passed.come(6)
    passed.lose()
    passed.carried(3)
    passed.lose()
    assert passed.size == 7 + 5 + 6
    passed.come(20)
    assert passed.size == 38
