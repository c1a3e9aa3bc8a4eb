"""Reads --tracing-config-file, as kube-apiserver does (component-base tracing/api/v1/config.go)."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.audit.policy.reading import TEXT, FieldType, distinct, kind_of, read_document
from auditproxy.files.trustedfile import Remarks, TrustedFile, parsed
from auditproxy.options import Options

FLAG = "--tracing-config-file"
KIND = "TracingConfiguration"
VERSIONS = tuple(f"apiserver.config.k8s.io/{each}" for each in ("v1", "v1beta1", "v1alpha1"))
ENDPOINT = "localhost:4317"
"""OTLP's own default for gRPC."""
MILLION = 1_000_000

_DOCUMENT = FieldType(
    "struct",
    members={
        "apiVersion": TEXT,
        "kind": TEXT,
        "endpoint": TEXT,
        "samplingRatePerMillion": FieldType("number", words="a whole number"),
    },
)
_SCHEMES = ("dns", "unix", "unix-abstract")


@dataclass(frozen=True, slots=True)
class TracingConfiguration:
    """Where spans go, and how many of a million traces that begin here are sampled."""

    endpoint: str = ENDPOINT
    sampling_rate_per_million: int = 0


def load_tracing(text: bytes) -> TracingConfiguration:
    """Return what a file says; raises Unusable with all faults."""
    members, faults = read_document(text, _DOCUMENT, api_version=VERSIONS, kind=KIND)
    rate = members.get("samplingRatePerMillion")
    if rate is not None and (fault := _rate_fault(rate)):
        faults.append(f"samplingRatePerMillion: {fault}")
    endpoint = members.get("endpoint")
    if endpoint is not None and (fault := _endpoint_fault(endpoint)):
        faults.append(f"endpoint: {fault}")
    if faults:
        raise Unusable(*distinct(faults))
    return TracingConfiguration(ENDPOINT if endpoint is None else endpoint, int(rate or 0))


def _rate_fault(rate: Any) -> str:
    if rate != rate or rate in (float("inf"), float("-inf")) or rate != int(rate):
        return f"must be a whole number, is {kind_of(rate)} with a fraction"
    if rate < 0:
        return "must not be negative"
    return "must be at most 1000000, every request" if rate > MILLION else ""


def _endpoint_fault(endpoint: str) -> str:
    scheme, found, rest = endpoint.partition("://")
    if found and scheme not in _SCHEMES:
        return (
            f"has a scheme that is not one of {', '.join(_SCHEMES)}; give host:port alone, such as "
            f"{ENDPOINT}"
        )
    if found and scheme == "dns" and not rest.startswith("/"):
        return f"names a DNS server, which is not supported; give dns:///{rest.rpartition('/')[2]}"
    if not re.fullmatch(r"[!-~]{1,512}", endpoint):
        return f"must be the address of a gRPC endpoint, such as {ENDPOINT}"
    return ""


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.grpc") is not None
    except ModuleNotFoundError:
        return False


def _read(options: Options, remarks: Remarks) -> TracingConfiguration | None:
    path = options.tracing.config_file
    if not path:
        return None
    faults: list[str] = []
    try:
        (configuration,) = parsed((path,), FLAG, load_tracing)
    except Unusable as error:
        faults += error.faults
    if not _is_installed():
        faults.append(f"{FLAG} needs {missing_extra('tracing')}")
    if faults:
        raise Unusable(*faults)
    return configuration


TRACING = TrustedFile(flag="tracing-config-file", field="tracing", read=_read, paths=None)
