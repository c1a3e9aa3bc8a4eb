"""The settings of the upstream."""

from auditproxy.options.upstream import UpstreamOptions, upstream_faults


def test_upstream_identity() -> None:
    """Only the known ways of telling the upstream who asks are taken."""
    assert upstream_faults(UpstreamOptions(upstream_identity="trust-me")) == [
        'invalid --upstream-identity "trust-me", allowed values are "impersonate,passthrough,request-header"',
    ]
    assert upstream_faults(UpstreamOptions(upstream_identity="passthrough")) == []


def test_request_header() -> None:
    """A front proxy needs its certificate and key; nobody else has a use for them."""
    pair = {"proxy_client_cert_file": "a", "proxy_client_key_file": "b"}
    sound = UpstreamOptions(upstream_identity="request-header", **pair)
    assert upstream_faults(sound) == []
    half = UpstreamOptions(upstream_identity="request-header", proxy_client_cert_file="a")
    assert "needs --proxy-client-cert-file and --proxy-client-key-file" in upstream_faults(half)[0]
    assert (
        "with --upstream-identity=request-header only"
        in upstream_faults(UpstreamOptions(**pair))[0]
    )


def test_original_user() -> None:
    """A key that an impersonation may have; with passthrough nobody would set it."""

    def faults(key: str, identity: str = "impersonate") -> list[str]:
        return upstream_faults(
            UpstreamOptions(impersonation_original_user_extra=key, upstream_identity=identity)
        )

    assert faults("example.com/original-user") == []
    for key in ("original-user", "Example.com/user", "example.com/", "example.com/a b", "a/b/c"):
        assert "is no key of an extra field" in faults(key)[0]
    assert "itself knows" in faults("example.com/user", "passthrough")[0]
