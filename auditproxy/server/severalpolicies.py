"""One request whose events go to backends with policies of their own.

    SeveralContext  --begin: each policy decides--> PolicyRecord, one for each different decision
                    --what is known of the request--> every record
    SeveralRecorder --bodies, kept once--> the Recorder of every record
    SeveralEmitter  --a stage--> the event of every record, to the backends that want the stage

A record is what a proxy with that policy alone has: the same context and Recorder, filled by the
same calls. Policies that decide the same of a request share one. Where no backend has a policy of
its own, none of this is made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.apis.status import Status
from auditproxy.apis.user import UserInfo
from auditproxy.audit.backend import Backend, Delivery
from auditproxy.audit.context import AuditContext
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.backends.outcomes import all_of
from auditproxy.capture.copies import Copy
from auditproxy.capture.decoding import Skipped
from auditproxy.capture.process import DecodeProcess, NoProcessError
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target
from auditproxy.server.emitter import Emitter
from auditproxy.server.recorder import Recorder
from auditproxy.server.services import Services, Shared
from auditproxy.upstream.messages import ResponseHead


@dataclass(slots=True)
class PolicyRecord:
    """What is recorded by one decision; the backends that get it, each with its omitted stages."""

    context: AuditContext
    recorder: Recorder
    outlets: list[tuple[Backend, frozenset[Stage]]] = field(default_factory=list)


class SeveralContext(AuditContext, eq=False, kw_only=True):
    """What the chain knows of the request, which it gives to each record.

    Its own members are what the chain asks for: its config has the highest level of all, and
    omits the stages that no backend wants. It makes no event.
    """

    shared: Shared
    services: Services
    records: tuple[PolicyRecord, ...] = ()

    def begin(
        self,
        config: RequestAuditConfig,
        *,
        info: RequestInfo,
        request_uri: str,
        user: UserInfo | None,
        source_ips: tuple[str, ...],
        user_agent: str,
        failed: bool = False,
        redactor: Redactor | None = None,
    ) -> None:
        """Have each policy decide; ``config`` and ``redactor`` are those of the main one."""
        found: dict[tuple[Level, bool, int], PolicyRecord] = {}
        omitted: list[frozenset[Stage]] = []
        for policy in self.services.policies:
            decided = policy.services.evaluator.decide(user, info)
            if decided.level is Level.NONE:
                continue
            own = policy.services.redactor
            key = (decided.level, decided.omit_managed_fields, id(own))
            if key not in found:
                context = AuditContext(self.audit_id, self.received, latencies=self.latencies)
                context.annotations = dict(self.annotations)
                context.begin(
                    RequestAuditConfig(
                        decided.level, omit_managed_fields=decided.omit_managed_fields
                    ),
                    info=info,
                    request_uri=request_uri,
                    user=user,
                    source_ips=source_ips,
                    user_agent=user_agent,
                    failed=failed,
                    redactor=own,
                )
                recorder = Recorder(self.shared, policy.services, context)
                found[key] = PolicyRecord(context, recorder)
            found[key].outlets.append((policy.backend, decided.omit_stages))
            omitted.append(decided.omit_stages)
        self.records = tuple(found.values())
        highest = max((record.context.level for record in self.records), default=Level.NONE)
        super().begin(
            RequestAuditConfig(
                highest, frozenset.intersection(*omitted) if omitted else frozenset()
            ),
            info=info,
            request_uri=request_uri,
            user=user,
            source_ips=source_ips,
            user_agent=user_agent,
            failed=failed,
        )

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation to each record."""
        super().annotate(key, value)
        for record in self.records:
            record.context.annotate(key, value)

    def annotate_again(self, key: str, value: str) -> None:
        """Replace an annotation of each record."""
        super().annotate_again(key, value)
        for record in self.records:
            record.context.annotate_again(key, value)

    def impersonate(self, user: UserInfo, constraint: str, *, decided: bool = True) -> None:
        """Record the impersonated user in each record."""
        super().impersonate(user, constraint, decided=decided)
        for record in self.records:
            record.context.impersonate(user, constraint, decided=decided)

    def answered(self, status: Status) -> None:
        """Set the Status of the proxy's own answer in each record."""
        super().answered(status)
        for record in self.records:
            record.context.answered(status)

    def answers_with(self, status: Status) -> None:
        """Set the Status, without a body, in each record."""
        super().answers_with(status)
        for record in self.records:
            record.context.answers_with(status)

    def wrote_code(self, code: int) -> None:
        """Record the code sent to the client in each record."""
        super().wrote_code(code)
        for record in self.records:
            record.context.wrote_code(code)

    def wrote_nothing(self, code: int = 0) -> None:
        """Note in each record that the client got no answer."""
        super().wrote_nothing(code)
        for record in self.records:
            record.context.wrote_nothing(code)

    def panicked(self, value: str) -> None:
        """Record a crash of the proxy's handler in each record."""
        super().panicked(value)
        for record in self.records:
            record.context.panicked(value)


class SeveralEmitter(Emitter):
    """Gives each backend the event of its own record."""

    __slots__ = ("_several",)

    def __init__(self, shared: Shared, context: SeveralContext) -> None:
        super().__init__(shared, context)
        self._several = context

    def emit(self, stage: Stage, now: int, *, last: bool = False) -> Delivery:
        """Give the events of a stage to the backends that want it; a plain call, no await.

        The stage is counted once. What is waited for is waited for from all of them.
        """
        outcomes: list[Delivery] = []
        for record in () if self._context.finished else self._several.records:
            wanting = [backend for backend, omitted in record.outlets if stage not in omitted]
            event = record.context.event(stage, now) if wanting else None
            if event is not None:
                if not outcomes:
                    self._shared.metrics.audit.event(was_due=last and self.owed)
                outcomes += [backend.process_events((event,)) for backend in wanting]
        return self._follow(all_of(outcomes), stage, last=last)


