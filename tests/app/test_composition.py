"""Composition: services made anew for other files, and what is kept of the old ones."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.units import SECOND
from auditproxy.app.composition import Composed
from auditproxy.authentication.authenticator import AuthenticationRequest
from auditproxy.authentication.x509.authorities import CertificateAuthorities
from auditproxy.files.files import read_files
from auditproxy.files.issuers import Trusted
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target
from auditproxy.upstream.identity import Impersonating, PassingThrough
from tests.fakes.asked import AskedUpstream
from tests.fakes.authority import Authority
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options
from tests.fakes.proxy import ALICE, EVERYTHING, TOKENS, EventCollector, write_files
from tests.fakes.upstream import FakeUpstream


def composed(folder: Path, **flags: Any) -> Composed:
    """Services in front of nothing."""
    given = options(kubeconfig=kubeconfig_file(folder), **flags)
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
    after = made.replace_files({"client_authorities": authorities})
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
    again = read_files(options(kubeconfig=kubeconfig_file(tmp_path)))
    after = made.replace_files({"upstream": again.upstream})
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
            return options(**flags, check_period=3600 * SECOND)

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
        made.replace_files({"upstream": read_files(written("renewed")).upstream})
        # Nothing is held against the new credential, and nobody turns away until it is asked.
        assert made.monitor.describe() == ("upstream: not checked yet",)
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


ROWS = {
    "policy": set(),
    "client_authorities": set(),
    "upstream": {"upstream", "impersonator"},
    "token_file": {"tokens"},
    "trusted": {"tokens"},
}
"""A field of Files, and what is made anew beside the services."""

ALICES = AuthenticationRequest(
    ClientHeaders(((b"Authorization", f"Bearer {ALICE}".encode()),)),
    parse_target("GET", b"/"),
    None,
    0,
)


@pytest.mark.parametrize("field", ROWS)
async def test_what_a_field_replaces(field: str, tmp_path: Path) -> None:
    """What is made of a field goes with it, and nothing else: other changes forget no token."""
    (tmp_path / "tokens.csv").write_text(TOKENS)
    (tmp_path / "ca.crt").write_bytes(Authority("root").pem)
    given = options(
        kubeconfig=kubeconfig_file(tmp_path),
        token_auth_file=str(tmp_path / "tokens.csv"),
        client_ca_file=str(tmp_path / "ca.crt"),
        authentication_token_review=False,
    )
    metrics = Metrics()
    made = Composed(
        given,
        read_files(given),
        sink=EventCollector(),
        metrics=metrics,
        report=lambda text: None,
    )

    async def misses() -> float:
        """How often a token has not been remembered, alice's asked for once more."""
        identity = await made.services.authenticator.authenticate(ALICES)
        assert identity is not None
        assert identity.user.username == "alice"
        name = "authentication_token_cache_request_total"
        return metrics.registry.get_sample_value(name, {"status": "miss"}) or 0.0

    before, missed = made.services, await misses()
    value = Trusted() if field == "trusted" else getattr(read_files(given), field)
    after = made.replace_files({field: value})
    assert getattr(made.files, field) is value
    assert after is not before
    replaced = {
        name
        for name in ("upstream", "impersonator")
        if getattr(after, name) is not getattr(before, name)
    }
    if await misses() > missed:
        replaced.add("tokens")
    assert replaced == ROWS[field]
    await made.close()
