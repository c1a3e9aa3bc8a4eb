"""Whether the upstream can serve: asked at start, every period, and soon after a request failed.

    unknown --ask--> ready    --ask--> not ready     one line for each change
                     failures of requests            one line a minute for each cause, and a count
    not ready --ask, after 1, 2, 4 ... seconds up to the period--> ready

One question is in progress at a time, no matter how many requests fail, and none within a second
of the last: a broken upstream is not flooded.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.user import ANONYMOUS, UserInfo
from auditproxy.metrics.upstream import UpstreamMetrics
from auditproxy.monitor.faults import UpstreamFault, fault_of
from auditproxy.monitor.questions import ADMITTED, Standing, UpstreamQuestions
from auditproxy.upstream.messages import (
    ResponseHead,
    UpstreamCredentialRefused,
    UpstreamRequestError,
)

SHORTEST_PAUSE = 1.0
"""Seconds between two questions at least."""

ONE_LINE = 60.0
"""Seconds in which a cause is reported in one way only, though requests and checks meet it."""


class UpstreamWatch(Protocol):
    """What the chain reports about the upstream."""

    def failed(self, error: Exception) -> None:
        """A request got no whole answer, or our credential for it could not be had."""

    def refused(
        self, user: UserInfo, info: RequestInfo, head: ResponseHead, *, upgrade: bool = False
    ) -> None:
        """A request of ``user`` was answered 401 or 403; ``upgrade``: it asked for an upgrade.

        Raises UpstreamCredentialRefused where that is certainly about us, not about the client.
        """


class UpstreamMonitor:
    """Knows how the upstream is; ``report`` and ``inform`` log one fact each.

    ``questions`` gives those to the upstream that is in use now. ``report`` logs the
    same text once a minute.
    """

    def __init__(
        self,
        questions: Callable[[], UpstreamQuestions],
        *,
        period: float,
        metrics: UpstreamMetrics,
        report: Callable[[str], None],
        inform: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._questions = questions
        self._period = period
        self._metrics = metrics
        self._report = report
        self._inform = inform
        self._clock = clock
        self.is_ready = False
        """Whether requests can be served, by the last round of questions."""
        self._wake = asyncio.Event()
        self._standing: Standing | None = None
        self._marks: bool | None = None
        self._since = clock()
        self._told: dict[str, tuple[float, str]] = {}

    # --- asking -----------------------------------------------------------------

    async def ask(self) -> Standing:
        """Ask once, report what changed, and remember it."""
        questions, standing = None, None
        while standing is None or questions is not self._questions():
            # Again when the kubeconfig changed meanwhile: that answer is about another upstream.
            questions = self._questions()
            standing = await questions.ask()
        previous = self._standing
        if standing.busy and self.is_ready:
            standing = replace(standing, ready=True)
        if previous is None or previous.ready != standing.ready:
            self._since = self._clock()
        self._standing, self.is_ready = standing, standing.ready
        if standing.marks is not None and standing.ready:
            self._marks = standing.marks
        self._metrics.ready(ready=standing.ready)
        changed = previous is None or previous.line != standing.line
        if standing.fault is None:
            if changed:
                self._inform(standing.line)
        elif changed or not standing.ready:
            # What only some requests need is reported once, not every minute.
            self._tell(standing.fault)
        return standing

    async def run(self) -> None:
        """Ask until cancelled; at once if nothing was asked yet."""
        pause = 0.0 if self._standing is None else self._period
        backoff = SHORTEST_PAUSE
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                await asyncio.sleep(SHORTEST_PAUSE)
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                standing = await self.ask()
            except Exception as error:
                # A fault of ours must not end the asking.
                self._report(f"the upstream check failed: {type(error).__name__}")
                pause = self._period
                continue
            if standing.ready:
                pause, backoff = self._period, SHORTEST_PAUSE
            else:
                pause, backoff = min(backoff, self._period), min(backoff * 2, self._period)

    def wake(self) -> None:
        """Have the upstream asked now: a request met a fault."""
        self._wake.set()

    def replaced(self) -> None:
        """Forget what is known of the upstream and our credential: ``questions`` gives another.

        Readiness stays what it was until that one has answered.
        """
        self._standing = self._marks = None
        self.wake()

    # --- what is known -----------------------------------------------------------

    def describe(self) -> tuple[str, ...]:
        """A line without addresses and names, for any client of /readyz?verbose."""
        if self._standing is None:
            return ("upstream: not checked yet",)
        word = "ready" if self._standing.ready else "not ready"
        version = f" {self._standing.version}" if self._standing.version else ""
        fault = self._standing.fault
        cause = f": {fault.cause}" if fault else ""
        seconds = int(self._clock() - self._since)
        return (f"upstream{version}: {word} for {seconds} seconds{cause}",)

    # --- what requests met -------------------------------------------------------

    def failed(self, error: Exception) -> None:
        """Count and report why a request failed, and have the upstream asked."""
        if isinstance(error, UpstreamRequestError):
            # The client's fault.
            return
        self._tell(fault_of(error, self._questions().place))
        if self.is_ready:
            self.wake()

    def refused(
        self, user: UserInfo, info: RequestInfo, head: ResponseHead, *, upgrade: bool = False
    ) -> None:
        """Find out whether a 401 or 403 is about us; raises UpstreamCredentialRefused."""
        questions = self._questions()
        if questions.identity == "passthrough":
            return
        admitted = any(name.lower() == ADMITTED for name, _ in head.headers)
        # What an aggregated server answers to an upgrade is passed on as it is, headers and all
        # (apimachinery util/proxy/upgradeaware.go): nothing on it is the API server's own.
        shown = not upgrade and self._shows_admission(info)
        if head.status == 401:
            if admitted:
                # An aggregated server's: our own credential was accepted before.
                return
            if self._refuses_us() or shown:
                raise UpstreamCredentialRefused("401 for our own credential")
            self.wake()
            return
        if user.username == ANONYMOUS:
            self._report(
                "the API server refuses requests without a recognised credential "
                "(system:anonymous); for clients with a certificate give --client-ca-file, "
                "for other tokens see the Authentication flags"
            )
        elif questions.identity == "impersonate" and not admitted and shown:
            self._tell(
                UpstreamFault(
                    "impersonation-refused",
                    f"upstream {questions.place.address}: the API server refused the proxy's "
                    "impersonation of a client (403); grant the verb impersonate, see "
                    "manifests/base/rbac.yaml",
                )
            )
            self.wake()

    def _tell(self, fault: UpstreamFault) -> None:
        """Count a fault, and report it unless its cause was just reported in other words."""
        self._metrics.failure(fault.cause)
        now = self._clock()
        at, text = self._told.get(fault.cause, (float("-inf"), ""))
        if now - at >= ONE_LINE:
            self._told[fault.cause] = now, fault.text
        elif text != fault.text:
            return
        address = self._questions().place.address
        self._report(OperatorLine(fault.text, upstream=address, cause=fault.cause))

    def _refuses_us(self) -> bool:
        """Whether the last questions of ours were refused as well."""
        fault = self._standing.fault if self._standing is not None else None
        return fault is not None and fault.cause == "credential-refused"

    def _shows_admission(self, info: RequestInfo) -> bool:
        """Whether an answer to this would show that the request was admitted, had it been.

        False as long as nothing was asked: the upstream may have no priority and fairness.
        """
        return self._marks is True and info.subresource not in STREAMING_SUBRESOURCES


class Unwatched:
    """An UpstreamWatch that checks nothing."""

    def failed(self, error: Exception) -> None:
        """Nothing is counted."""

    def refused(
        self, user: UserInfo, info: RequestInfo, head: ResponseHead, *, upgrade: bool = False
    ) -> None:
        """Every refusal is the client's."""
