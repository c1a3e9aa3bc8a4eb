"""Claims to a user (rows after upstream's oidc_test.go)."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from auditproxy.apis.authentication import (
    ClaimMappings,
    ClaimOrExpression,
    ClaimValidationRule,
    ExtraMapping,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
    UserValidationRule,
)
from auditproxy.apis.user import CREDENTIAL_ID, UserInfo
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.oidc.claims import ClaimMapper
from auditproxy.expressions.cel import ExpressionError, Program

ISSUER = Issuer(url="https://issuer.example", audiences=("a",))


def named(claim: str, prefix: str | None = "") -> PrefixedClaimOrExpression:
    """A mapping by claim."""
    return PrefixedClaimOrExpression(claim=claim, prefix=prefix)


def by(expression: str) -> PrefixedClaimOrExpression:
    """A mapping by expression."""
    return PrefixedClaimOrExpression(expression=expression)


def compiler(expression: str) -> Program:
    """A stand-in for CEL: ``claims.x`` or ``user.x``."""

    def run(variables: Mapping[str, Any]) -> Any:
        scope, _, name = expression.partition(".")
        try:
            return variables[scope][name]
        except KeyError:
            raise ExpressionError("no such key") from None

    return run


def mapper(
    username: PrefixedClaimOrExpression | None = None,
    *,
    claim_rules: tuple[ClaimValidationRule, ...] = (),
    user_rules: tuple[UserValidationRule, ...] = (),
    **mappings: Any,
) -> ClaimMapper:
    """A mapper; the username is the claim ``sub`` unless said."""
    return ClaimMapper(
        JWTAuthenticator(
            issuer=ISSUER,
            claim_mappings=ClaimMappings(username=username or named("sub"), **mappings),
            claim_validation_rules=claim_rules,
            user_validation_rules=user_rules,
        ),
        compiler,
    )


@pytest.mark.parametrize(
    ("username", "claims", "name"),
    [
        (named("sub"), {"sub": "jane"}, "jane"),
        (named("sub", "oidc:"), {"sub": "jane"}, "oidc:jane"),
        (named("sub", None), {"sub": "jane"}, "jane"),
        (named("sub"), {"sub": ""}, ""),
        (named("sub"), {"sub": None}, ""),
        (named("email"), {"email": "j@e", "email_verified": True}, "j@e"),
        (named("email"), {"email": "j@e"}, "j@e"),
        (named("upn"), {"upn": "x", "email": "y", "email_verified": False}, "x"),
        (by("claims.name"), {"name": "jane"}, "jane"),
    ],
)
def test_username(username: PrefixedClaimOrExpression, claims: dict[str, Any], name: str) -> None:
    """Username by claim, with its prefix, and by expression; empty is allowed by claim."""
    assert mapper(username).user(claims).username == name


@pytest.mark.parametrize(
    ("username", "claims"),
    [
        (named("sub"), {}),
        (named("sub"), {"sub": ["jane"]}),
        (named("sub"), {"sub": 1}),
        (named("email"), {"email": "j@e", "email_verified": False}),
        (named("email"), {"email": "j@e", "email_verified": "true"}),
        (named("email"), {"email": "j@e", "email_verified": None}),
        (by("claims.name"), {"name": ""}),
        (by("claims.name"), {"name": 5}),
        (by("claims.name"), {"name": None}),
        (by("claims.name"), {}),
        (named("sub"), {"sub": "system:admin"}),
        (named("sub", "system:"), {"sub": "admin"}),
        (by("claims.name"), {"name": "system:kube-scheduler"}),
    ],
)
def test_no_username(username: PrefixedClaimOrExpression, claims: dict[str, Any]) -> None:
    """T062: missing, of another type, not verified, or a name of Kubernetes' own: nobody."""
    with pytest.raises(AuthenticationError) as caught:
        mapper(username).user(claims)
    assert "j@e" not in str(caught.value)


@pytest.mark.parametrize(
    ("groups", "value", "expected"),
    [
        (named("groups"), "one", ("one",)),
        (named("groups", "p:"), ["a", "b"], ("p:a", "p:b")),
        (named("groups"), None, ()),
        (named("groups"), [], ()),
        (by("claims.groups"), "one", ("one",)),
        (by("claims.groups"), ["a", "", "b"], ("a", "b")),
        (by("claims.groups"), "", ()),
        (by("claims.groups"), None, ()),
    ],
)
def test_groups(
    groups: PrefixedClaimOrExpression, value: object, expected: tuple[str, ...]
) -> None:
    """T063: a text is one group, a list several, null and nothing none."""
    user = mapper(groups=groups).user({"sub": "a", "groups": value})
    assert user.groups == expected
    assert mapper(groups=named("groups")).user({"sub": "a"}).groups == ()


