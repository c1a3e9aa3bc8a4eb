"""Events as they come, to requests."""

import pytest

from auditproxy.reading.meaning import arrivals as module
from auditproxy.reading.meaning.arrivals import Arrivals
from tests.fakes.trails import COMPLETE, PANIC, RECEIVED, STARTED, event, seen


def stages(*made: dict[str, object]) -> list[tuple[str, ...]]:
    """The stages of each request that is given."""
    arrivals = Arrivals()
    found = [arrivals.take(seen(one)) for one in made]
    return [one.stages for one in found if one is not None]


def test_a_request() -> None:
    """Once, at its end, with its stages."""
    assert stages(event(stage=RECEIVED), event(stage=COMPLETE)) == [(RECEIVED, COMPLETE)]
    assert stages(event(stage=RECEIVED), event(stage=PANIC)) == [(RECEIVED, PANIC)]


def test_a_watch() -> None:
    """Not while it is open."""
    watch = [event("watch", stage=stage) for stage in (RECEIVED, STARTED, COMPLETE)]
    assert stages(*watch) == [(RECEIVED, STARTED, COMPLETE)]
    assert stages(*watch[:2]) == []


def test_a_session() -> None:
    """When it begins, and when it ends."""
    shell = [
        event("get", "pods/exec", "p", stage=stage, code=101)
        for stage in (RECEIVED, STARTED, COMPLETE)
    ]
    assert stages(*shell) == [(RECEIVED, STARTED), (RECEIVED, STARTED, COMPLETE)]


def test_a_failed_login() -> None:
    """It has one event."""
    assert stages(event(stage=STARTED, code=401, user="")) == [(STARTED,)]


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many that wait the oldest are forgotten, and not their ends."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    waiting = [event(stage=RECEIVED, audit_id=str(number)) for number in range(3)]
    ends = [event(stage=COMPLETE, audit_id=str(number)) for number in range(3)]
    assert stages(*waiting, *ends) == [(COMPLETE,), (RECEIVED, COMPLETE), (RECEIVED, COMPLETE)]
