"""RequestSeries: kube-apiserver's metrics of requests, with a bound on what they can grow to.

Labels that a client could choose are bounded: group, version, resource and subresource of a
request count once the upstream has answered for them as only one that knows them does
(``is_served``: not 401, 403, 404, 429, nor a 5xx, which any client can cause with an invented
path). Before that, and past each of the bounds below, they are ``other``: a scrape, which any
client may do, returns some 2 MB at most.
"""

from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from auditproxy.apis.attributes import RequestInfo
from auditproxy.metrics.requestlabels import (
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
"""Combinations of group, version, resource and subresource that get labels of their own."""

MAXIMUM_HISTOGRAMS = 256
"""Kinds of requests whose durations get labels of their own: each is 26 lines of a scrape."""

MAXIMUM_COUNTERS = 2048
"""Kinds of requests, by code, that are counted under labels of their own."""

MAXIMUM_LABEL = 253
"""Characters of a group, version, resource or subresource that is a label: those of a DNS name."""

_REQUEST_LABELS = (
    "verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component",
)  # fmt: skip
_LONG_RUNNING_LABELS = (
    "verb", "group", "version", "resource", "subresource", "scope", "component",
)  # fmt: skip

_RESOURCE = slice(2, 6)
"""Where group, version, resource and subresource stand among the labels of a request."""

Labels = tuple[str, ...]


class OpenRequests(Protocol):
    """How many requests of one kind are open: raised and lowered by who serves them."""

    def inc(self) -> None:
        """One more."""

    def dec(self) -> None:
        """One less."""


class RequestSeries:
    """Counts requests and measures how long they took, in a registry of their own."""

    def __init__(self) -> None:
        # kube-apiserver has no *_created series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "apiserver_request",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, "
            "group, version, resource, scope, component, and HTTP response code.",
            (*_REQUEST_LABELS, "code"),
            registry=registry,
        )
        self._durations = Histogram(
            "apiserver_request_duration_seconds",
            "[STABLE] Response latency distribution in seconds for each verb, dry run value, "
            "group, version, resource, subresource, scope and component.",
            _REQUEST_LABELS,
            buckets=DURATION_BUCKETS,
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
        self._known: dict[Labels, tuple[Counter, Histogram]] = {}
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
        """A request has ended; ``dry_run`` and ``watch`` are the values of dryRun= and watch=."""
        verb = clean_verb(info, method, content_type, watch)
        labels = self._labels(info, verb, code, clean_dry_run(dry_run))
        key = (*labels, clean_code(code))
        known = self._known.get(key)
        if known is None:
            counted = _within(self._counted, MAXIMUM_COUNTERS, key)
            measured = _within(self._measured, MAXIMUM_HISTOGRAMS, labels)
            known = (self._requests.labels(*counted), self._durations.labels(*measured))
            if counted == key:
                self._known[key] = known
        known[0].inc()
        known[1].observe(seconds)

    def long_running(self, info: RequestInfo, method: str, code: int) -> OpenRequests:
        """The gauge of open requests of one kind, to be raised and lowered by the caller."""
        labels = self._labels(info, clean_verb(info, method), code, "")
        verb, _, *rest = _within(self._opened, MAXIMUM_HISTOGRAMS, labels)
        return self._long_running.labels(verb, *rest)

    def _labels(self, info: RequestInfo, verb: str, code: int, dry_run: str) -> tuple[str, ...]:
        """The labels of a request but for its code, bounded in number."""
        resource = (info.api_group, info.api_version, info.resource, info.subresource)
        if not info.is_resource_request:
            resource = ("", "", "", "")
        elif resource not in self._resources:
            if (
                is_served(code)
                and len(self._resources) < MAXIMUM_RESOURCES
                # As names are in Kubernetes; a server may say 200 to whatever it is asked.
                and all(len(word) <= MAXIMUM_LABEL and word.isascii() for word in resource)
            ):
                self._resources.add(resource)
            else:
                resource = (OTHER, OTHER, OTHER, OTHER)
        return (verb, dry_run, *resource, clean_scope(info), "apiserver")


def _within(known: set[Labels], maximum: int, labels: Labels) -> Labels:
    """The labels where they are among the first so many, else those of ``other`` resources."""
    if labels in known:
        return labels
    if len(known) < maximum:
        known.add(labels)
        return labels
    other = (OTHER if any(labels[_RESOURCE]) else "",) * 4
    return (*labels[: _RESOURCE.start], *other, *labels[_RESOURCE.stop :])
