"""What is wrong with an AuthenticationConfiguration."""

from typing import Any

import pytest

from auditproxy.authentication.oidc.decoding import load_configuration
from tests.authentication.oidc.test_decoding import USERNAME, faults, jwt, written


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (jwt({"url": ""}), "jwt[0].issuer.url: Required value: URL is required"),
        (jwt({"url": "http://i"}), "URL scheme must be https"),
        (jwt({"url": "https://u:s3cret@i"}), "URL must not contain a username or password"),
        (jwt({"url": "https://i?a=b"}), "URL must not contain a query"),
        (jwt({"url": "https://i#a"}), "URL must not contain a fragment"),
        (jwt({"url": "https://"}), "URL must have a host"),
        (jwt({"url": "https://[i"}), "it is not a valid URL"),
        (jwt({"discoveryURL": "https://issuer.example/"}), "discoveryURL must be different"),
        (jwt({"discoveryURL": "http://i"}), "jwt[0].issuer.discoveryURL"),
        (jwt({"audiences": []}), "jwt[0].issuer.audiences: Required value"),
        (jwt({"audiences": [""]}), "jwt[0].issuer.audiences[0]: Required value"),
        (jwt({"audiences": ["a", "a"]}), "jwt[0].issuer.audiences[1]: Duplicate value"),
        (jwt({"audiences": ["a", "b"]}), "must be MatchAny for multiple audiences"),
        (jwt({"audienceMatchPolicy": "All"}), "must be empty or MatchAny"),
        (jwt(claimMappings={}), "claimMappings.username: Required value"),
        (jwt(claimMappings={"username": {"claim": "a"}}), "username.prefix: Required value"),
        (
            jwt(claimMappings={"username": {"claim": "a", "expression": "claims.b"}}),
            "claim and expression can't both be set",
        ),
        (
            jwt(claimMappings={"username": {"expression": "claims.b", "prefix": ""}}),
            "prefix can be set with claim only",
        ),
        (jwt(claimMappings={**USERNAME, "groups": {"claim": "g"}}), "groups.prefix: Required"),
        (
            jwt(claimMappings={**USERNAME, "uid": {"claim": "g", "expression": "claims.x"}}),
            "claimMappings.uid: Invalid value",
        ),
        (
            jwt(claimMappings={"username": {"expression": "claims.?email.orValue('')"}}),
            "claims.email_verified must be used",
        ),
        (
            jwt(claimMappings={"username": {"expression": "claims['email']"}}),
            "claims.email_verified must be used",
        ),
        (jwt(claimValidationRules=[{}]), "give either claim or expression"),
        (jwt(claimValidationRules=[{"claim": "a", "message": "m"}]), "message can't be set"),
        (
            jwt(claimValidationRules=[{"expression": "a", "requiredValue": "m"}]),
            "requiredValue can't be set",
        ),
        (jwt(claimValidationRules=[{"claim": "a"}, {"claim": "a"}]), 'Duplicate value: "a"'),
        (jwt(userValidationRules=[{"message": "m"}]), "userValidationRules[0].expression"),
    ],
)
def test_faults(one: dict[str, Any], says: str) -> None:
    """kube-apiserver's rules of an issuer, each with its place."""
    found = faults(written(one))
    assert says in "; ".join(found)
    assert "s3cret" not in "; ".join(found)


@pytest.mark.parametrize(
    "key",
    ["", "tenant", "Example.com/a", "example.com/A", "e.com/", "a.k8s.io/x", "kubernetes.io/x"],
)
def test_extra_keys(key: str) -> None:
    """Extra keys have a domain, are lower-case and not Kubernetes' own."""
    extra = [{"key": key, "valueExpression": "claims.a"}]
    assert "extra[0].key" in faults(written(jwt(claimMappings={**USERNAME, "extra": extra})))[0]


def test_all_at_once() -> None:
    """Faults of several issuers and of anonymous come together."""
    found = faults(
        written(
            jwt({"audiences": []}),
            jwt(),
            jwt({"url": "https://sa.example"}),
            anonymous={"enabled": False, "conditions": [{"path": ""}]},
        ),
        service_account_issuers=("https://sa.example",),
    )
    text = "; ".join(found)
    assert "jwt[0].issuer.audiences" in text
    assert 'jwt[1].issuer.url: Duplicate value: "https://issuer.example"' in text
    assert "jwt[2].issuer.url" in text
    assert "disallowed issuers" in text
    assert "anonymous.conditions[0].path" in text
    assert "enabled should be set to true" in text


def test_email_verified() -> None:
    """The claim may be looked at in a rule instead."""
    username = {"username": {"expression": "claims.email"}}
    rule = [{"expression": "claims.?email_verified.orValue(true) == true"}]
    load_configuration(written(jwt(claimMappings=username, claimValidationRules=rule)))
