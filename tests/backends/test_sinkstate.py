"""B7: what /readyz and the metrics are told of a backend's receiver."""

import pytest

from auditproxy.backends.sinkstate import PATIENCE, PROBE_INTERVAL, RETRY, SinkState
from tests.fakes.backends import Told

MODES = ("batch", "blocking", "blocking-strict", "durable")


class Receiver:
    """A backend's receiver, as a test wants it."""

    def __init__(self, mode: str) -> None:
        self.told = Told("log")
        self.waiting = 0
        self.stalled = 0.0
        self.fault = ""
        self.probed = 0
        self.state = SinkState(
            self.told.losses,
            mode=mode,
            clock=lambda: self.told.now,
            waiting=lambda: self.waiting,
            stalled=lambda: self.stalled,
            probe=self.probe,
        )

    def probe(self) -> str:
        """Count a probe."""
        self.probed += 1
        return self.fault

    def lose(self, reason: str) -> None:
        """Lose an event."""
        self.told.losses.lost(
            1, plugin="log", reason=reason, text="/log: full", public="no space left on device"
        )


@pytest.mark.parametrize("mode", MODES)
def test_failing(mode: str) -> None:
    """B7: a strict backend that fails is not ready; in the other modes it is only told."""
    receiver = Receiver(mode)
    assert receiver.state.name == "audit-log"
    assert receiver.state.check() is True
    assert receiver.state.describe() == ("audit-log: accepting events",)
    receiver.lose("disk-full")
    strict = mode in ("blocking-strict", "durable")
    assert receiver.state.check() == ("no space left on device" if strict else True)
    assert receiver.state.describe() == (
        "audit-log: not accepting events: no space left on device",
    )
    assert not receiver.state.is_well()
    receiver.told.losses.delivered()
    assert receiver.state.check() is True
    assert receiver.state.is_well()


@pytest.mark.parametrize("mode", MODES)
def test_stalled(mode: str) -> None:
    """B3: a write that takes long makes a backend unready that requests wait for."""
    receiver = Receiver(mode)
    receiver.stalled, receiver.waiting = PATIENCE, 7
    assert receiver.state.check() is True
    receiver.stalled = 12.3
    fault = "a write has taken 12 s so far"
    assert receiver.state.check() == (True if mode == "batch" else fault)
    assert receiver.state.describe() == (f"audit-log: not accepting events: {fault}, 7 wait",)
    receiver.stalled = 0.0
    assert receiver.state.check() is True


@pytest.mark.parametrize(
    "reason", ["too-large", "encode-error", "buffer-full", "shutdown", "crash"]
)
def test_losses_of_an_event_itself(reason: str) -> None:
    """B7: what is wrong with one event says nothing of the next, so requests still come."""
    receiver = Receiver("blocking-strict")
    receiver.lose(reason)
    assert receiver.state.check() is True


def test_recovers_without_requests() -> None:
    """B7: nobody sends requests to a proxy that is not ready, so a probe finds out, seldom."""
    receiver = Receiver("blocking-strict")
    receiver.lose("disk-full")
    receiver.fault = "read-only file system"
    receiver.told.now = RETRY - 0.1
    assert receiver.state.check() == "no space left on device"
    assert receiver.probed == 0
    receiver.told.now = RETRY
    for _ in range(3):
        assert receiver.state.check() == "read-only file system"
    assert receiver.probed == 1
    receiver.fault = ""
    assert receiver.state.check() == "read-only file system"
    receiver.told.now += PROBE_INTERVAL
    assert receiver.state.check() is True
    assert receiver.probed == 2
    assert receiver.state.describe() == (
        "audit-log: not accepting events: no space left on device",
    )


def test_an_attempt_that_failed() -> None:
    """B7: a receiver that refuses attempts is not accepting events, before the first is lost."""
    receiver = Receiver("blocking-strict")
    receiver.told.losses.failing("connection refused")
    assert receiver.state.check() == "connection refused"
    assert receiver.told.lines == []
