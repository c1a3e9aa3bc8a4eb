"""RequestSeries: kube-apiserver's metrics of requests, with bounded cardinality.

Labels that clients could choose are bounded. Group, version, resource and subresource of a
request are used once the upstream has given an answer that proves that it knows them
(``is_served``: not 401, 403, 404, 429, nor a 5xx, which any client can get for an invented
path). Before that, and above each of the limits below, they are ``other``. A scrape, which
any client may request, is therefore at most some 2 MB.
"""

from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.memo import Memo
from auditproxy.metrics.plain import Buckets, Count, Counts, Durations
from auditproxy.metrics.requestlabels import (
    APPLY_PATCH,
    OTHER,
    clean_code,
    clean_dry_run,
    clean_scope,
    clean_verb,
    is_served,
)

DURATION_BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5,
    2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
"""kube-apiserver's buckets of apiserver_request_duration_seconds, in seconds."""

MAXIMUM_RESOURCES = 512
"""Combinations of group, version, resource and subresource with labels of their own."""

MAXIMUM_HISTOGRAMS = 256
"""Kinds of requests whose durations have their own labels: each takes 26 lines of a scrape."""

MAXIMUM_COUNTERS = 2048
"""Kinds of requests, by code, that are counted under their own labels."""

MAXIMUM_KINDS = 4096
"""Kinds of requests, by all that their labels follow from, whose series are remembered."""

LONGEST_VALUES = 16
"""Values of ``dryRun`` and ``watch`` in one of them, and their characters."""

MAXIMUM_LABEL = 253
"""Characters of a group, version, resource or subresource label: the limit of a DNS name."""

_REQUEST_LABELS = (
    "verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component",
)  # fmt: skip
_LONG_RUNNING_LABELS = (
    "verb", "group", "version", "resource", "subresource", "scope", "component",
)  # fmt: skip

_RESOURCE = slice(2, 6)
"""Position of group, version, resource and subresource in the labels of a request."""

Labels = tuple[str, ...]


NO_PATCH = frozenset({"DELETE", "GET", "HEAD", "POST", "PUT"})
"""Methods whose labels do not depend on the type of the request's body."""


class KindSeries(NamedTuple):
    """The series of a kind of requests; ``is_settled`` if they are its own for ever."""

    counted: Count
    measured: Buckets
    is_settled: bool


class OpenRequests(Protocol):
    """Gauge of open requests of one kind; its user increments and decrements it."""

    def inc(self) -> None:
        """Add one."""

    def dec(self) -> None:
        """Subtract one."""


