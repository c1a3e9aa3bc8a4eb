"""The monitor: what is told and counted, when it asks, and whose fault a refusal is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.operatorline import fields_of
from auditproxy.apis.user import UserInfo
from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.metrics.upstream import UpstreamMetrics
from auditproxy.monitor.faults import Place, UpstreamFault
from auditproxy.monitor.monitor import (
    ONE_LINE,
    SHORTEST_PAUSE,
    Unwatched,
    UpstreamMonitor,
)
from auditproxy.monitor.questions import ADMITTED, Standing
from auditproxy.upstream.messages import (
    ResponseHead,
    UpstreamCredentialRefused,
    UpstreamRequestError,
    UpstreamUnreachable,
)

GOOD = Standing(ready=True, line="upstream u is v1", version="v1", marks=True)
DOWN = Standing(ready=False, line="down", fault=UpstreamFault("dns", "down"))
PARTLY = Standing(
    ready=True, line="partly", marks=True, fault=UpstreamFault("impersonation-refused", "partly")
)
REFUSED = Standing(ready=False, line="x", fault=UpstreamFault("credential-refused", "x"))
BUSY = Standing(ready=False, busy=True, line="busy", fault=UpstreamFault("unexpected-answer", "b"))
ALICE, ANONYMOUS = UserInfo(username="alice"), UserInfo(username="system:anonymous")
PODS = RequestInfo(is_resource_request=True, path="/api/v1/pods", verb="get", resource="pods")
EXEC = RequestInfo(
    is_resource_request=True, path="/x", verb="create", resource="pods", subresource="exec"
)


@dataclass
class Script:
    """Answers of an upstream, one after another; the last repeats."""

    standings: list[Standing]
    identity: str = "impersonate"
    place: Place = field(default_factory=lambda: Place("https://u:443", "kubeconfig k"))
    asked: int = 0
    times: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> Standing:
        """The next answer."""
        self.asked += 1
        self.times.append(monotonic())
        self.changed.set()
        return self.standings.pop(0) if len(self.standings) > 1 else self.standings[0]

    async def until(self, count: int) -> None:
        """Wait until so many questions were asked."""
        async with asyncio.timeout(10):
            while self.asked < count:
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Watched:
    """A monitor and what it said."""

    monitor: UpstreamMonitor
    registry: CollectorRegistry
    told: list[str]
    informed: list[str]

    def count(self, cause: str) -> float | None:
        """How many failures of a cause were counted."""
        return self.registry.get_sample_value(
            "auditproxy_upstream_failures_total", {"cause": cause}
        )


def watched(
    script: Script | Callable[[], Script],
    period: float = 30.0,
    clock: Callable[[], float] = monotonic,
) -> Watched:
    """A monitor of a scripted upstream, or of what is called to have it."""
    registry, told, informed = CollectorRegistry(), list[str](), list[str]()
    questions: Any = (lambda: script) if isinstance(script, Script) else script
    monitor = UpstreamMonitor(
        questions,
        period=period,
        metrics=UpstreamMetrics(registry),
        report=told.append,
        inform=informed.append,
        clock=clock,
    )
    return Watched(monitor, registry, told, informed)


@contextlib.asynccontextmanager
async def running(monitor: UpstreamMonitor) -> AsyncIterator[None]:
    """The monitor at work."""
    task = asyncio.create_task(monitor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def head(status: int, *, admitted: bool) -> ResponseHead:
    """The head of an answer."""
    headers = ((ADMITTED, b"1"),) if admitted else ()
    return ResponseHead(
        status=status,
        reason=b"",
        headers=headers,
        version=(1, 1),
        content_length=0,
        chunked=False,
        has_body=False,
        keep_alive=True,
    )


async def test_told_once_while_all_is_well() -> None:
    """C2: the line comes at the first answer and when it changes, not with every period."""
    other = Standing(ready=True, line="upstream u is v2", marks=True)
    with_monitor = watched(Script([GOOD, GOOD, other, other]))
    monitor = with_monitor.monitor
    assert monitor.describe() == ("upstream: not checked yet",)
    assert not monitor.is_ready
    for _ in range(4):
        await monitor.ask()
    assert with_monitor.informed == [GOOD.line, other.line]
    assert with_monitor.told == []
    assert monitor.is_ready


async def test_down_and_up_again() -> None:
    """C2: every failed question is told (the caller limits it) and counted; it recovers by itself."""
    with_monitor = watched(Script([DOWN, DOWN, GOOD, DOWN]))
    monitor = with_monitor.monitor
    states = []
    for _ in range(4):
        await monitor.ask()
        states.append(
            (monitor.is_ready, with_monitor.registry.get_sample_value("auditproxy_upstream_ready"))
        )
    assert states == [(False, 0), (False, 0), (True, 1), (False, 0)]
    assert with_monitor.told == ["down"] * 3
    assert set(fields_of(with_monitor.told[0])) == {"upstream", "cause"}
    assert with_monitor.count("dns") == 3
    assert monitor.describe()[0].startswith("upstream: not ready for ")
    assert monitor.describe()[0].endswith(": dns")


async def test_what_only_some_need_is_told_once() -> None:
    """C2: a right that only some requests need makes nothing unready, and no line a minute."""
    with_monitor = watched(Script([PARTLY]))
    for _ in range(3):
        await with_monitor.monitor.ask()
    assert with_monitor.monitor.is_ready
    assert with_monitor.told == ["partly"]
    assert with_monitor.count("impersonation-refused") == 1


async def test_no_storm() -> None:
    """C2: a thousand failing requests make one question, a second later, not a thousand."""
    script = Script([GOOD, DOWN, GOOD])
    with_monitor = watched(script)
    async with running(with_monitor.monitor):
        await script.until(1)
        for _ in range(1000):
            with_monitor.monitor.failed(UpstreamUnreachable("no connection"))
        assert script.asked == 1
        await script.until(2)
        for _ in range(1000):
            with_monitor.monitor.failed(UpstreamUnreachable("no connection"))
        # It comes back by itself, after the shortest pause.
        await script.until(3)
        assert with_monitor.monitor.is_ready
    assert with_monitor.count("unreachable") == 2000
    first, second, third = script.times
    assert second - first >= SHORTEST_PAUSE
    assert third - second >= SHORTEST_PAUSE


async def test_a_crash_of_ours_does_not_end_the_asking() -> None:
    """C2: whatever a question raises, the next one comes."""

    class Crashing(Script):
        async def ask(self) -> Standing:
            if not self.asked:
                await super().ask()
                raise ValueError("secret")
            return await super().ask()

    script = Crashing([GOOD])
    with_monitor = watched(script, period=0.01)
    async with running(with_monitor.monitor):
        await script.until(3)
    assert with_monitor.told == ["the upstream check failed: ValueError"]


async def test_failures_of_requests() -> None:
    """C2: counted and told by cause; what is the client's fault is neither."""
    with_monitor = watched(Script([GOOD]))
    with_monitor.monitor.failed(UpstreamRequestError("body too short"))
    assert with_monitor.told == []
    with_monitor.monitor.failed(CredentialError("cannot read the token file /t"))
    assert with_monitor.count("credential-missing") == 1
    assert "https://u:443" in with_monitor.told[0]
    assert "/t" in with_monitor.told[0]


