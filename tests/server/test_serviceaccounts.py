"""A service account's token through the proxy: in the event and towards the upstream."""

import time
from pathlib import Path

from tests.fakes.proxy import proxy_before, request
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
