"""AuthenticationConfiguration files, and what is wrong with them."""

import json
from typing import Any

import pytest

from auditproxy.authentication.oidc.decoding import ConfigurationError, load_configuration

HEAD = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
ISSUER = {"url": "https://issuer.example", "audiences": ["a"]}
USERNAME = {"username": {"claim": "sub", "prefix": ""}}


def written(*jwts: dict[str, Any], **members: Any) -> bytes:
    """A file with some issuers."""
    return json.dumps({**HEAD, "jwt": list(jwts), **members}).encode()


def jwt(issuer: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """An issuer with its mappings; members override."""
    return {"issuer": {**ISSUER, **(issuer or {})}, "claimMappings": USERNAME, **members}


def faults(text: bytes, **options: Any) -> tuple[str, ...]:
    """The faults of a file."""
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(text, **options)
    return caught.value.faults
