"""Faults of the settings of authentication, in kube-apiserver's words where it has them."""

import re
from urllib.parse import urlsplit

from auditproxy.apis.gotext import go_quote
from auditproxy.options.authentication import WEBHOOK_VERSIONS, AuthenticationOptions

_SIGNING_ALGORITHMS = tuple(
    f"{kind}{bits}" for kind in ("RS", "ES", "PS") for bits in (256, 384, 512)
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


def authentication_faults(authentication: AuthenticationOptions) -> list[str]:
    """Faults of the settings of authentication."""
    faults = []
    if not (
        authentication.client_ca_file
        or authentication.requestheader_client_ca_file
        or authentication.token_auth_file
        or authentication.service_account_issuer
        or authentication.token_webhook_config_file
        or authentication.authentication_config
        or authentication.oidc_issuer_url
        or authentication.token_review
        or authentication.anonymous_auth
    ):
        faults.append(
            "no client could log in: --anonymous-auth and --authentication-token-review are false "
            "and none of --client-ca-file, --token-auth-file, --service-account-key-file and "
            "--authentication-token-webhook-config-file is given; allow one of them"
        )
    faults += _service_account_faults(authentication)
    faults += _oidc_faults(authentication)
    for group in authentication.client_ca_allowed_system_groups:
        if group != "*" and not group.startswith("system:"):
            faults.append(
                f"--client-ca-allowed-system-groups {go_quote(group)} is not one of Kubernetes' "
                'own groups; give groups that begin with "system:", or * for all'
            )
    faults += _requestheader_faults(authentication)
    if authentication.token_webhook_version not in WEBHOOK_VERSIONS:
        faults.append(
            "--authentication-token-webhook-version: unsupported authentication webhook version "
            f"{go_quote(authentication.token_webhook_version)}, supported versions are "
            '"v1", "v1beta1"'
        )
    for kind, ttl in (
        ("review-cache-success", authentication.token_review_cache_success_ttl),
        ("review-cache-failure", authentication.token_review_cache_failure_ttl),
        ("webhook-cache", authentication.token_webhook_cache_ttl),
    ):
        if ttl < 0:
            faults.append(
                f"--authentication-token-{kind}-ttl can't be negative; 0s disables this cache"
            )
    return faults


def _service_account_faults(authentication: AuthenticationOptions) -> list[str]:
    issuers, key_files = (
        authentication.service_account_issuer,
        authentication.service_account_key_file,
    )
    faults = []
    if key_files and not issuers:
        faults.append("service-account-issuer is a required flag with --service-account-key-file")
    if authentication.service_account_jwks_uri:
        if key_files:
            faults.append(
                "--service-account-jwks-uri and --service-account-key-file both set the source of "
                "the keys; give only one"
            )
        if not issuers:
            faults.append(
                "--service-account-jwks-uri has no effect without --service-account-issuer"
            )
        if not authentication.service_account_jwks_uri.startswith("https://"):
            faults.append("service-account-jwks-uri requires https scheme")
    if issuers and authentication.service_account_lookup and not authentication.token_review:
        faults.append(
            "--service-account-lookup needs --authentication-token-review, which is false: "
            "allow reviews, or give --service-account-lookup=false and trust a token until it "
            "expires"
        )
    if authentication.api_audiences and not (issuers or authentication.token_webhook_config_file):
        faults.append(
            "--api-audiences has no effect without --service-account-issuer or "
            "--authentication-token-webhook-config-file"
        )
    for index, issuer in enumerate(issuers):
        if not issuer:
            faults.append("service-account-issuer should not be an empty string")
        elif issuer in issuers[:index]:
            faults.append(f"service-account-issuer {go_quote(issuer)} is already specified")
        elif ":" in issuer and not _is_url(issuer):
            faults.append(
                f"service-account-issuer {go_quote(issuer)} contained a ':' but was not a valid URL"
            )
    if "" in key_files:
        faults.append("--service-account-key-file must name a file")
    if "" in authentication.api_audiences:
        faults.append("--api-audiences must not hold an empty string")
    return faults


def _oidc_faults(authentication: AuthenticationOptions) -> list[str]:
    """Faults of the oidc settings that show without the file."""
    issuer = authentication.oidc_issuer_url
    faults = []
    if bool(issuer) != bool(authentication.oidc_client_id):
        faults.append("oidc-issuer-url and oidc-client-id must be specified together")
    if issuer and authentication.authentication_config:
        faults.append("authentication-config file and oidc-* flags are mutually exclusive")
    for claim in authentication.oidc_required_claim:
        if not claim.partition("=")[1] or not claim.partition("=")[0]:
            faults.append(f"--oidc-required-claim {go_quote(claim)} must be name=value")
    for algorithm in authentication.oidc_signing_algs:
        if algorithm not in _SIGNING_ALGORITHMS:
            faults.append(
                f"oidc: unsupported signing alg: {go_quote(algorithm)}; give some of "
                f"{', '.join(_SIGNING_ALGORITHMS)}"
            )
    if issuer and not authentication.oidc_signing_algs:
        faults.append("--oidc-signing-algs must not be empty")
    return faults


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme) and parts.port != 0
    except ValueError:  # also from the port
        return False


def _requestheader_faults(authentication: AuthenticationOptions) -> list[str]:
    """kube-apiserver's faults of the front proxy flags, and names that no header can have."""
    faults = []
    for name, values in (
        ("requestheader-username-headers", authentication.requestheader_username_headers),
        ("requestheader-uid-headers", authentication.requestheader_uid_headers),
        ("requestheader-group-headers", authentication.requestheader_group_headers),
        ("requestheader-extra-headers-prefix", authentication.requestheader_extra_headers_prefix),
        ("requestheader-allowed-names", authentication.requestheader_allowed_names),
    ):
        if any(not value.strip() for value in values):
            faults.append(f"empty value in {go_quote(name)}")
        elif name != "requestheader-allowed-names":
            faults += [
                f"--{name} {go_quote(value)} is not a valid header name; give letters, digits and "
                f"dashes, as in X-Remote-User"
                for value in values
                if not _HEADER_NAME.fullmatch(value)
            ]
    uid_headers = [value.lower() for value in authentication.requestheader_uid_headers]
    if uid_headers and "x-remote-uid" not in uid_headers:
        faults.append(
            "--requestheader-uid-headers is set without specifying the standard X-Remote-Uid "
            "header - API aggregation will not work"
        )
    return faults
