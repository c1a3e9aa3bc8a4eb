"""Slow calls of the webhook: kube-apiserver's threshold, and its two lines."""

import re
from contextlib import suppress

import pytest

from auditproxy.backends.webhookcalls import MILLISECOND, WebhookCalls, slow_call


@pytest.mark.parametrize(
    ("count", "milliseconds", "is_slow"),
    [(1, 74, False), (1, 75, True), (4, 149, False), (4, 150, True), (0, 50, True)],
)
@pytest.mark.parametrize("fails", [False, True])
def test_threshold(count: int, milliseconds: int, is_slow: bool, fails: bool) -> None:
    """50 milliseconds, and 25 for each event; a call that fails is one too."""
    now = [10**18]
    said: list[str] = []
    ended: list[tuple[int, int, int, bool]] = []
    calls = WebhookCalls(
        wall_clock=lambda: now[0],
        monotonic_clock=lambda: now[0],
        report=said.append,
        ended=lambda *call: ended.append(call),
    )
    with suppress(ZeroDivisionError), calls.call("webhook", count):
        now[0] += milliseconds * MILLISECOND
        if fails:
            raise ZeroDivisionError
    assert len(said) == 2 * is_slow
    assert ended == [(count, 10**18, 10**18 + milliseconds * MILLISECOND, fails)]
    numbers = {re.match(r"Trace\[\d+\]: ", line)[0] for line in said}  # type: ignore[index]
    assert len(numbers) == is_slow


def test_lines() -> None:
    """The lines that kube-apiserver writes for such a call."""
    assert slow_call("webhook", 3, 1_795_000_000_123_456_789, 140_213_000, 7) == (
        'Trace[7]: "Call Audit Events webhook" name:webhook,event-count:3 '
        "(18-Nov-2026 11:06:40.123) (total time: 140ms):",
        "Trace[7]: [140.213ms] [140.213ms] END",
    )