@pytest.mark.parametrize("groups", [named("groups"), by("claims.groups")])
@pytest.mark.parametrize("value", [1, True, {"a": "b"}, [1], [["a"]], ["a", None]])
def test_no_groups(groups: PrefixedClaimOrExpression, value: object) -> None:
    """T063: anything else refuses the token, it does not drop the groups."""
    with pytest.raises(AuthenticationError, match="groups"):
        mapper(groups=groups).user({"sub": "a", "groups": value})


@pytest.mark.parametrize("group", ["system:masters", "system:nodes"])
def test_groups_of_kubernetes(group: str) -> None:
    """No issuer makes cluster admins."""
    with pytest.raises(AuthenticationError, match="reserved"):
        mapper(groups=named("groups")).user({"sub": "a", "groups": ["dev", group]})


def test_uid_and_extra() -> None:
    """uid by claim or expression; extra by expression, without empty ones; the token's id."""
    claims = {"sub": "a", "id": "7", "t": ["x", ""], "none": None, "jti": "J"}
    user = mapper(
        uid=ClaimOrExpression(claim="id"),
        extra=(
            ExtraMapping(key="e.com/t", value_expression="claims.t"),
            ExtraMapping(key="e.com/none", value_expression="claims.none"),
        ),
    ).user(claims)
    assert user == UserInfo(
        username="a", uid="7", extra={CREDENTIAL_ID: ("JTI=J",), "e.com/t": ("x",)}
    )
    assert mapper(uid=ClaimOrExpression(expression="claims.id")).user(claims).uid == "7"
    assert mapper().user({"sub": "a", "jti": 7}).extra == {}
    for uid in (ClaimOrExpression(claim="no"), ClaimOrExpression(expression="claims.t")):
        with pytest.raises(AuthenticationError, match="uid"):
            mapper(uid=uid).user(claims)


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        (ClaimValidationRule(claim="hd", required_value="e.com"), True),
        (ClaimValidationRule(claim="hd", required_value="other"), False),
        (ClaimValidationRule(claim="missing", required_value=""), False),
        (ClaimValidationRule(claim="list", required_value="e.com"), False),
        (ClaimValidationRule(expression="claims.true"), True),
        (ClaimValidationRule(expression="claims.hd", message="must be true"), False),
        (ClaimValidationRule(expression="claims.missing"), False),
    ],
)
def test_claim_rules(rule: ClaimValidationRule, passes: bool) -> None:
    """A required claim is a text and equal; an expression is true and nothing like it."""
    claims = {"sub": "a", "hd": "e.com", "list": ["e.com"], "true": True}
    if passes:
        assert mapper(claim_rules=(rule,)).user(claims).username == "a"
    else:
        with pytest.raises(AuthenticationError) as caught:
            mapper(claim_rules=(rule,)).user(claims)
        assert rule.message in str(caught.value)


def test_user_rules() -> None:
    """They see the user that was made, prefixes and all."""
    seen: list[Any] = []

    def watching(expression: str) -> Program:
        def run(variables: Mapping[str, Any]) -> Any:
            seen.append(variables)
            return expression == "yes"

        return run

    def made(expression: str) -> ClaimMapper:
        jwt = JWTAuthenticator(
            issuer=ISSUER,
            claim_mappings=ClaimMappings(username=named("sub", "p:"), groups=named("g")),
            user_validation_rules=(UserValidationRule(expression=expression, message="told"),),
        )
        return ClaimMapper(jwt, watching)

    assert made("yes").user({"sub": "a", "g": ["x"]}).username == "p:a"
    assert seen == [{"user": {"username": "p:a", "uid": "", "groups": ["x"], "extra": {}}}]
    with pytest.raises(AuthenticationError, match="validation expression 'no' failed: told"):
        made("no").user({"sub": "a"})


def test_compiled_once_at_the_start() -> None:
    """A fault of an expression is told when the configuration is read; none, none is compiled."""

    def broken(expression: str) -> Program:
        raise ExpressionError("syntax")

    jwt = JWTAuthenticator(issuer=ISSUER, claim_mappings=ClaimMappings(username=named("sub")))
    ClaimMapper(jwt, broken)
    with pytest.raises(ExpressionError):
        ClaimMapper(
            msgspec.structs.replace(jwt, claim_mappings=ClaimMappings(username=by("x"))), broken
        )
