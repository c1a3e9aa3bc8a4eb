"""Receivers of events: from options and files to a backend for each.

batch            buffered< attempts( receiver ) >, in order
blocking         requests wait for attempts( receiver ), and share its deliveries
    with a spool     spool< receiver >, in any mode
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditproxy.apis.units import SECOND
from auditproxy.app import operatorlog
from auditproxy.app.operatorlog import Report
from auditproxy.audit.backend import Deliverer
from auditproxy.backends.attempts import AttemptsBackend
from auditproxy.backends.losses import Losses
from auditproxy.backends.receiversender import ReceiverSender
from auditproxy.clients.receivers.receiver import Receiver
from auditproxy.files.files import Files
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.options.receivers import ReceiverOptions

if TYPE_CHECKING:
    from auditproxy.app.sinks.spool import OpenSpool


@dataclass(frozen=True, slots=True)
class OpenedReceiver:
    """A receiver with its settings; ``field`` is that of Files with its target."""

    options: ReceiverOptions
    field: str
    receiver: Receiver[Any]
    deliverer: Deliverer
    losses: Losses
    spool: "OpenSpool | None" = None
    """In front of the receiver in place of ``deliverer``."""

    def replace_files(self, changes: Mapping[str, Any]) -> None:
        """Use what a reload has read, if it is for this receiver."""
        target = changes.get(self.field)
        if target is not None:
            self.receiver.replace(target)


def open_receivers(
    options: Options, files: Files, metrics: Metrics, report: Report
) -> tuple[OpenedReceiver, ...]:
    """The receivers that the options name; each connects when it first delivers."""
    return tuple(
        _opened(getattr(options, field), field, new(target), metrics, report)
        for field, new in _RECEIVERS.items()
        if (target := getattr(files, field)) is not None
    )


def _opened(
    options: ReceiverOptions,
    field: str,
    receiver: Receiver[Any],
    metrics: Metrics,
    report: Report,
) -> OpenedReceiver:
    losses = Losses(options.plugin, metrics, report, time.monotonic)
    sender = ReceiverSender(options.plugin, receiver)
    spool = _spooled(sender, options, metrics, losses, report) if options.has_spool else None
    deliverer = AttemptsBackend(
        sender,
        initial_backoff=options.initial_backoff / SECOND,
        most=options.batch_max_size,
        losses=losses,
        sleep=asyncio.sleep,
        random=random.SystemRandom().random,
    )
    return OpenedReceiver(options, field, receiver, deliverer, losses, spool)


def _spooled(
    sender: ReceiverSender,
    options: ReceiverOptions,
    metrics: Metrics,
    losses: Losses,
    report: Report,
) -> "OpenSpool":
    """The spool in front of a receiver; raises SpoolError."""
    from auditproxy.app.sinks.spool import open_spool

    return open_spool(
        sender,
        options,
        metrics,
        losses,
        operatorlog.limited(report, time.monotonic),
        initial_backoff=options.initial_backoff,
    )


def _nats(target: Any) -> Receiver[Any]:
    from auditproxy.clients.receivers.jetstream import JetStreamReceiver

    return JetStreamReceiver(target)


def _kafka(target: Any) -> Receiver[Any]:
    from auditproxy.clients.receivers.kafka import KafkaReceiver

    return KafkaReceiver(target)


def _otlp(target: Any) -> Receiver[Any]:
    from auditproxy.clients.receivers.otlp import OtlpReceiver

    return OtlpReceiver(target)


_RECEIVERS: Mapping[str, Callable[[Any], Receiver[Any]]] = {
    "audit_nats": _nats,
    "audit_kafka": _kafka,
    "audit_otlp": _otlp,
}
"""What makes a receiver of its target, by the field of Options and of Files."""
