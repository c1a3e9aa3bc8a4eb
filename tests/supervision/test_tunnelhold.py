"""A tunnel is held as long as there is one reason, and each change is said once."""

from auditproxy.supervision.tunnelhold import TunnelHold


def test_two_reasons() -> None:
    """It is read again when neither is left."""
    hold, told = TunnelHold(), list[bool]()
    hold.pace(True)
    hold.begin(told.append)
    hold.wait(True)
    assert told == [True]
    hold.pace(True)
    hold.wait(False)
    assert told == [True]
    hold.pace(False)
    hold.pace(False)
    assert told == [True, False]


def test_over() -> None:
    """Nothing is said of a tunnel that has ended."""
    hold, told = TunnelHold(), list[bool]()
    hold.begin(told.append)
    hold.pace(True)
    hold.over()
    hold.pace(False)
    assert told == [True]
