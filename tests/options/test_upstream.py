"""The settings of the upstream."""

from typing import Any

import pytest

from auditproxy.apis.units import SECOND
from auditproxy.options.upstream import UpstreamOptions, upstream_faults


def test_upstream_identity() -> None:
    """Only the known ways of telling the upstream who asks are taken."""
    assert upstream_faults(UpstreamOptions(upstream_identity="trust-me")) == [
        'invalid --upstream-identity "trust-me", allowed values are "impersonate,passthrough,request-header"',
    ]
    assert upstream_faults(UpstreamOptions(upstream_identity="passthrough")) == []


def test_request_header() -> None:
    """A front proxy needs its certificate and key; nobody else has a use for them."""
    pair: dict[str, Any] = {"proxy_client_cert_file": "a", "proxy_client_key_file": "b"}
    sound = UpstreamOptions(upstream_identity="request-header", **pair)
    assert upstream_faults(sound) == []
    half = UpstreamOptions(upstream_identity="request-header", proxy_client_cert_file="a")
    assert "needs --proxy-client-cert-file and --proxy-client-key-file" in upstream_faults(half)[0]
    assert (
        "with --upstream-identity=request-header only"
        in upstream_faults(UpstreamOptions(**pair))[0]
    )


@pytest.mark.parametrize(
    ("period", "fault"),
    [
        (-1, "can not be negative"),
        (0, ""),
        (1, "must be at least 1s, or 0"),
        (SECOND - 1, "must be at least 1s, or 0"),
        (SECOND, ""),
    ],
)
def test_check_period(period: int, fault: str) -> None:
    """No check, or one a second at most."""
    faults = upstream_faults(UpstreamOptions(check_period=period))
    assert len(faults) == bool(fault)
    assert all(fault in each for each in faults)


def test_original_user() -> None:
    """A key that an impersonation may have; with passthrough nobody would set it."""

    def faults(key: str, identity: str = "impersonate") -> list[str]:
        return upstream_faults(
            UpstreamOptions(impersonation_original_user_extra=key, upstream_identity=identity)
        )

    assert faults("example.com/original-user") == []
    for key in ("original-user", "Example.com/user", "example.com/", "example.com/a b", "a/b/c"):
        assert "is not a valid key of an extra field" in faults(key)[0]
    assert "itself knows" in faults("example.com/user", "passthrough")[0]


def test_marker() -> None:
    """The marker is a key with a domain and a value; none by default."""
    assert UpstreamOptions().marker() is None
    options = UpstreamOptions(impersonation_marker_extra="auditproxy.io/via=prod=1")
    assert options.marker() == ("auditproxy.io/via", "prod=1")
    assert upstream_faults(options) == []
    with pytest.raises(ValueError, match="key=value"):
        UpstreamOptions(impersonation_marker_extra="auditproxy.io/via").marker()


@pytest.mark.parametrize(
    "marker",
    [
        "auditproxy.io/via",
        "auditproxy.io/via=",
        "=x",
        "via=x",
        "/via=x",
        "auditproxy.io/=x",
        "auditproxy.io/Via=x",
        "Auditproxy.io/via=x",
        "auditproxy.io/via/x=x",
        "auditproxy.io/via%2f=x",
        "auditproxy.io/via =x",
        "auditproxy.io/via= x",
        "auditproxy.io/via=x\r\nImpersonate-Group: system:masters",
        "auditproxy.io/v\u212aa=x",
        "auditproxy.io/via=\u00e4",
    ],
)
def test_marker_that_a_header_would_not_carry(marker: str) -> None:
    """T004: a key or value that would come out as another is a fault."""
    (fault,) = upstream_faults(UpstreamOptions(impersonation_marker_extra=marker))
    assert fault.startswith("invalid --impersonation-marker-extra")
    assert "must be key=value" in fault


@pytest.mark.parametrize(
    "key", ["authentication.kubernetes.io/pod-name", "k8s.io/x", "kubernetes.io/x", "a.b.k8s.io/x"]
)
def test_marker_of_kubernetes(key: str) -> None:
    """A key that kube-apiserver itself believes is a fault, a domain that only looks like it is none."""
    (fault,) = upstream_faults(UpstreamOptions(impersonation_marker_extra=f"{key}=x"))
    assert "kube-apiserver's own" in fault
    assert upstream_faults(UpstreamOptions(impersonation_marker_extra="notk8s.io/x=y")) == []


def test_marker_with_passthrough() -> None:
    """There is nothing to mark where the client's own token goes on."""
    (fault,) = upstream_faults(
        UpstreamOptions(impersonation_marker_extra="a.io/b=c", upstream_identity="passthrough")
    )
    assert "--upstream-identity=impersonate" in fault


def test_marker_and_original_user() -> None:
    """Two extras of one key would refuse whoever impersonates; that is a fault at start."""
    marked: dict[str, Any] = {"impersonation_marker_extra": "a.io/b=c"}
    same = UpstreamOptions(**marked, impersonation_original_user_extra="a.io/b")
    (fault,) = upstream_faults(same)
    assert "have the same key" in fault
    other = UpstreamOptions(**marked, impersonation_original_user_extra="a.io/d")
    assert upstream_faults(other) == []
