"""Traces of requests."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.options.declared import Declared


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingOptions:
    """Where spans go, and how many."""

    config_file: Annotated[
        str,
        Declared(
            "tracing-config-file",
            "path",
            "TracingConfiguration file of apiserver.config.k8s.io, as kube-apiserver reads it: the "
            "OTLP endpoint (gRPC, localhost:4317 by default) that gets spans of requests, and how "
            "many of a million requests are sampled. Needs the extra tracing. Empty means no "
            "traces.",
        ),
    ] = ""
