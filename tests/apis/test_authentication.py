"""AuthenticationConfiguration's values."""

import pytest

from auditproxy.apis.authentication import (
    ClaimMappings,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
)


def test_defaults_map_nothing() -> None:
    """Only the username's source must be given; the rest comes from nowhere."""
    mappings = ClaimMappings(username=PrefixedClaimOrExpression(claim="sub", prefix=""))
    assert mappings.groups == PrefixedClaimOrExpression()
    assert mappings.groups.prefix is None
    assert mappings.uid.claim == mappings.uid.expression == ""
    assert mappings.extra == ()


def test_frozen() -> None:
    """A configuration in use cannot change under a request."""
    issuer = Issuer(url="https://issuer.example", audiences=("a",))
    authenticator = JWTAuthenticator(
        issuer=issuer,
        claim_mappings=ClaimMappings(username=PrefixedClaimOrExpression(expression="claims.sub")),
    )
    with pytest.raises(AttributeError):
        authenticator.issuer.url = "https://other.example"  # type: ignore[misc]
