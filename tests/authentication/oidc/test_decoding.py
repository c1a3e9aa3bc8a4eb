"""AuthenticationConfiguration files: strict."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.authentication import AnonymousAuthConfiguration
from auditproxy.authentication.oidc.decoding import ConfigurationError, load_configuration
from tests.fakes.authenticationfiles import faults, jwt, written

FULL = """\
apiVersion: apiserver.config.k8s.io/v1beta1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: https://issuer.example
    discoveryURL: https://internal.example/.well-known/openid-configuration
    audiences: [a, b]
    audienceMatchPolicy: MatchAny
  claimValidationRules:
  - claim: hd
    requiredValue: example.com
  - expression: claims.exp - claims.nbf <= 86400
    message: too long
  claimMappings:
    username: {expression: "'p:' + claims.sub"}
    groups: {claim: groups, prefix: "oidc:"}
    uid: {claim: uid}
    extra:
    - {key: example.com/tenant, valueExpression: claims.tenant}
  userValidationRules:
  - {expression: "!user.username.startsWith('system:')", message: reserved}
anonymous:
  enabled: true
  conditions: [{path: /livez}, {path: /readyz}]
"""


def test_everything() -> None:
    """Each member is where it belongs."""
    configuration = load_configuration(FULL.encode())
    (one,) = configuration.jwt
    assert one.issuer.audiences == ("a", "b")
    assert one.issuer.discovery_url.startswith("https://internal.example/")
    assert [rule.claim for rule in one.claim_validation_rules] == ["hd", ""]
    assert one.claim_mappings.username.prefix is None
    assert one.claim_mappings.groups.prefix == "oidc:"
    assert one.claim_mappings.extra[0].value_expression == "claims.tenant"
    assert one.user_validation_rules[0].message == "reserved"
    assert "RS256" in one.signing_algorithms
    assert "HS256" not in one.signing_algorithms
    assert configuration.anonymous == AnonymousAuthConfiguration(
        enabled=True, paths=("/livez", "/readyz")
    )


def test_nothing() -> None:
    """No issuer and null members are legal; three versions are."""
    for version in ("v1", "v1beta1", "v1alpha1"):
        text = f"apiVersion: apiserver.config.k8s.io/{version}\nkind: AuthenticationConfiguration\n"
        assert load_configuration(text.encode() + b"jwt: null\n").jwt == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "does not contain"),
        (b"[]", "does not contain"),
        (b"kind: Policy\napiVersion: audit.k8s.io/v1\n", "kind must be"),
        (b"a: [", "yaml"),
        (written(jwt(), surprise=1), "surprise"),
        (written(jwt(issuer={"URL": "x"})), "URL"),
        (written({**jwt(), "claimMappings": {"username": {"claim": 5}}}), "username"),
        (FULL.encode() + b"kind: AuthenticationConfiguration\n", "kind"),
    ],
)
def test_strict(text: bytes, says: str) -> None:
    """Unknown, doubled and mistyped members are faults that name the place."""
    assert says in "; ".join(faults(text))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_garbage(text: bytes) -> None:
    """Whatever a file holds, the answer is a configuration or its faults."""
    with contextlib.suppress(ConfigurationError):
        load_configuration(text)