class SeveralRecorder(Recorder):
    """Gives what passes to the Recorder of each record; copies of one length are kept once."""

    def __init__(
        self,
        shared: Shared,
        services: Services,
        context: SeveralContext,
        recorders: tuple[Recorder, ...] | None = None,
    ) -> None:
        super().__init__(shared, services, context)
        self._several = context
        self._own = recorders
        self._requests: tuple[Copy, ...] = ()
        self._responses: tuple[Copy, ...] = ()

    @property
    def _recorders(self) -> Sequence[Recorder]:
        if self._own is not None:
            return self._own
        return [record.recorder for record in self._several.records]

    def is_costly(self, info: RequestInfo) -> bool:
        """Return whether one of them would hold up the event loop, or all of them together."""
        # Each has to be asked: it notes what its bodies cost.
        asked = [each.is_costly(info) for each in self._recorders]
        return any(asked)

    @property
    def cost(self) -> int:
        """The cost of all."""
        return sum(each.cost for each in self._recorders)

    @property
    def size(self) -> int:
        """Bytes that the copies of the longest hold; the others are within them."""
        return max((each.size for each in self._recorders), default=0)

    def request_head(self, info: RequestInfo, target: Target, headers: ClientHeaders) -> None:
        """A request goes upstream."""
        for each in self._recorders:
            each.request_head(info, target, headers)
        self._requests = _kept_once(self._recorders, "_request")

    def request_data(self, piece: bytes) -> None:
        """A piece of the request's body."""
        for copy in self._requests:
            copy.add(piece)

    def request_end(self) -> None:
        """The request's body has passed."""
        for each in self._recorders:
            each.request_end()

    def head(
        self, head: ResponseHead, code: int, info: RequestInfo, *, long_running: bool, is_head: bool
    ) -> None:
        """The head of the answer."""
        self.captured.code = code
        for each in self._recorders:
            each.head(head, code, info, long_running=long_running, is_head=is_head)
        self._responses = _kept_once(self._recorders, "_response")

    @property
    def keeps_data(self) -> bool:
        """Whether one of them copies the answer's body."""
        return bool(self._responses)

    def data(self, chunk: bytes) -> None:
        """A piece of the answer's body."""
        for copy in self._responses:
            copy.add(chunk)

    def end(self) -> None:
        """The answer has passed."""
        for each in self._recorders:
            each.end()

    def switched(self) -> None:
        """The upstream switched protocols."""
        super().switched()
        for each in self._recorders:
            each.switched()

    def skip(self, why: Skipped) -> None:
        """Have ``record`` leave aside whatever is costly."""
        for each in self._recorders:
            each.skip(why)

    def undecoded(self) -> list[str]:
        """Why bodies were not decoded, for each record."""
        return [reason for each in self._recorders for reason in each.undecoded()]

    def fork(self) -> "SeveralRecorder":
        """Return one that records the same aside."""
        forks = tuple(each.fork() for each in self._recorders)
        return SeveralRecorder(self._shared, self._services, self._several, forks)

    def adopt(self, recorded: Recorder) -> None:
        """Take over what a fork has recorded."""
        assert isinstance(recorded, SeveralRecorder)
        for each, aside in zip(self._recorders, recorded._recorders, strict=True):
            each.adopt(aside)

    def record_in(self, process: DecodeProcess, info: RequestInfo, *, long_running: bool) -> None:
        """Have decoded what was captured; raises ProcessEndedError when that was not done."""
        for each in self._recorders:
            try:
                each.record_in(process, info, long_running=long_running)
            except NoProcessError:
                each.record(info, long_running=long_running)

    def record(self, info: RequestInfo, *, long_running: bool) -> None:
        """Decode what was captured."""
        for each in self._recorders:
            each.record(info, long_running=long_running)

    def record_answer(self, info: RequestInfo, *, long_running: bool) -> None:
        """Take over what the upstream's answer says."""
        for each in self._recorders:
            each.record_answer(info, long_running=long_running)

    def release(self) -> None:
        """Give back the room of the copies."""
        for each in self._recorders:
            each.release()


def _kept_once(recorders: Iterable[Recorder], name: str) -> tuple[Copy, ...]:
    """The copies that recorders want, one for each limit, which those of the same limit share."""
    copies: dict[int, Copy] = {}
    for each in recorders:
        copy: Copy | None = getattr(each, name)
        if copy is not None:
            setattr(each, name, copies.setdefault(copy.limit, copy))
    return tuple(copies.values())


class RecordedRequest(Protocol):
    """A request, as far as it is recorded."""

    shared: Shared
    services: Services
    context: AuditContext
    events: Emitter
    recorder: Recorder


def several(request: RecordedRequest, audit_id: str, received: int) -> None:
    """Give a request that has just begun a context, emitter and recorder for several policies."""
    shared, services = request.shared, request.services
    context = SeveralContext(audit_id, received, shared=shared, services=services)
    request.context, request.events = context, SeveralEmitter(shared, context)
    request.recorder = SeveralRecorder(shared, services, context)
