"""The OIDC issuer of the benches: a key, a token, and what the stand-in answers about them.

The stand-in of the upstream is the issuer as well, because it has a certificate of the cluster's
authority: it answers to discovery and to the request for keys with these files.
"""

import json
import time
from pathlib import Path

from tests.bench.settings import GROUP, USER, Files
from tests.fakes.tokens import ec_key, jwk, signed

ISSUED = "the issuer's token"
"""In place of a token that is different in each run."""
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/openid/v1/jwks"
FLAGS = (
    "--oidc-issuer-url=https://localhost:{upstream}",
    "--oidc-client-id=bench",
    "--oidc-ca-file={folder}/cluster.crt",
    "--oidc-username-prefix=-",
    "--oidc-groups-claim=groups",
    "--oidc-signing-algs=ES256",
)
"""Flags of a proxy that accepts its tokens."""


def write_issuer(files: Files, port: int) -> None:
    """Write the issuer's answers and a token for an hour; it listens on ``port`` of loopback."""
    issuer, key = f"https://localhost:{port}", ec_key()
    document = {"issuer": issuer, "jwks_uri": f"{issuer}{KEYS}"}
    keys = {"keys": [jwk(key, kid="bench", alg="ES256", use="sig")]}
    for path, answer in ((DISCOVERY, document), (KEYS, keys)):
        _file(files, path).write_text(json.dumps(answer), encoding="utf-8")
    now = int(time.time())
    claims = {"iss": issuer, "aud": "bench", "sub": USER, "groups": [GROUP], "iat": now}
    token = signed(claims | {"exp": now + 3600}, key, "ES256", kid="bench")
    (files.folder / "issued.token").write_text(token, encoding="utf-8")


def token_of(files: Files, token: str) -> str:
    """What a client sends for ``token``."""
    if token != ISSUED:
        return token
    return (files.folder / "issued.token").read_text(encoding="utf-8")


def answers_of(files: Files) -> dict[bytes, bytes]:
    """The issuer's answers by their paths; none where it was not written."""
    found = {path: _file(files, path) for path in (DISCOVERY, KEYS)}
    return {path.encode(): file.read_bytes() for path, file in found.items() if file.exists()}


def _file(files: Files, path: str) -> Path:
    return files.folder / f"{path.rpartition('/')[2]}.json"
