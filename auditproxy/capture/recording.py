"""Recording: both bodies of one request into its context, the same wherever that is done.

    on the event loop     what is cheap
    on a thread           what is not (decoding.py)
    in another process    what is dear (process.py, worker.py)

This module stands on the pure core alone, so that the other process is a small one.
"""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.deprecation import Deprecations
from auditproxy.audit.objects import REQUEST_OBJECT_OMITTED, RESPONSE_OBJECT_OMITTED
from auditproxy.audit.record import record_answer, record_end, record_request
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.protobuf.decoder import Decoder

DECODE_INLINE = 64 * 1024
"""Cost (audit/costs.py) of bodies that are decoded on the event loop; more goes to a thread."""
INLINE_SECONDS = 0.1
"""What decoding one body may take there, of the CPU; the costliest take half of it."""

REQUEST_NODES = 250_000
"""Values of one request's body; etcd takes no object of half as many."""
REQUEST_TEXT = MEBIBYTE * 2
"""Bytes of a YAML request; a value of as many takes some 30 ms, during which nothing else runs."""
RESPONSE_NODES = 1_000_000
"""Values of one answer, which may be a list of many objects."""
SECONDS, SECONDS_A_MEBIBYTE = 2.0, 0.25
"""What decoding one body may take of a CPU, and more for each mebibyte of it."""

NODES = {REQUEST_OBJECT_OMITTED: REQUEST_NODES, RESPONSE_OBJECT_OMITTED: RESPONSE_NODES}

FAILED = "recording it failed"
"""Why a body is left out that a fault of ours kept from being recorded."""


@dataclass(frozen=True, slots=True)
class RecordingConfiguration:
    """What recording follows from besides the request: the same until a file changes."""

    redactor: Redactor | None
    types: Decoder
    infer_decision: bool
    response_copy: int
    """Bytes that a compressed answer may unfold to."""


Taken = tuple[bytes | None, str, Budget | None]
"""A body, or None and why there is none, and what reading it may cost."""


class Rules(Protocol):
    """What of a configuration is read here."""

    @property
    def types(self) -> Decoder:
        """How protobuf is read."""
        ...

    @property
    def infer_decision(self) -> bool:
        """Whether the authorizer's decision is taken from the answer."""
        ...


class BodyRecording(ABC):
    """Fills a context from captured bodies; a subclass has the bodies.

    ``decoded_limit`` is what a compressed answer may unfold to, in bytes.
    """

    deprecations: Deprecations
    """What is known of other requests' warnings."""

    def __init__(
        self, context: AuditContext, captured: Captured, rules: Rules, decoded_limit: int
    ) -> None:
        self.captured = captured
        self._context = context
        self._rules = rules
        self._decoded_limit = decoded_limit

    @abstractmethod
    def request(self) -> Taken | None:
        """The request's body; None where no copy was wanted."""

    @abstractmethod
    def response(self, *, early: bool) -> Taken | None:
        """The answer's body alike; ``early``: before its cost is known."""

    @abstractmethod
    def report(self, crash: Exception) -> None:
        """Take a fault of ours."""

    def record(self, info: RequestInfo, *, long_running: bool) -> None:
        """Decode what was captured; whatever that meets, the event can go out."""
        try:
            self._record(info, long_running=long_running)
            record_end(
                self._context,
                info,
                self.captured,
                self.deprecations,
                decoded_limit=self._decoded_limit,
            )
        except Exception as crash:
            self.report(crash)
        finally:
            # A waiting event must not hold on to what it was made from.
            self.captured.request_body = self.captured.response_body = b""

    def _record(self, info: RequestInfo, *, long_running: bool) -> None:
        captured = self.captured
        taken: Taken | None = None
        try:
            # The request first: what the answer may show depends on what was asked.
            taken = self.request()
            if taken is not None:
                captured.request_body, captured.request_missing, captured.request_budget = taken
            if captured.code and not long_running:
                self.record_answer(info, long_running=False)
            record_request(self._context, info, captured, types=self._rules.types)
        except Exception as crash:
            self.report(crash)
            if taken is not None and self._context.request_object is None:
                self._context.annotate(REQUEST_OBJECT_OMITTED, FAILED)

    def record_answer(self, info: RequestInfo, *, long_running: bool) -> None:
        """Take over what the upstream's answer says; its code and the decision in any case."""
        captured = self.captured
        try:
            taken = self.response(early=long_running)
            if taken is not None:
                captured.response_body, captured.response_missing, captured.response_budget = taken
            self._record_answer(info, long_running=long_running)
        except Exception as crash:
            self.report(crash)
            captured.response_body, captured.response_missing = None, FAILED
            self._record_answer(info, long_running=long_running)

    def _record_answer(self, info: RequestInfo, *, long_running: bool) -> None:
        record_answer(
            self._context,
            info,
            self.captured,
            long_running=long_running,
            infer_decision=self._rules.infer_decision,
            decoded_limit=self._decoded_limit,
            types=self._rules.types,
        )


def inline_budget(nodes: int) -> Budget:
    """Return what reading one body may cost on the event loop."""
    return Budget(nodes, text=DECODE_INLINE, seconds=INLINE_SECONDS, clock=time.thread_time)


def budget_of(omitted: str, cost: int, size: int, stopped: Callable[[], bool]) -> Budget:
    """Return what reading a body may cost; ``omitted`` is the annotation for what is left out.

    ``stopped`` says that a body which is not cheap is not needed any more.
    """
    if cost <= DECODE_INLINE:
        return inline_budget(NODES[omitted])
    return Budget(
        NODES[omitted],
        text=REQUEST_TEXT if omitted == REQUEST_OBJECT_OMITTED else sys.maxsize,
        seconds=seconds_for(size),
        # Of this thread alone: what else the machine does leaves no gap in the trail.
        clock=time.thread_time,
        stopped=stopped,
    )


def seconds_for(size: int) -> float:
    """Return what decoding a body of ``size`` bytes may take of a CPU."""
    return SECONDS + SECONDS_A_MEBIBYTE * size / MEBIBYTE
