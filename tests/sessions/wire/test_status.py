"""The last word of a session, in JSON and as text."""

import json
import sys
from types import FrameType

import pytest

from auditproxy.apis.session import Outcome
from auditproxy.sessions.wire.status import MAXIMUM_STATUS, OutcomeReader


def decided(raw: bytes, *, ends_command: bool = True) -> Outcome | None:
    """What a Status in JSON says, at the end of its message."""
    reader = OutcomeReader(is_json=True, ends_command=ends_command)
    reader.add(raw)
    return reader.complete()


def failure(message: str, reason: str = "ExitCode", name: str = "NonZeroExitCode") -> bytes:
    """A Status of a command that failed."""
    causes = [{"reason": "Other", "message": "1"}, {"reason": reason, "message": message}]
    return json.dumps(
        {"status": "Failure", "message": "m", "reason": name, "details": {"causes": causes}}
    ).encode()


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (b'{"metadata":{},"status":"Success"}', Outcome(0)),
        (b'{"status":"Success"}', Outcome(0)),
        (failure("3"), Outcome(3, "NonZeroExitCode", "m")),
        (failure("255"), Outcome(255, "NonZeroExitCode", "m")),
        (failure("3221225477"), Outcome(3221225477, "NonZeroExitCode", "m")),
        (failure("three"), Outcome(None, "NonZeroExitCode", "m")),
        (failure("3" * 5000), Outcome(None, "NonZeroExitCode", "m")),
        (failure("3", reason="ExitCodes"), Outcome(None, "NonZeroExitCode", "m")),
        (failure("3", name="InternalError"), Outcome(None, "InternalError", "m")),
        (
            b'{"status":"Failure","reason":"NonZeroExitCode","details":null}',
            Outcome(None, "NonZeroExitCode"),
        ),
        (
            b'{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":null}}',
            Outcome(None, "NonZeroExitCode"),
        ),
        (
            b'{"status":"Failure","message":"no","reason":"InternalError","code":500}',
            Outcome(None, "InternalError", "no"),
        ),
        (b"", None),
        (b"{", None),
    ],
)
def test_json(raw: bytes, outcome: Outcome | None) -> None:
    """The exit code is that of the cause ExitCode, where the reason is NonZeroExitCode."""
    assert decided(raw) == outcome


def test_attach() -> None:
    """Success of an attach only means that its streams ended."""
    assert decided(b'{"status":"Success"}', ends_command=False) == Outcome(None)


def test_in_pieces() -> None:
    """A Status in several writes is one, and there is no second."""
    reader = OutcomeReader(is_json=True, ends_command=True)
    reader.add(b'{"status":')
    assert reader.complete() is None
    reader.add(b'"Success"}')
    assert reader.complete() == Outcome(0)
    reader.add(b'{"status":"Success"}')
    assert reader.complete(last=True) is None


def test_what_is_no_status() -> None:
    """At the end, text is shown as it is."""
    reader = OutcomeReader(is_json=True, ends_command=True)
    reader.add(b"no json\xff")
    assert reader.complete() is None
    assert reader.complete(last=True) == Outcome(None, message="no json�")


@pytest.mark.parametrize("raw", [b"[" * 60_000, b'{"status":1}', b'{"status":"\xff"}', b"null"])
def test_other_json(raw: bytes) -> None:
    """JSON that is no Status is text."""
    reader = OutcomeReader(is_json=True, ends_command=True)
    reader.add(raw)
    outcome = reader.complete(last=True)
    assert outcome is not None
    assert (outcome.exit_code, outcome.reason) == (None, "")


def test_text() -> None:
    """Before v4, whatever comes is a failure without a code."""
    reader = OutcomeReader(is_json=False, ends_command=True)
    assert reader.complete() is None
    reader.add(b"command terminated")
    assert reader.complete() == Outcome(None, message="command terminated")
    assert reader.complete(last=True) is None


def test_a_status_without_end() -> None:
    """What is over the limit is not kept."""
    reader = OutcomeReader(is_json=True, ends_command=True)
    for _ in range(5):
        reader.add(b"x" * MAXIMUM_STATUS)
    outcome = reader.complete()
    assert outcome is not None
    assert len(outcome.message) == MAXIMUM_STATUS + 1


def test_many_writes() -> None:
    """A Status in pieces of a byte is not decoded once for each."""
    decoded = 0

    def count(frame: FrameType, event: str, called: object) -> None:
        nonlocal decoded
        decoded += event == "c_call" and getattr(called, "__name__", "") == "decode"

    reader = OutcomeReader(is_json=True, ends_command=True)
    outcomes = []
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in range(MAXIMUM_STATUS + 1):
            reader.add(b" ")
            outcomes.append(reader.complete())
    finally:
        sys.setprofile(before)
    # Each try has twice the bytes of the one before; the last makes text of what is held.
    assert 10 < decoded <= MAXIMUM_STATUS.bit_length() + 2
    assert outcomes.pop() == Outcome(None, message=" " * (MAXIMUM_STATUS + 1))
    assert not any(outcomes)


def test_a_status_that_doubles_too_late() -> None:
    """The end decodes what was not worth it before."""
    reader = OutcomeReader(is_json=True, ends_command=True)
    reader.add(b'{"status":"Success"')
    assert reader.complete() is None
    reader.add(b"}")
    assert reader.complete() is None
    assert reader.complete(last=True) == Outcome(0)
