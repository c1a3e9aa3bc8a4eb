"""The settings of authentication, as other rooms ask for them."""

import pytest

from auditproxy.options.authentication import AuthenticationOptions


@pytest.mark.parametrize(
    ("audiences", "expected"), [((), ("https://issuer",)), (("a", "b"), ("a", "b"))]
)
def test_audiences(audiences: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Without audiences of their own tokens are for the issuers, as in kube-apiserver."""
    options = AuthenticationOptions(
        service_account_issuer=("https://issuer",), api_audiences=audiences
    )
    assert options.audiences() == expected