@pytest.mark.parametrize(
    ("identity", "standing", "info", "admitted", "ours"),
    [
        ("impersonate", GOOD, PODS, False, True),
        ("request-header", GOOD, PODS, False, True),
        # An aggregated API server, behind kube-apiserver's own doors.
        ("impersonate", GOOD, PODS, True, False),
        # A kubelet's or pod's own refusal.
        ("impersonate", GOOD, EXEC, False, False),
        # The client's own token was refused.
        ("passthrough", GOOD, PODS, False, False),
        # Priority and fairness is off: the header never comes.
        ("impersonate", Standing(ready=True, line="x", marks=False), PODS, False, False),
        # Of a server that has priority and fairness nothing is known yet.
        ("impersonate", Standing(ready=True, line="x"), PODS, False, False),
        # It refused us a moment ago, but this one it admitted.
        ("impersonate", REFUSED, PODS, True, False),
        # It refused us a moment ago as well.
        ("impersonate", REFUSED, EXEC, False, True),
    ],
)
async def test_whose_fault_a_401_is(
    identity: str, standing: Standing, info: RequestInfo, admitted: bool, ours: bool
) -> None:
    """C2: a 401 is ours where that is certain, and stays the client's answer where not."""
    with_monitor = watched(Script([standing], identity))
    await with_monitor.monitor.ask()
    with pytest.raises(UpstreamCredentialRefused) if ours else contextlib.nullcontext():
        with_monitor.monitor.refused(ALICE, info, head(401, admitted=admitted))


def test_before_anything_is_asked() -> None:
    """A 401 is passed on: whether the upstream shows what it admitted is not known."""
    watched(Script([GOOD])).monitor.refused(ALICE, PODS, head(401, admitted=False))


@pytest.mark.parametrize("known", [GOOD, REFUSED])
async def test_another_kubeconfig(known: Standing) -> None:
    """What was known of the upstream and of our credential is not held against another."""
    monitor = watched(Script([known])).monitor
    await monitor.ask()
    monitor.replaced()
    monitor.refused(ALICE, PODS, head(401, admitted=False))
    assert monitor.is_ready is known.ready
    assert monitor.describe() == ("upstream: not checked yet",)


