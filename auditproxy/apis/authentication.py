"""apiserver.config.k8s.io/v1 AuthenticationConfiguration: which issuers' tokens are accepted.

Frozen values, as the file has them; decoding and validation are elsewhere
(apiserver pkg/apis/apiserver/v1/types.go). And the one warning of authentication.
"""

import msgspec

from auditproxy.apis.prepared import prepared

KIND = "AuthenticationConfiguration"
EXTRA_SPACE = (
    "the provided Authorization header contains extra space before the bearer token, and is ignored"
)
"""kube-apiserver's one warning of authentication (authentication/request/bearertoken)."""

GROUP = "apiserver.config.k8s.io"


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """The issuer that signs the tokens, and their audiences."""

    url: str
    discovery_url: str = ""
    certificate_authority: str = ""
    """PEM bundle for the issuer's own server; "" stands for the system's authorities."""
    audiences: tuple[str, ...]
    audience_match_policy: str = ""


@prepared
class ClaimValidationRule(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with its required value, or an expression that must be true."""

    claim: str = ""
    required_value: str = ""
    expression: str = ""
    message: str = ""


@prepared
class PrefixedClaimOrExpression(msgspec.Struct, frozen=True, kw_only=True):
    """Where a name comes from; both empty: nowhere. ``prefix`` None is one that was not given."""

    claim: str = ""
    prefix: str | None = None
    expression: str = ""


@prepared
class ClaimOrExpression(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value comes from; both empty: nowhere."""

    claim: str = ""
    expression: str = ""


class ExtraMapping(msgspec.Struct, frozen=True, kw_only=True):
    """One extra field of the user."""

    key: str
    value_expression: str


class ClaimMappings(msgspec.Struct, frozen=True, kw_only=True):
    """How claims become a user."""

    username: PrefixedClaimOrExpression
    groups: PrefixedClaimOrExpression = PrefixedClaimOrExpression()
    uid: ClaimOrExpression = ClaimOrExpression()
    extra: tuple[ExtraMapping, ...] = ()


class UserValidationRule(msgspec.Struct, frozen=True, kw_only=True):
    """An expression about the user that must be true."""

    expression: str
    message: str = ""


class JWTAuthenticator(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer with its rules; ``signing_algorithms`` is what its tokens may be signed with."""

    issuer: Issuer
    claim_validation_rules: tuple[ClaimValidationRule, ...] = ()
    claim_mappings: ClaimMappings
    user_validation_rules: tuple[UserValidationRule, ...] = ()
    signing_algorithms: frozenset[str] = frozenset()


class AnonymousAuthConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests without credentials pass; ``paths`` empty means on every path."""

    enabled: bool
    paths: tuple[str, ...] = ()


class AuthenticationConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file; ``anonymous`` None leaves that to --anonymous-auth."""

    jwt: tuple[JWTAuthenticator, ...] = ()
    anonymous: AnonymousAuthConfiguration | None = None
