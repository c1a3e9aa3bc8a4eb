"""Map claims to a user, by the mappings and rules of one issuer, in kube-apiserver's order.

    username, groups, uid, extra -> required claims and claim rules -> user rules

(apiserver plugin/pkg/authenticator/token/oidc/oidc.go). A name reserved for Kubernetes
is refused, whichever mapping produced it.
"""

from collections.abc import Mapping
from typing import Any

from auditproxy.apis.authentication import JWTAuthenticator, PrefixedClaimOrExpression
from auditproxy.apis.user import CREDENTIAL_ID, UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, reserved_name
from auditproxy.expressions.cel import Compiler, ExpressionError, Program


class ClaimMapper:
    """Maps the claims of one issuer's tokens to a user; the constructor raises ExpressionError.

    ``compile_expression`` is called only if an expression is configured.
    """

    def __init__(self, jwt: JWTAuthenticator, compile_expression: Compiler) -> None:
        mappings = jwt.claim_mappings
        self._mappings = mappings
        self._programs: dict[str, Program] = {}
        self._claim_rules = jwt.claim_validation_rules
        self._user_rules = jwt.user_validation_rules
        expressions = (
            mappings.username.expression,
            mappings.groups.expression,
            mappings.uid.expression,
            *(extra.value_expression for extra in mappings.extra),
            *(rule.expression for rule in jwt.claim_validation_rules),
            *(rule.expression for rule in jwt.user_validation_rules),
        )
        for expression in expressions:
            if expression and expression not in self._programs:
                self._programs[expression] = compile_expression(expression)

    def user(self, claims: Mapping[str, Any]) -> UserInfo:
        """Return the user; raises AuthenticationError, whose text quotes no claim value."""
        user = UserInfo(
            username=self._username(claims),
            groups=self._groups(claims),
            uid=self._uid(claims),
            extra=self._extra(claims),
        )
        self._check_claims(claims)
        self._check_user(user)
        fault = reserved_name(user, frozenset())
        if fault is not None:
            raise AuthenticationError(f"oidc: {fault}")
        return user

    def _evaluate(self, expression: str, variables: Mapping[str, Any]) -> Any:
        try:
            return self._programs[expression](variables)
        except ExpressionError as error:
            raise AuthenticationError(f"oidc: expression {expression!r}: {error}") from None

    def _username(self, claims: Mapping[str, Any]) -> str:
        mapping = self._mappings.username
        if mapping.expression:
            value = self._evaluate(mapping.expression, {"claims": claims})
            if not isinstance(value, str) or not value:
                raise AuthenticationError("oidc: the username expression does not return a string")
            return value
        if mapping.claim not in claims:
            raise AuthenticationError("oidc: the username claim is not present")
        value = claims[mapping.claim]
        # Go decodes null as an empty string.
        value = "" if value is None else value
        if not isinstance(value, str):
            raise AuthenticationError("oidc: the username claim is not a string")
        if mapping.claim == "email" and claims.get("email_verified", True) is not True:
            raise AuthenticationError("oidc: email not verified")
        return f"{mapping.prefix or ''}{value}"

    def _groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        mapping: PrefixedClaimOrExpression = self._mappings.groups
        if mapping.expression:
            return _texts(self._evaluate(mapping.expression, {"claims": claims}), "groups")
        value = claims.get(mapping.claim) if mapping.claim else None
        if value is None:
            return ()
        groups = [value] if isinstance(value, str) else value
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise AuthenticationError(
                "oidc: the groups claim is neither a string nor a list of strings"
            )
        return tuple(f"{mapping.prefix or ''}{group}" for group in groups)

    def _uid(self, claims: Mapping[str, Any]) -> str:
        mapping = self._mappings.uid
        if mapping.expression:
            value = self._evaluate(mapping.expression, {"claims": claims})
        elif mapping.claim:
            if mapping.claim not in claims:
                raise AuthenticationError("oidc: the uid claim is not present")
            value = claims[mapping.claim]
            value = "" if value is None else value
        else:
            return ""
        if not isinstance(value, str):
            raise AuthenticationError("oidc: the uid is not a string")
        return value

    def _extra(self, claims: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        extra: dict[str, tuple[str, ...]] = {}
        identifier = claims.get("jti")
        if isinstance(identifier, str) and identifier:
            extra[CREDENTIAL_ID] = (f"JTI={identifier}",)
        for mapping in self._mappings.extra:
            value = self._evaluate(mapping.value_expression, {"claims": claims})
            if texts := _texts(value, "extra"):
                extra[mapping.key] = texts
        return extra

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        for rule in self._claim_rules:
            if rule.claim:
                value = claims.get(rule.claim)
                if not isinstance(value, str) or value != rule.required_value:
                    raise AuthenticationError(
                        f"oidc: required claim {rule.claim} is not present with its required value"
                    )
        for rule in self._claim_rules:
            if rule.expression:
                self._require(rule.expression, rule.message, {"claims": claims})

    def _check_user(self, user: UserInfo) -> None:
        if not self._user_rules:
            return
        shown = {
            "username": user.username,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        }
        for rule in self._user_rules:
            self._require(rule.expression, rule.message, {"user": shown})

    def _require(self, expression: str, message: str, variables: Mapping[str, Any]) -> None:
        if self._evaluate(expression, variables) is not True:
            raise AuthenticationError(
                f"oidc: validation expression '{expression}' failed: {message}"
            )


def _texts(value: Any, what: str) -> tuple[str, ...]:
    """Return a string or a list of strings (or nothing) as a tuple, without empty ones."""
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
        raise AuthenticationError(
            f"oidc: the {what} expression returns neither a string nor a list of strings"
        )
    return tuple(text for text in values if text)
