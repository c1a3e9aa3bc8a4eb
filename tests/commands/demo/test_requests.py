"""The demo's fixed requests: how what is missing or surplus is found."""

import pytest

from auditproxy.commands.demo.events import Event
from auditproxy.commands.demo.requests import LONG, REFUSED, SHORT, Step, steps, surplus, unseen

STEP = Step("get", "GET", "/x", 200)


def events_of(*events: tuple[str, str, int | None]) -> list[Event]:
    """Some events: Audit-ID, stage, code."""
    return [
        {
            "auditID": audit_id,
            "stage": stage,
            **({"responseStatus": {"code": code}} if code else {}),
        }
        for audit_id, stage, code in events
    ]


def test_complete() -> None:
    """Every stage with the right code is nothing to complain of."""
    log = events_of(
        ("demo-00", "RequestReceived", None),
        ("demo-00", "ResponseComplete", 200),
        ("somebody-else", "ResponseStarted", 500),
    )
    assert unseen({"demo-00": STEP}, log) == []
    assert surplus({"demo-00": STEP}, log) == []


@pytest.mark.parametrize(
    ("events", "missing", "wrong"),
    [
        ((("demo-00", "RequestReceived", None),), ["get: no ResponseComplete"], []),
        (
            (
                ("demo-00", "RequestReceived", None),
                ("demo-00", "ResponseStarted", 200),
                ("demo-00", "ResponseComplete", 200),
            ),
            [],
            ["get: unexpected ResponseStarted"],
        ),
        (
            (("demo-00", "RequestReceived", None), ("demo-00", "ResponseComplete", 500)),
            [],
            ["get: ResponseComplete says 500, the client saw 200"],
        ),
    ],
)
def test_faults(
    events: tuple[tuple[str, str, int | None], ...],
    missing: list[str],
    wrong: list[str],
) -> None:
    """Missing, surplus and wrong events are told by name."""
    log = events_of(*events)
    assert unseen({"demo-00": STEP}, log) == missing
    assert surplus({"demo-00": STEP}, log) == wrong


def test_steps_cover_the_chain() -> None:
    """The fixed requests go every way through the chain."""
    asked = steps("canary")
    assert {step.stages for step in asked} == {SHORT, LONG, REFUSED}
    assert {step.code for step in asked} == {101, 200, 201, 401, 403}
    assert "canary" not in repr(asked)