class RequestSeries:
    """Counts requests and measures their duration, in its own registry."""

    def __init__(self) -> None:
        # kube-apiserver has no *_created series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        self._requests = Counts(
            "apiserver_request",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, "
            "group, version, resource, scope, component, and HTTP response code.",
            (*_REQUEST_LABELS, "code"),
            registry=registry,
        )
        self._durations = Durations(
            "apiserver_request_duration_seconds",
            "[STABLE] Response latency distribution in seconds for each verb, dry run value, "
            "group, version, resource, subresource, scope and component.",
            _REQUEST_LABELS,
            bounds=DURATION_BUCKETS,
            registry=registry,
        )
        self._long_running = Gauge(
            "apiserver_longrunning_requests",
            "[STABLE] Gauge of all active long-running apiserver requests broken out by verb, "
            "group, version, resource, scope and component. "
            "Not all requests are tracked this way.",
            _LONG_RUNNING_LABELS,
            registry=registry,
        )
        self._known: Memo[tuple[object, ...], KindSeries] = Memo(MAXIMUM_KINDS)
        self._resources: set[Labels] = set()
        self._counted: set[Labels] = set()
        self._measured: set[Labels] = set()
        self._opened: set[Labels] = set()

    def request(
        self,
        info: RequestInfo,
        method: str,
        *,
        code: int,
        seconds: float,
        content_type: str = "",
        dry_run: tuple[str, ...] = (),
        watch: tuple[str, ...] = (),
    ) -> None:
        """Record a finished request; the arguments are those of ``series``."""
        series = self.series(
            info, method, code=code, content_type=content_type, dry_run=dry_run, watch=watch
        )
        series.counted.value += 1
        series.measured.observe(seconds)

    def series(
        self,
        info: RequestInfo,
        method: str,
        *,
        code: int,
        content_type: str = "",
        dry_run: tuple[str, ...] = (),
        watch: tuple[str, ...] = (),
    ) -> KindSeries:
        """Return the series of a kind of requests, which may be kept if ``is_settled``.

        ``dry_run`` and ``watch`` are query parameter values. ``content_type`` may be left out
        where ``method`` is in NO_PATCH.
        """
        if method in NO_PATCH or content_type != APPLY_PATCH:
            content_type = ""
        # All that the labels follow from.
        kind = (
            method,
            code,
            info.verb,
            info.is_resource_request,
            info.api_group,
            info.api_version,
            info.resource,
            info.subresource,
            not info.name,
            not info.namespace,
            content_type,
            dry_run,
            watch,
        )
        known = self._known.get(kind)
        if known is None:
            known = self._series(info, method, code, content_type, dry_run, watch)
            values = dry_run + watch
            if known.is_settled and len(values) + sum(map(len, values)) <= LONGEST_VALUES:
                self._known.remember(kind, known)
        return known

    def _series(
        self,
        info: RequestInfo,
        method: str,
        code: int,
        content_type: str,
        dry_run: tuple[str, ...],
        watch: tuple[str, ...],
    ) -> KindSeries:
        """Return the series of a request."""
        verb = clean_verb(info, method, content_type, watch)
        labels = self._labels(info, verb, code, clean_dry_run(dry_run))
        key = (*labels, clean_code(code))
        counted = _within(self._counted, MAXIMUM_COUNTERS, key)
        measured = _within(self._measured, MAXIMUM_HISTOGRAMS, labels)
        resource = (info.api_group, info.api_version, info.resource, info.subresource)
        return KindSeries(
            self._requests.labels(*counted),
            self._durations.labels(*measured),
            counted == key and (not info.is_resource_request or resource in self._resources),
        )

    def long_running(self, info: RequestInfo, method: str, code: int) -> OpenRequests:
        """Return the gauge of open requests of one kind; the caller changes it."""
        labels = self._labels(info, clean_verb(info, method), code, "")
        verb, _, *rest = _within(self._opened, MAXIMUM_HISTOGRAMS, labels)
        return self._long_running.labels(verb, *rest)

    def _labels(self, info: RequestInfo, verb: str, code: int, dry_run: str) -> tuple[str, ...]:
        """Return the labels of a request except its code, bounded in number."""
        resource = (info.api_group, info.api_version, info.resource, info.subresource)
        if not info.is_resource_request:
            resource = ("", "", "", "")
        elif resource not in self._resources:
            if (
                is_served(code)
                and len(self._resources) < MAXIMUM_RESOURCES
                # Like names in Kubernetes; a server may answer 200 to any path.
                and all(len(word) <= MAXIMUM_LABEL and word.isascii() for word in resource)
            ):
                self._resources.add(resource)
            else:
                resource = (OTHER, OTHER, OTHER, OTHER)
        return (verb, dry_run, *resource, clean_scope(info), "apiserver")


def _within(known: set[Labels], maximum: int, labels: Labels) -> Labels:
    """Return the labels if among the first ``maximum``, otherwise those of ``other``."""
    if labels in known:
        return labels
    if len(known) < maximum:
        known.add(labels)
        return labels
    other = (OTHER if any(labels[_RESOURCE]) else "",) * 4
    return (*labels[: _RESOURCE.start], *other, *labels[_RESOURCE.stop :])
