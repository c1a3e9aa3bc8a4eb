"""Traces of requests, put together: imported only where --tracing-config-file is given."""

import random
import time
import uuid

from opentelemetry.sdk.resources import Resource

from auditproxy import __version__
from auditproxy.app import operatorlog
from auditproxy.app.operatorlog import Report
from auditproxy.files.tracing import TracingConfiguration
from auditproxy.metrics.registry import Metrics
from auditproxy.tracing.exporting import PAUSE, SpanExport, otlp_exporter
from auditproxy.tracing.requests import Tracing


class TracingParts:
    """What decides and what exports; ``start`` and ``close`` are the exporter's."""

    def __init__(
        self,
        configuration: TracingConfiguration,
        metrics: Metrics,
        report: Report,
        *,
        pause: float = PAUSE,
    ) -> None:
        resource = Resource(
            {
                "service.name": "auditproxy",
                "service.version": __version__,
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        export = SpanExport(
            otlp_exporter(configuration.endpoint),
            resource,
            metrics.tracing,
            # Its own, because it is asked on another thread.
            operatorlog.limited(report, time.monotonic),
            place=configuration.endpoint,
            pause=pause,
        )
        draw = random.Random(uuid.uuid4().int).getrandbits  # noqa: S311 - an id is not a secret
        self.tracing = Tracing(configuration.sampling_rate_per_million, draw, export)
        self.start = export.start
        self.close = export.close
