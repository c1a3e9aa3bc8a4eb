"""Metrics of issuers whose keys are fetched."""

import collections
import contextlib
import hashlib

from prometheus_client import CollectorRegistry, Counter, Gauge

RESULTS = ("success", "failure")
STATES = ("in-use", "ignored")


class IssuerMetrics:
    """Loads of issuers' keys; an issuer is labelled as the configuration names it.

    kube-apiserver's own metric labels it by a digest (apiserver
    plugin/pkg/authenticator/token/oidc/metrics.go). Its label ``apiserver_id_hash`` is
    empty here, as in a server without an identity.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._last = Gauge(
            "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds",
            "Timestamp of the last successful or failed JWKS fetch split by result, api server "
            "identity and jwt issuer for the JWT authenticator.",
            ("result", "jwt_issuer_hash", "apiserver_id_hash"),
            registry=registry,
        )
        self._fetches = Counter(
            "auditproxy_issuer_key_fetches",
            "Attempts to load an issuer's keys, discovery included, by result.",
            ("issuer", "result"),
            registry=registry,
        )
        self._keys = Gauge(
            "auditproxy_issuer_keys",
            "Keys of an issuer: in use, and ignored because they are not for checking signatures.",
            ("issuer", "state"),
            registry=registry,
        )
        self._known: collections.Counter[str] = collections.Counter()

    def known(self, issuer: str) -> None:
        """Keys of an issuer are going to be loaded, until as many have been forgotten."""
        self._known[issuer] += 1

    def loaded(self, issuer: str, now: float, *, keys: int, ignored: int) -> None:
        """Record a successful load at ``now``, seconds since the epoch."""
        self._fetched(issuer, now, "success")
        self._keys.labels(issuer, "in-use").set(keys)
        self._keys.labels(issuer, "ignored").set(ignored)

    def failed(self, issuer: str, now: float) -> None:
        """Record a failed load at ``now``, seconds since the epoch."""
        self._fetched(issuer, now, "failure")

    def _fetched(self, issuer: str, now: float, result: str) -> None:
        for each in RESULTS:
            # Create both series at the first attempt, so that both have a rate.
            self._fetches.labels(issuer, each).inc(each == result)
        self._last.labels(result, issuer_hash(issuer), "").set(now)

    def forget(self, issuer: str) -> None:
        """Remove the series of an issuer that is no longer configured.

        After a reload those of before and of now may be of the same issuer: the last one counts.
        """
        self._known[issuer] -= 1
        if self._known[issuer] > 0:
            return
        del self._known[issuer]
        for result in RESULTS:
            _remove(self._last, result, issuer_hash(issuer), "")
            _remove(self._fetches, issuer, result)
        for state in STATES:
            _remove(self._keys, issuer, state)


def _remove(metric: Counter | Gauge, *labels: str) -> None:
    with contextlib.suppress(KeyError):
        metric.remove(*labels)


def issuer_hash(issuer: str) -> str:
    """Return kube-apiserver's label of an issuer."""
    return "sha256:" + hashlib.sha256(issuer.encode("utf-8")).hexdigest()
