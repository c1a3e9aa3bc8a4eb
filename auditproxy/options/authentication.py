"""How a client proves who it is."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND

WEBHOOK_VERSIONS = ("v1", "v1beta1")

_SIGNING_ALGORITHMS = tuple(
    f"{kind}{bits}" for kind in ("RS", "ES", "PS") for bits in (256, 384, 512)
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationOptions:
    """How a client proves who it is."""

    client_ca_file: str = ""
    """PEM bundle of the authorities that sign client certificates, or ""."""
    client_ca_allowed_system_groups: tuple[str, ...] = ("*",)
    """Groups beginning with ``system:`` that a client certificate may have; ``*`` allows all, and
    usernames that begin so, too."""
    token_auth_file: str = ""
    """CSV file of static bearer tokens, or ""."""
    service_account_issuer: tuple[str, ...] = ()
    """Issuers of the service account tokens that the proxy checks itself."""
    service_account_key_file: tuple[str, ...] = ()
    """PEM files of the public keys that these tokens are checked with."""
    service_account_jwks_uri: str = ""
    """Where their public keys are published; "" and no file: they are the upstream's own."""
    service_account_lookup: bool = True
    """Whether the upstream confirms these tokens, so that those of deleted objects are refused."""
    api_audiences: tuple[str, ...] = ()
    """Audiences that a token may be for; () stands for the issuers."""
    anonymous_auth: bool = True
    """Whether a request without credentials is system:anonymous instead of a 401."""
    token_review: bool = True
    """Whether the upstream is asked whose a bearer token is."""
    token_review_cache_success_ttl: int = 10 * SECOND
    """Nanoseconds for which a token that the upstream knows is not asked about again."""
    token_review_cache_failure_ttl: int = 10 * SECOND
    """Nanoseconds for which a token that the upstream refused is not asked about again."""
    token_webhook_config_file: str = ""
    """Kubeconfig of a webhook that is asked whose a bearer token is, or ""."""
    token_webhook_version: str = "v1beta1"  # noqa: S105 - a version
    """Version of the TokenReviews that it is asked with."""
    token_webhook_cache_ttl: int = 120 * SECOND
    """Nanoseconds for which an answer of the webhook is remembered, whatever it was."""
    authentication_config: str = ""
    """AuthenticationConfiguration file, or ""."""
    oidc_issuer_url: str = ""
    """The one issuer of the oidc settings, or ""."""
    oidc_client_id: str = ""
    """The audience that its tokens must be for."""
    oidc_ca_file: str = ""
    """PEM bundle of the authorities of its server, or "" for the system's."""
    oidc_username_claim: str = "sub"
    """The claim that is the username."""
    oidc_username_prefix: str = ""
    """What is put before usernames: "" is the issuer and ``#`` (nothing for the claim ``email``),
    ``-`` is nothing."""
    oidc_groups_claim: str = ""
    """The claim with the groups, or ""."""
    oidc_groups_prefix: str = ""
    """What is put before groups."""
    oidc_required_claim: tuple[str, ...] = ()
    """Claims that a token must have, each ``name=value``."""
    oidc_signing_algs: tuple[str, ...] = ("RS256",)
    """Algorithms that its tokens may be signed with."""
    requestheader_client_ca_file: str = ""
    """PEM bundle of the authorities that sign certificates of front proxies, or ""."""
    requestheader_allowed_names: tuple[str, ...] = ()
    """Common names that a front proxy's certificate may have; () is any."""
    requestheader_username_headers: tuple[str, ...] = ()
    """Headers that name the user; the first with a value counts."""
    requestheader_uid_headers: tuple[str, ...] = ()
    """Headers with the user's uid; the first with a value counts."""
    requestheader_group_headers: tuple[str, ...] = ()
    """Headers with the user's groups; all values count."""
    requestheader_extra_headers_prefix: tuple[str, ...] = ()
    """Prefixes of headers with the user's extra fields."""

    def audiences(self) -> tuple[str, ...]:
        """Whom a token must be for: --api-audiences, else the issuers."""
        return self.api_audiences or self.service_account_issuer


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
            "nobody could log in: --anonymous-auth and --authentication-token-review are false "
            "and none of --client-ca-file, --token-auth-file, --service-account-key-file and "
            "--authentication-token-webhook-config-file is given; allow one of them"
        )
    faults += _service_account_faults(authentication)
    faults += _oidc_faults(authentication)
    for group in authentication.client_ca_allowed_system_groups:
        if group != "*" and not group.startswith("system:"):
            faults.append(
                f"--client-ca-allowed-system-groups {go_quote(group)} is no group of Kubernetes' "
                'own; give groups that begin with "system:", or * for all'
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
                f"--authentication-token-{kind}-ttl can't be negative; 0s turns this cache off"
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
                "--service-account-jwks-uri and --service-account-key-file both say where the keys "
                "are; give one of them"
            )
        if not issuers:
            faults.append(
                "--service-account-jwks-uri does nothing without --service-account-issuer"
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
            "--api-audiences does nothing without --service-account-issuer or "
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
                f"--{name} {go_quote(value)} is no name of a header; "
                "give letters, digits and dashes, as in X-Remote-User"
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
