"""Which issuers are trusted: --authentication-config or the oidc flags, read and compiled."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from auditproxy.apis.authentication import (
    AnonymousAuthConfiguration,
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimValidationRule,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
)
from auditproxy.authentication.oidc.claims import ClaimMapper, ExpressionError
from auditproxy.authentication.oidc.decoding import ConfigurationError, load_configuration
from auditproxy.authentication.oidc.expressions import cel_compiler
from auditproxy.authentication.oidc.validation import configuration_faults
from auditproxy.options import AuthenticationOptions
from auditproxy.tls.client import client_context

CONFIG = "authentication-config"


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer: its rules, compiled, and the TLS settings for its server."""

    jwt: JWTAuthenticator
    mapper: ClaimMapper
    context: ssl.SSLContext
    flag: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """Every issuer, and where anonymous requests may go; None leaves that to --anonymous-auth."""

    issuers: tuple[TrustedIssuer, ...] = ()
    anonymous: AnonymousAuthConfiguration | None = None


NOBODY_TRUSTED = Trusted()


def read_authentication(options: AuthenticationOptions, faults: list[str]) -> Trusted:
    """What the file or the flags say; faults are added with the flag's name."""
    if options.authentication_config:
        flag = f"--{CONFIG}"
        configuration = _from_file(options, faults)
    elif options.oidc_issuer_url:
        flag = "--oidc-issuer-url"
        configuration = _from_flags(options, faults)
    else:
        return NOBODY_TRUSTED
    if configuration is None:
        return NOBODY_TRUSTED
    if configuration.anonymous is not None and not options.anonymous_auth:
        faults.append(
            f"--{CONFIG}: anonymous is set in the file, which excludes --anonymous-auth=false; "
            "say it in one place"
        )
    issuers = []
    for jwt in configuration.jwt:
        try:
            mapper = ClaimMapper(jwt, cel_compiler())
        except ExpressionError as error:
            faults.append(f"{flag}: {jwt.issuer.url}: {error}")
            continue
        try:
            authorities = jwt.issuer.certificate_authority.encode("utf-8", "replace")
            context = client_context(authorities)
        except (ssl.SSLError, ValueError):
            faults.append(
                f"{flag}: {jwt.issuer.url}: the certificate authority is no PEM bundle of "
                "certificates"
            )
            continue
        issuers.append(TrustedIssuer(jwt, mapper, context, flag))
    return Trusted(tuple(issuers), configuration.anonymous)


def files_of(options: AuthenticationOptions) -> tuple[str, ...]:
    """The files that are read for it."""
    if options.authentication_config:
        return (options.authentication_config,)
    if options.oidc_issuer_url and options.oidc_ca_file:
        return (options.oidc_ca_file,)
    return ()


def _from_file(
    options: AuthenticationOptions, faults: list[str]
) -> AuthenticationConfiguration | None:
    text = _read(options.authentication_config, f"--{CONFIG}", faults)
    if text is None:
        return None
    try:
        return load_configuration(text, service_account_issuers=options.service_account_issuer)
    except ConfigurationError as error:
        path = options.authentication_config
        faults += [f"--{CONFIG} {path}: {fault}" for fault in error.faults]
        return None


def _from_flags(
    options: AuthenticationOptions, faults: list[str]
) -> AuthenticationConfiguration | None:
    bundle: bytes | None = b""
    if options.oidc_ca_file:
        bundle = _read(options.oidc_ca_file, "--oidc-ca-file", faults)
    if bundle is None:
        return None
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
    found = configuration_faults(configuration, options.service_account_issuer)
    faults += [f"the oidc flags: {fault}" for fault in found]
    return None if found else configuration


def _read(path: str, flag: str, faults: list[str]) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        faults.append(f"{flag} {path} cannot be read: {error.strerror}")
        return None
