"""Which issuers are trusted: --authentication-config or the oidc flags, read and compiled."""

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditproxy.apis.authentication import (
    AnonymousAuthConfiguration,
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimValidationRule,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
)
from auditproxy.apis.faults import Unusable
from auditproxy.files.trustedfile import Remarks, TrustedFile, content_of, named, parsed
from auditproxy.options import AuthenticationOptions, Options
from auditproxy.tls.client import client_context

if TYPE_CHECKING:
    from auditproxy.authentication.oidc.claims import ClaimMapper

CONFIG = "authentication-config"
CA_FILE = "oidc-ca-file"


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer: its rules, compiled, and the TLS settings for its server."""

    jwt: JWTAuthenticator
    mapper: "ClaimMapper"
    context: ssl.SSLContext
    flag: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """Every issuer, and where anonymous requests may go; None leaves that to --anonymous-auth."""

    issuers: tuple[TrustedIssuer, ...] = ()
    anonymous: AnonymousAuthConfiguration | None = None


NOBODY_TRUSTED = Trusted()


def read_authentication(options: AuthenticationOptions) -> Trusted | None:
    """What the file or the flags say, None where no issuer is configured.

    Raises Unusable with all faults, which name the flag.
    """
    if options.authentication_config:
        flag, configuration = f"--{CONFIG}", _from_file(options)
    elif options.oidc_issuer_url:
        flag, configuration = "--oidc-issuer-url", _from_flags(options)
    else:
        return None
    from auditproxy.authentication.oidc.claims import ClaimMapper
    from auditproxy.expressions.cel import ExpressionError, cel_compiler

    faults: list[str] = []
    if configuration.anonymous is not None and not options.anonymous_auth:
        faults.append(
            f"--{CONFIG}: anonymous is set in the file, which excludes --anonymous-auth=false; "
            "set it in one place only"
        )
    issuers = []
    for jwt in configuration.jwt:
        try:
            mapper = ClaimMapper(jwt, cel_compiler("claims", "user"))
        except ExpressionError as error:
            faults.append(f"{flag}: {jwt.issuer.url}: {error}")
            continue
        try:
            authorities = jwt.issuer.certificate_authority.encode("utf-8", "replace")
            context = client_context(authorities)
        except (ssl.SSLError, ValueError):
            named = f"--{CA_FILE} {options.oidc_ca_file}"
            if options.authentication_config:
                named = f"{flag}: {jwt.issuer.url}: issuer.certificateAuthority"
            faults.append(f"{named} is not a PEM bundle of certificates; give one")
            continue
        issuers.append(TrustedIssuer(jwt, mapper, context, flag))
    if faults:
        raise Unusable(*faults)
    return Trusted(tuple(issuers), configuration.anonymous)


def _from_file(options: AuthenticationOptions) -> AuthenticationConfiguration:
    from auditproxy.authentication.oidc.decoding import load_configuration

    path, issuers = options.authentication_config, options.service_account_issuer
    (configuration,) = parsed(
        (path,),
        f"--{CONFIG}",
        lambda text: load_configuration(text, service_account_issuers=issuers),
    )
    return configuration


def _from_flags(options: AuthenticationOptions) -> AuthenticationConfiguration:
    from auditproxy.authentication.oidc.validation import configuration_faults

    bundle = b""
    if options.oidc_ca_file:
        bundle = content_of(options.oidc_ca_file, f"--{CA_FILE}")
    claim, prefix = options.oidc_username_claim, options.oidc_username_prefix
    if prefix == "-":
        prefix = ""
    elif not prefix and claim != "email":
        prefix = f"{options.oidc_issuer_url}#"
    groups = PrefixedClaimOrExpression()
    if options.oidc_groups_claim:
        groups = PrefixedClaimOrExpression(
            claim=options.oidc_groups_claim, prefix=options.oidc_groups_prefix
        )
    required = [claim.partition("=") for claim in options.oidc_required_claim]
    configuration = AuthenticationConfiguration(
        jwt=(
            JWTAuthenticator(
                issuer=Issuer(
                    url=options.oidc_issuer_url,
                    audiences=(options.oidc_client_id,),
                    certificate_authority=bundle.decode("utf-8", "replace"),
                ),
                claim_validation_rules=tuple(
                    ClaimValidationRule(claim=name, required_value=value)
                    for name, _, value in required
                ),
                claim_mappings=ClaimMappings(
                    username=PrefixedClaimOrExpression(claim=claim, prefix=prefix), groups=groups
                ),
                signing_algorithms=frozenset(options.oidc_signing_algs),
            ),
        )
    )
    faults = configuration_faults(configuration, options.service_account_issuer)
    if faults:
        raise Unusable(*(f"the oidc flags: {fault}" for fault in faults))
    return configuration


def _read_again(options: Options, remarks: Remarks, current: Trusted) -> Trusted | None:
    """The issuers as the file says now; where anonymous requests may go does not change."""
    trusted = read_authentication(options.authentication)
    if trusted is not None and trusted.anonymous != current.anonymous:
        raise Unusable(f"--{CONFIG}: anonymous cannot change at run time; restart to apply it")
    return trusted


def _by_file(options: Options) -> bool:
    return bool(options.authentication.authentication_config)


AUTHENTICATION_CONFIG = TrustedFile(
    flag=CONFIG,
    field="trusted",
    read=lambda options, _: (
        read_authentication(options.authentication) if _by_file(options) else None
    ),
    paths=lambda options, _: named(options.authentication.authentication_config),
    again=_read_again,
)

OIDC_FLAGS = TrustedFile(
    flag=CA_FILE,
    field="trusted",
    read=lambda options, _: (
        None if _by_file(options) else read_authentication(options.authentication)
    ),
    paths=lambda options, _: (
        ()
        if _by_file(options) or not options.authentication.oidc_issuer_url
        else named(options.authentication.oidc_ca_file)
    ),
)
