"""How a client proves who it is."""

from dataclasses import dataclass

from auditproxy.options.values import SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationOptions:
    """How a client proves who it is."""

    client_ca_file: str = ""
    """PEM bundle of the authorities that sign client certificates, or ""."""
    token_auth_file: str = ""
    """CSV file of static bearer tokens, or ""."""
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
        or authentication.token_review
        or authentication.anonymous_auth
    ):
        faults.append(
            "nobody could log in: --anonymous-auth and --authentication-token-review are false "
            "and neither --client-ca-file nor --token-auth-file is given; allow one of them"
        )
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
