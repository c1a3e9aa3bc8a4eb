"""Issuers through the whole proxy: tokens, attacks on them, and reload."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes.issuer import FakeIssuer
from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.tokens import ec_key, part, rsa_key
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import turns

POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}'


def configuration(*issuers: FakeIssuer, **members: Any) -> str:
    """A file that trusts some issuers."""
    return json.dumps(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "jwt": [
                {
                    "issuer": {
                        "url": issuer.url,
                        "audiences": ["us"],
                        "certificateAuthority": issuer.ca,
                    },
                    "claimMappings": {
                        "username": {"expression": "'oidc:' + claims.sub"},
                        "groups": {"claim": "groups", "prefix": "oidc:"},
                    },
                    "userValidationRules": [
                        {"expression": "user.username != 'oidc:banned'", "message": "banned"}
                    ],
                }
                for issuer in issuers
            ],
            **members,
        }
    )


@contextlib.asynccontextmanager
async def trusting(tmp_path: Path) -> AsyncIterator[tuple[FakeIssuer, RunningProxy]]:
    """A proxy that trusts one issuer."""
    async with (
        FakeIssuer(tmp_path) as issuer,
        FakeUpstream(replying(answer(200, POD))) as upstream,
    ):
        issuer.publish(rsa_key())
        path = tmp_path / "authentication.json"
        path.write_text(configuration(issuer), encoding="utf-8")
        async with proxy_before(upstream.port, tmp_path, authentication_config=str(path)) as proxy:
            proxy.upstream = upstream
            yield issuer, proxy


async def status(proxy: RunningProxy, token: str, target: str = "/api/v1/pods") -> int:
    """The code for a request with a token."""
    return (await proxy.ask(request("GET", target, token=token))).status


def signed_by_hand(header: dict[str, Any], claims: Any, key: Any) -> str:
    """A token with exactly this header and these claims, which may be bytes."""
    signing_input = f"{part(header)}.{part(claims)}"
    signature = pyjwt.get_algorithm_by_name(header["alg"]).sign(signing_input.encode(), key)
    return f"{signing_input}.{part(signature)}"


async def test_user(tmp_path: Path) -> None:
    """The user of the claims is who asks, here and at the upstream; anybody else is nobody."""
    async with trusting(tmp_path) as (issuer, proxy):
        token = issuer.token(groups=["dev"], jti="J")
        assert await status(proxy, token) == 200
        user = proxy.events[-1]["user"]
        assert user["username"] == "oidc:alice"
        assert user["groups"] == ["oidc:dev", "system:authenticated"]
        assert user["extra"] == {"authentication.kubernetes.io/credential-id": ["JTI=J"]}
        received = bytes(proxy.upstream.connections[0].received)
        assert b"Impersonate-User: oidc:alice\r\n" in received
        assert token.encode() not in received
        assert await status(proxy, issuer.token(sub="banned")) == 401
        assert await status(proxy, issuer.token(aud="them")) == 401
        assert await status(proxy, issuer.token(iss="https://other.example")) == 401
        assert await status(proxy, issuer.token(exp=1)) == 401
        assert len(proxy.upstream.connections) == 1


async def test_public_key_as_a_secret(tmp_path: Path) -> None:
    """T056: what everybody can read is no secret that a token could be signed with."""
    async with trusting(tmp_path) as (issuer, proxy):
        key = rsa_key()
        issuer.publish(key)
        public = key.public_key()
        secrets = [
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(issuer.keys[0]).encode(),
        ]
        claims = pyjwt.decode(issuer.token(), options={"verify_signature": False})
        for secret in secrets:
            for algorithm in ("HS256", "HS384", "HS512"):
                token = signed_by_hand({"alg": algorithm, "kid": "a"}, claims, secret)
                assert await status(proxy, token) == 401
        assert proxy.upstream.connections == []


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://127.0.0.1:1/keys"},
        {"x5u": "https://127.0.0.1:1/keys"},
        {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        {"x5c": ["MIIB"]},
        {"kid": "../../etc/passwd"},
        {"kid": "https://127.0.0.1:1/keys"},
        {"kid": "k" * 10_000},
    ],
)
async def test_keys_named_by_the_token(tmp_path: Path, header: dict[str, Any]) -> None:
    """T057: a token does not say where its key is: a strange one is refused, and fetched nowhere."""
    async with trusting(tmp_path) as (issuer, proxy):
        claims = pyjwt.decode(issuer.token(), options={"verify_signature": False})
        strange = pyjwt.encode(claims, ec_key(), algorithm="ES256", headers={"kid": "x", **header})
        assert await status(proxy, strange) == 401
        assert set(issuer.requests) <= {"/.well-known/openid-configuration", "/keys"}


@pytest.mark.parametrize("header", [{"crit": ["x"]}, {"crit": ["b64"], "b64": False}])
async def test_critical_extensions(tmp_path: Path, header: dict[str, Any]) -> None:
    """T058: an extension that must be understood and is not refuses a token of a good key."""
    async with trusting(tmp_path) as (issuer, proxy):
        key, algorithm, kid = issuer._signing
        claims = pyjwt.decode(issuer.token(), options={"verify_signature": False})
        head = {"alg": algorithm, "kid": kid}
        assert await status(proxy, signed_by_hand({**head, **header}, claims, key)) == 401
        assert await status(proxy, signed_by_hand(head, claims, key)) == 200


@pytest.mark.parametrize(
    ("audience", "code"),
    [(None, 401), ("other", 401), (["x", "us"], 200), ([["us"]], 401), (5, 401), ("us-east", 401)],
)
async def test_audience(tmp_path: Path, audience: object, code: int) -> None:
    """T059: ours, whole, alone or in a list of texts."""
    async with trusting(tmp_path) as (issuer, proxy):
        assert await status(proxy, issuer.token(aud=audience)) == code


async def test_doubled_claims(tmp_path: Path) -> None:
    """T064: of claims with one name the last counts, as for Go, and it is the one that is checked."""
    async with trusting(tmp_path) as (issuer, proxy):
        key, algorithm, kid = issuer._signing
        claims = pyjwt.decode(issuer.token(), options={"verify_signature": False})
        text = json.dumps(claims)[:-1] + ', "sub": "last"}'
        token = signed_by_hand({"alg": algorithm, "kid": kid}, text.encode(), key)
        assert await status(proxy, token) == 200
        assert proxy.events[-1]["user"]["username"] == "oidc:last"


async def test_reload(tmp_path: Path) -> None:
    """T081: an issuer that is taken out is nobody's at once, whatever was remembered of it."""
    async with trusting(tmp_path) as (issuer, proxy):
        token = issuer.token()
        assert await status(proxy, token) == 200
        path = tmp_path / "authentication.json"
        path.write_text(configuration(), encoding="utf-8")
        await proxy.proxy.reloader.poll(settle=False)
        assert await status(proxy, token) == 401
        path.write_text("jwt: {", encoding="utf-8")
        await proxy.proxy.reloader.poll(settle=False)
        path.write_text(configuration(issuer), encoding="utf-8")
        await proxy.proxy.reloader.poll(settle=False)
        assert await status(proxy, token) == 200
        path.write_text(configuration(issuer, anonymous={"enabled": True}), encoding="utf-8")
        await proxy.proxy.reloader.poll(settle=False)
        lines = "\n".join(proxy.proxy.reloader.describe())
        assert "--authentication-config: version 3" in lines
        assert "cannot be used" in lines


