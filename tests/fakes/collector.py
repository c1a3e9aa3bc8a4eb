"""An OTLP collector: a gRPC server on a real port, with OpenTelemetry's own protocol definitions.

``refuse`` is the code that it answers with; while ``gate`` is clear it does not answer.
"""

import threading
from concurrent import futures
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.fakes.waiting import until


class Collector(services.TraceServiceServicer):
    """Keeps what it gets; ``resources`` are the attributes of each batch's resource."""

    def __init__(self, refuse: Any = None, address: str = "127.0.0.1:0") -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()
        self._refuse = refuse
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        services.add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]
            self, self._server
        )
        self.port = self._server.add_insecure_port(address)

    async def __aenter__(self) -> "Collector":
        self._server.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.gate.set()
        self.stop()

    def stop(self) -> None:
        """Leave: nobody listens on the port then."""
        self._server.stop(None).wait(10)

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the service has it
        """Take a batch."""
        self.asked += 1
        self.gate.wait(20)
        if self._refuse is not None:
            context.abort(self._refuse, "canary")
        for of in request.resource_spans:
            self.resources.append(attributes(of.resource))
            for scope in of.scope_spans:
                self.spans += scope.spans
        return messages.ExportTraceServiceResponse()

    def named(self) -> dict[str, Span]:
        """The spans by their names."""
        return {span.name: span for span in self.spans}

    async def until_spans(self, count: int) -> None:
        """Wait for so many spans."""
        await until(lambda: len(self.spans) >= count, f"{count} spans have arrived")


def attributes(of: Any) -> dict[str, Any]:
    """Attributes of a span or a resource, as values of Python."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}
