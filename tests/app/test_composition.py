"""Composition: services made anew for other files, and what is kept of the old ones."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditproxy.app.composition import (
    NANOSECONDS,
    Composed,
    describe_authentication,
    front_proxy_headers,
    request_header_authenticator,
)
from auditproxy.authentication.x509.authorities import CertificateAuthorities
from auditproxy.files.files import read_files
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.upstream.identity import Impersonating, PassingThrough
from tests.fakes.asked import AskedUpstream
from tests.fakes.authority import Authority
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, EventCollector, write_files
from tests.fakes.upstream import FakeUpstream
from tests.files.test_files import kubeconfig


def composed(folder: Path, **flags: Any) -> Composed:
    """Services in front of nothing."""
    given = options(kubeconfig=kubeconfig(folder), **flags)
    return Composed(
        given,
        read_files(given),
        sink=EventCollector(),
        metrics=Metrics(),
        report=lambda text: None,
    )


async def test_other_files(tmp_path: Path) -> None:
    """Other authorities keep the upstream with its caches; requests under way stay known."""
    made = composed(tmp_path)
    before, shared = made.services, made.shared
    authorities = CertificateAuthorities(Authority("root").pem)
    after = made.replace_files(replace(made.files, client_authorities=authorities))
    assert after is made.services
    assert after is not before
    assert after.authenticator is not before.authenticator
    assert (after.upstream, after.impersonator) == (before.upstream, before.impersonator)
    assert made.shared is shared
    await made.close()


async def test_other_upstream(tmp_path: Path) -> None:
    """Another kubeconfig is another pool and other caches; both are closed at the end."""
    made = composed(tmp_path)
    before = made.services
    again = read_files(options(kubeconfig=kubeconfig(tmp_path)))
    after = made.replace_files(replace(made.files, upstream=again.upstream))
    assert after.upstream.pool is not before.upstream.pool
    assert after.impersonator is not before.impersonator
    await made.close()
    for services in (before, after):
        assert services.upstream.pool._closed


class Renewed(AskedUpstream):
    """An upstream that notes when it is asked with the new credential."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The answer to one request."""
        if b"\r\nAuthorization: Bearer renewed\r\n" in head:
            self.seen.set()
        return super().answer(head, body)


async def test_another_upstream_is_asked(tmp_path: Path) -> None:
    """C2: a changed kubeconfig is tried at once, with the credential it has now."""
    asked = Renewed()
    async with FakeUpstream(asked.script) as upstream:

        def written(token: str) -> Options:
            flags = write_files(
                upstream.port,
                tmp_path,
                policy=EVERYTHING,
                tokens=TOKENS,
                change=lambda config: config["users"][0]["user"].update(token=token),
            )
            return options(**flags, check_period=3600 * NANOSECONDS)

        given = written("old")
        made = Composed(
            given,
            read_files(given),
            sink=EventCollector(),
            metrics=Metrics(),
            report=lambda text: None,
        )
        assert (await made.monitor.ask()).ready
        assert not asked.seen.is_set()
        task = asyncio.create_task(made.monitor.run())
        made.replace_files(replace(made.files, upstream=read_files(written("renewed")).upstream))
        # Nothing is held against the new credential, and nobody turns away until it is asked.
        assert made.monitor.describe() == ("upstream: not asked yet",)
        assert made.monitor.is_ready
        async with asyncio.timeout(10):
            await asked.seen.wait()
        task.cancel()
        await asyncio.wait([task])
        await made.close()


async def test_identities(tmp_path: Path) -> None:
    """Each --upstream-identity has its own kind."""
    for identity, kind in (("impersonate", Impersonating), ("passthrough", PassingThrough)):
        made = composed(tmp_path, upstream_identity=identity)
        assert isinstance(made.services.upstream, kind)
        await made.close()


async def test_front_proxy(tmp_path: Path) -> None:
    """Headers of front proxies are known only where there is an authority for them."""
    (tmp_path / "front.crt").write_bytes(Authority("front").pem)
    names = {"requestheader_username_headers": ("X-Who",), "kubeconfig": kubeconfig(tmp_path)}
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
        "clients are recognised by tokens that the API server knows; others are refused"
    )