async def test_anonymous_paths(tmp_path: Path) -> None:
    """Conditions let anonymous requests pass on exactly the paths they name."""
    path = tmp_path / "authentication.json"
    path.write_text(
        configuration(anonymous={"enabled": True, "conditions": [{"path": "/livez"}]}),
        encoding="utf-8",
    )
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, authentication_config=str(path)) as proxy:
            for target, code in (
                ("/livez", 200),
                ("/livez?verbose", 200),
                ("/%6civez", 200),
                ("/livez/", 401),
                ("/livez/ping", 401),
                ("/api", 401),
            ):
                assert await status(proxy, "", target) == code, target


async def test_flood_of_slow_signatures(tmp_path: Path) -> None:
    """T327: tokens whose signatures are slow to check do not hold up the event loop."""
    async with trusting(tmp_path) as (issuer, proxy):
        key = ec_key(ec.SECP521R1)
        issuer.publish(key, "ES512", kid="slow")
        tokens = [issuer.token(sub=f"u{number}") for number in range(40)]
        bad = [f"{token.rpartition('.')[0]}.{'A' * 176}" for token in tokens]
        worst = 0.0
        done = False

        async def watch() -> None:
            nonlocal worst
            loop = asyncio.get_running_loop()
            while not done:
                before = loop.time()
                await turns()
                worst = max(worst, loop.time() - before)

        watching = asyncio.create_task(watch())
        codes = await asyncio.gather(*(status(proxy, token) for token in bad))
        done = True
        await watching
        assert set(codes) == {401}
        assert worst < 0.5
