"""A service account's token through the proxy: in the event and towards the upstream."""

import time
from pathlib import Path

import pytest

from tests.fakes.proxy import proxy_before, request
from tests.fakes.tokenreviews import Reviewing
from tests.fakes.tokens import ISSUER, account_claims, public_pem, rsa_key, signed
from tests.fakes.upstream import FakeUpstream, answer, replying

BOTH_LOOPS = True


async def test_who_is_seen(tmp_path: Path) -> None:
    """The user of the claims is in the event and in the Impersonate headers; a bad token is a 401."""
    (tmp_path / "sa.pub").write_bytes(public_pem(rsa_key()))
    now = int(time.time())
    claims = account_claims(iat=now, nbf=now, exp=now + 600)
    async with (
        FakeUpstream(replying(answer(200, b"{}", b"Content-Type: application/json"))) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            service_account_issuer=(ISSUER,),
            service_account_key_file=(str(tmp_path / "sa.pub"),),
            service_account_lookup=False,
        ) as proxy,
    ):
        got = await proxy.ask(request(token=signed(claims)))
        assert got.status == 200
        user = proxy.events[-1]["user"]
        assert user["username"] == "system:serviceaccount:shop:cart"
        assert user["uid"] == "u1"
        assert user["groups"] == [
            "system:serviceaccounts",
            "system:serviceaccounts:shop",
            "system:authenticated",
        ]
        assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["cart-0"]
        received = bytes(upstream.connections[0].received).lower()
        assert b"impersonate-user: system:serviceaccount:shop:cart\r\n" in received
        assert b"impersonate-uid: u1\r\n" in received
        refused = await proxy.ask(request(token=signed(claims, rsa_key(1))))
        assert refused.status == 401


async def test_lookup(tmp_path: Path) -> None:
    """T077: the upstream confirms a token, for our audiences; without its word it is a 401."""
    (tmp_path / "sa.pub").write_bytes(public_pem(rsa_key()))
    now = int(time.time())
    claims = account_claims(iat=now, nbf=now, exp=now + 600, aud=["proxy"])
    deleted = signed({**claims, "jti": "2"})
    script = Reviewing(
        {signed(claims): {"username": "system:serviceaccount:shop:cart", "uid": "u1"}}
    )
    async with (
        FakeUpstream(script) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            service_account_issuer=(ISSUER,),
            service_account_key_file=(str(tmp_path / "sa.pub"),),
            api_audiences=("proxy", "other"),
        ) as proxy,
    ):
        for _ in range(2):
            assert (await proxy.ask(request(token=signed(claims)))).status == 200
        assert script.asked == [{"token": signed(claims), "audiences": ["proxy", "other"]}]
        assert len(script.forwarded) == 2
        assert (await proxy.ask(request(token=deleted))).status == 401
        script.code = 500
        assert (await proxy.ask(request(token=signed({**claims, "jti": "3"})))).status == 401
        assert len(script.forwarded) == 2


@pytest.mark.parametrize("success", [10_000_000_000, 0])
async def test_lookup_each_time(tmp_path: Path, success: int) -> None:
    """T077: a token whose pod is gone ends with what is remembered of it."""
    (tmp_path / "sa.pub").write_bytes(public_pem(rsa_key()))
    now = int(time.time())
    token = signed(account_claims(iat=now, nbf=now, exp=now + 600))
    script = Reviewing({token: {"username": "system:serviceaccount:shop:cart", "uid": "u1"}})
    async with (
        FakeUpstream(script) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            service_account_issuer=(ISSUER,),
            service_account_key_file=(str(tmp_path / "sa.pub"),),
            token_review_cache_success_ttl=success,
        ) as proxy,
    ):
        assert (await proxy.ask(request(token=token))).status == 200
        script.known.clear()
        expected = 200 if success else 401
        assert (await proxy.ask(request(token=token))).status == expected


async def test_bootstrap_token(tmp_path: Path) -> None:
    """A bootstrap token is the upstream's to know; its user and groups are seen everywhere."""
    groups = ["system:bootstrappers", "system:bootstrappers:nodes", "system:authenticated"]
    user = {"username": "system:bootstrap:abcdef", "groups": groups}
    script = Reviewing({"abcdef.0123456789abcdef": user})
    async with (
        FakeUpstream(script) as upstream,
        proxy_before(upstream.port, tmp_path, authentication_token_review=True) as proxy,
    ):
        got = await proxy.ask(request(token="abcdef.0123456789abcdef"))
        assert got.status == 200
        assert proxy.events[-1]["user"] == user
        assert b"impersonate-user: system:bootstrap:abcdef\r\n" in script.forwarded[0]
        assert b"impersonate-group: system:bootstrappers:nodes\r\n" in script.forwarded[0]
        assert (await proxy.ask(request(token="abcdef.fedcba9876543210"))).status == 401