async def test_another_kubeconfig_for_a_busy_upstream() -> None:
    """It was ready with the old credential, and says nothing of the new one."""
    monitor = watched(Script([GOOD, BUSY])).monitor
    await monitor.ask()
    monitor.replaced()
    assert (await monitor.ask()).ready


async def test_another_kubeconfig_while_asking() -> None:
    """An answer of the upstream that is not in use any more says nothing."""

    class Replacing(Script):
        async def ask(self) -> Standing:
            current.append(Script([GOOD]))
            with_monitor.monitor.replaced()
            return await super().ask()

    current: list[Script] = [Replacing([REFUSED])]
    with_monitor = watched(lambda: current[-1])
    assert await with_monitor.monitor.ask() is GOOD
    assert with_monitor.told == []


async def test_a_busy_upstream() -> None:
    """What says nothing is not ready at first, and later what was known before."""
    with_monitor = watched(Script([BUSY, GOOD, BUSY, BUSY, DOWN, BUSY]))
    states = [(await with_monitor.monitor.ask()).ready for _ in range(6)]
    assert states == [False, True, True, True, False, False]
    assert not with_monitor.monitor.is_ready
    assert with_monitor.count("unexpected-answer") == 3


@pytest.mark.parametrize("code", [401, 403])
async def test_refused_upgrades(code: int) -> None:
    """C2: what an aggregated server answers to an upgrade comes without the header, and is not about us."""
    with_monitor = watched(Script([GOOD]))
    await with_monitor.monitor.ask()
    with_monitor.monitor.refused(ALICE, PODS, head(code, admitted=False), upgrade=True)
    assert not with_monitor.count("credential-refused")
    assert not with_monitor.count("impersonation-refused")


async def test_refused_impersonation() -> None:
    """C2: a 403 before admission is for our impersonation; one after it is about the client."""
    with_monitor = watched(Script([GOOD]))
    await with_monitor.monitor.ask()
    with_monitor.monitor.refused(ALICE, PODS, head(403, admitted=True))
    assert with_monitor.told == []
    with_monitor.monitor.refused(ALICE, PODS, head(403, admitted=False))
    assert with_monitor.count("impersonation-refused") == 1
    assert "grant the verb impersonate" in with_monitor.told[0]


async def test_one_line_for_one_cause() -> None:
    """C2: what a check and a request meet of one cause is two counts and one line."""
    with_monitor = watched(Script([PARTLY]))
    await with_monitor.monitor.ask()
    with_monitor.monitor.refused(ALICE, PODS, head(403, admitted=False))
    assert with_monitor.told == ["partly"]
    assert with_monitor.count("impersonation-refused") == 2


def test_a_cause_in_other_words() -> None:
    """C2: other words for one cause are told once a minute, not never and not at once."""
    now = 0.0
    with_monitor = watched(Script([GOOD]), clock=lambda: now)
    told = []
    for now in (0.0, ONE_LINE - 1, ONE_LINE):
        with_monitor.monitor.failed(CredentialError(f"words at {now:g}"))
        told.append(len(with_monitor.told))
    assert told == [1, 1, 2]
    assert f"words at {ONE_LINE:g}" in with_monitor.told[-1]
    assert with_monitor.count("credential-missing") == 3


@pytest.mark.parametrize(
    ("info", "code"),
    # A 401 that may be a pod's or ours, a 403 that is for our impersonation.
    [(EXEC, 401), (PODS, 403)],
)
async def test_refusals_make_a_question(info: RequestInfo, code: int) -> None:
    """C2: the upstream is asked soon after a refusal that may be about us, not only each period."""
    script = Script([GOOD])
    with_monitor = watched(script)
    async with running(with_monitor.monitor):
        await script.until(1)
        with_monitor.monitor.refused(ALICE, info, head(code, admitted=True))
        with_monitor.monitor.refused(ALICE, info, head(code, admitted=False))
        await script.until(2)


async def test_anonymous_requests() -> None:
    """C1: requests that nobody recognised and that are refused are told with the flag."""
    with_monitor = watched(Script([GOOD]))
    with_monitor.monitor.refused(ANONYMOUS, PODS, head(403, admitted=True))
    assert "--client-ca-file" in with_monitor.told[0]


def test_unwatched() -> None:
    """Where nothing is watched every refusal is the client's."""
    Unwatched().failed(CredentialError("x"))
    Unwatched().refused(ALICE, PODS, head(401, admitted=False))
