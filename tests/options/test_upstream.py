"""The settings of the upstream."""

from auditproxy.options.upstream import UpstreamOptions, upstream_faults


def test_upstream_identity() -> None:
    """Only the known ways of telling the upstream who asks are taken."""
    assert upstream_faults(UpstreamOptions(upstream_identity="trust-me")) == [
        'invalid --upstream-identity "trust-me", allowed values are "impersonate,passthrough"',
    ]
    assert upstream_faults(UpstreamOptions(upstream_identity="passthrough")) == []
