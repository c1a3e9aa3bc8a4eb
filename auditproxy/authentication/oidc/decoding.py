"""Decode an AuthenticationConfiguration file into checked values.

Decoding is strict: unknown and duplicate fields are errors, as in kube-apiserver
(apiserver pkg/apis/apiserver/load).
"""

from typing import Any

import msgspec

from auditproxy.apis.authentication import (
    GROUP,
    KIND,
    AnonymousAuthConfiguration,
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimOrExpression,
    ClaimValidationRule,
    ExtraMapping,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
    UserValidationRule,
)
from auditproxy.apis.faults import Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.authentication.oidc.validation import configuration_faults
from auditproxy.authentication.tokens.jws import ALGORITHMS
from auditproxy.serializer import yaml
from auditproxy.serializer.errors import YAMLError

VERSIONS = ("v1", "v1beta1", "v1alpha1")


class ConfigurationError(Unusable):
    """The configuration cannot be used; ``faults`` lists every fault found, one line each."""


class _Strict(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Base of the file's objects; every member is optional."""


class _Issuer(_Strict, frozen=True, kw_only=True):
    url: str = ""
    discovery_url: str | None = msgspec.field(default=None, name="discoveryURL")
    certificate_authority: str = ""
    audiences: tuple[str, ...] = ()
    audience_match_policy: str = ""
    egress_selector_type: str = ""


class _ClaimRule(_Strict, frozen=True, kw_only=True):
    claim: str = ""
    required_value: str = ""
    expression: str = ""
    message: str = ""


class _Prefixed(_Strict, frozen=True, kw_only=True):
    claim: str = ""
    prefix: str | None = None
    expression: str = ""


class _Claim(_Strict, frozen=True, kw_only=True):
    claim: str = ""
    expression: str = ""


class _Extra(_Strict, frozen=True, kw_only=True):
    key: str = ""
    value_expression: str = ""


class _Mappings(_Strict, frozen=True, kw_only=True):
    username: _Prefixed = _Prefixed()
    groups: _Prefixed = _Prefixed()
    uid: _Claim = _Claim()
    extra: tuple[_Extra, ...] = ()


class _UserRule(_Strict, frozen=True, kw_only=True):
    expression: str = ""
    message: str = ""


class _JWT(_Strict, frozen=True, kw_only=True):
    issuer: _Issuer = _Issuer()
    claim_validation_rules: tuple[_ClaimRule, ...] = ()
    claim_mappings: _Mappings = _Mappings()
    user_validation_rules: tuple[_UserRule, ...] = ()


class _Condition(_Strict, frozen=True, kw_only=True):
    path: str = ""


class _Anonymous(_Strict, frozen=True, kw_only=True):
    enabled: bool = False
    conditions: tuple[_Condition, ...] = ()


@prepared
class _File(_Strict, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    jwt: tuple[_JWT, ...] = ()
    anonymous: _Anonymous | None = None


def load_configuration(
    text: bytes, *, service_account_issuers: tuple[str, ...] = ()
) -> AuthenticationConfiguration:
    """Decode a configuration file, YAML or JSON; raises ConfigurationError."""
    try:
        document, strict_errors = yaml.load_strict(text)
    except YAMLError as error:
        raise ConfigurationError(str(error)) from None
    if strict_errors:
        raise ConfigurationError(*strict_errors)
    _check_kind(document)
    try:
        written = msgspec.convert(_without_nulls(document), _File)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"strict decoding error: {error}") from None
    configuration = _values(written)
    faults = configuration_faults(configuration, service_account_issuers)
    if written.anonymous and written.anonymous.conditions and not written.anonymous.enabled:
        faults.append(
            "anonymous.conditions: Invalid value: enabled should be set to true when conditions "
            "are defined"
        )
    if faults:
        raise ConfigurationError(*faults)
    return configuration


def _check_kind(document: Any) -> None:
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"the file does not contain an {KIND}; begin with apiVersion: {GROUP}/v1 and "
            f"kind: {KIND}"
        )
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if kind != KIND or api_version not in [f"{GROUP}/{version}" for version in VERSIONS]:
        raise ConfigurationError(
            f"apiVersion must be {GROUP}/v1 (or v1beta1, v1alpha1) and kind must be {KIND}"
        )


def _without_nulls(value: Any) -> Any:
    """Drop null members: Go decodes null as if the member were absent."""
    if isinstance(value, dict):
        return {k: _without_nulls(member) for k, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value


def _values(written: _File) -> AuthenticationConfiguration:
    anonymous = written.anonymous
    return AuthenticationConfiguration(
        jwt=tuple(_authenticator(jwt) for jwt in written.jwt),
        anonymous=None
        if anonymous is None
        else AnonymousAuthConfiguration(
            enabled=anonymous.enabled, paths=tuple(c.path for c in anonymous.conditions)
        ),
    )


def _authenticator(jwt: _JWT) -> JWTAuthenticator:
    mappings = jwt.claim_mappings
    return JWTAuthenticator(
        issuer=Issuer(
            url=jwt.issuer.url,
            discovery_url=jwt.issuer.discovery_url or "",
            certificate_authority=jwt.issuer.certificate_authority,
            audiences=jwt.issuer.audiences,
            audience_match_policy=jwt.issuer.audience_match_policy,
        ),
        claim_validation_rules=tuple(
            msgspec.convert(rule, ClaimValidationRule, from_attributes=True)
            for rule in jwt.claim_validation_rules
        ),
        claim_mappings=ClaimMappings(
            username=msgspec.convert(
                mappings.username, PrefixedClaimOrExpression, from_attributes=True
            ),
            groups=msgspec.convert(
                mappings.groups, PrefixedClaimOrExpression, from_attributes=True
            ),
            uid=msgspec.convert(mappings.uid, ClaimOrExpression, from_attributes=True),
            extra=tuple(
                ExtraMapping(key=extra.key, value_expression=extra.value_expression)
                for extra in mappings.extra
            ),
        ),
        user_validation_rules=tuple(
            UserValidationRule(expression=rule.expression, message=rule.message)
            for rule in jwt.user_validation_rules
        ),
        signing_algorithms=ALGORITHMS,
    )
