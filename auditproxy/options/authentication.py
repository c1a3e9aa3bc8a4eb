"""How a client proves who it is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from auditproxy.options.values import SECOND, quote


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationOptions:
    """How a client proves who it is."""

    client_ca_file: str = ""
    """PEM bundle of the authorities that sign client certificates, or ""."""
    token_auth_file: str = ""
    """CSV file of static bearer tokens, or ""."""
    service_account_issuer: tuple[str, ...] = ()
    """Issuers of the service account tokens that the proxy checks itself."""
    service_account_key_file: tuple[str, ...] = ()
    """PEM files of the public keys that these tokens are checked with."""
    api_audiences: tuple[str, ...] = ()
    """Audiences that such a token may be for; () stands for the issuers."""
    anonymous_auth: bool = True
    """Whether a request without credentials is system:anonymous instead of a 401."""
    token_review: bool = True
    """Whether the upstream is asked whose a bearer token is."""
    token_review_cache_success_ttl: int = 10 * SECOND
    """Nanoseconds for which a token that the upstream knows is not asked about again."""
    token_review_cache_failure_ttl: int = 10 * SECOND
    """Nanoseconds for which a token that the upstream refused is not asked about again."""


def authentication_faults(authentication: AuthenticationOptions) -> list[str]:
    """Faults of the settings of authentication."""
    faults = []
    if not (
        authentication.client_ca_file
        or authentication.token_auth_file
        or authentication.service_account_key_file
        or authentication.token_review
        or authentication.anonymous_auth
    ):
        faults.append(
            "nobody could log in: --anonymous-auth and --authentication-token-review are false "
            "and none of --client-ca-file, --token-auth-file and --service-account-key-file is "
            "given; allow one of them"
        )
    faults += _service_account_faults(authentication)
    for kind, ttl in (
        ("success", authentication.token_review_cache_success_ttl),
        ("failure", authentication.token_review_cache_failure_ttl),
    ):
        if ttl < 0:
            faults.append(
                f"--authentication-token-review-cache-{kind}-ttl can't be negative; "
                "0s turns this cache off"
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
    if issuers and not key_files:
        faults.append("--service-account-issuer does nothing without --service-account-key-file")
    if authentication.api_audiences and not key_files:
        faults.append("--api-audiences does nothing without --service-account-key-file")
    for index, issuer in enumerate(issuers):
        if not issuer:
            faults.append("service-account-issuer should not be an empty string")
        elif issuer in issuers[:index]:
            faults.append(f"service-account-issuer {quote(issuer)} is already specified")
        elif ":" in issuer and not _is_url(issuer):
            faults.append(
                f"service-account-issuer {quote(issuer)} contained a ':' but was not a valid URL"
            )
    if "" in key_files:
        faults.append("--service-account-key-file must name a file")
    if "" in authentication.api_audiences:
        faults.append("--api-audiences must not hold an empty string")
    return faults


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme) and parts.port != 0
    except ValueError:  # also from the port
        return False
