"""Authenticators of options and files, and how they are described."""

from pathlib import Path

from auditproxy.app.authentication.authenticators import (
    describe_authentication,
    front_proxy_headers,
    request_header_authenticator,
)
from auditproxy.files.files import read_files
from tests.fakes.authority import Authority
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, write_files


def test_front_proxy(tmp_path: Path) -> None:
    """Headers of front proxies are known only where there is an authority for them."""
    (tmp_path / "front.crt").write_bytes(Authority("front").pem)
    names = {"requestheader_username_headers": ("X-Who",), "kubeconfig": kubeconfig_file(tmp_path)}
    without = options(**names)
    assert request_header_authenticator(without, read_files(without)) is None
    assert b"x-who" not in front_proxy_headers(without)
    given = options(**names, requestheader_client_ca_file=str(tmp_path / "front.crt"))
    assert request_header_authenticator(given, read_files(given)) is not None
    assert b"x-who" in front_proxy_headers(given)


def test_authenticators_are_named(tmp_path: Path) -> None:
    """C1: what is recognised is told in order, and what becomes of the rest."""
    chosen = options(**write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS))
    assert describe_authentication(chosen, read_files(chosen)) == (
        "clients are recognised by static tokens (--token-auth-file); others are anonymous"
    )
    (tmp_path / "ca.crt").write_bytes(Authority("root").pem)
    both = options(
        kubeconfig=chosen.upstream.kubeconfig,
        client_ca_file=str(tmp_path / "ca.crt"),
        token_auth_file=chosen.authentication.token_auth_file,
        authentication_token_review=False,
    )
    assert describe_authentication(both, read_files(both)) == (
        "clients are recognised by client certificates (--client-ca-file), "
        "static tokens (--token-auth-file); others are anonymous"
    )
    bare = options(kubeconfig=str(tmp_path / "kubeconfig"), anonymous_auth=False)
    assert describe_authentication(bare, read_files(bare)) == (
        "clients are recognised by tokens accepted by the API server; others are refused"
    )
