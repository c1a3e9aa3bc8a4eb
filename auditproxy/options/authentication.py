"""How a client proves who it is."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.units import SECOND
from auditproxy.options.declared import Declared

WEBHOOK_VERSIONS = ("v1", "v1beta1")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationOptions:
    """How a client proves who it is."""

    client_ca_file: Annotated[
        str,
        Declared(
            "client-ca-file",
            "path",
            "PEM bundle of authorities. A client with a certificate from one of them is "
            "authenticated as the user of its common name, in the groups of its organizations.",
        ),
    ] = ""
    client_ca_allowed_system_groups: Annotated[
        tuple[str, ...],
        Declared(
            "client-ca-allowed-system-groups",
            "strings",
            "Kubernetes' own groups (system:...) that client certificates may name. If given, "
            "certificates with any other such group, or with a user that begins with system:, "
            "are refused; * allows all, as kube-apiserver does.",
        ),
    ] = ("*",)
    token_auth_file: Annotated[
        str,
        Declared(
            "token-auth-file",
            "path",
            'CSV file of static bearer tokens: token,user,uid,"group1,group2".',
        ),
    ] = ""
    service_account_issuer: Annotated[
        tuple[str, ...],
        Declared(
            "service-account-issuer",
            "strings",
            "Issuers of service account tokens that the proxy verifies itself. May be repeated.",
        ),
    ] = ()
    service_account_key_file: Annotated[
        tuple[str, ...],
        Declared(
            "service-account-key-file",
            "paths",
            "PEM files with public keys that verify service account tokens. May be repeated.",
        ),
    ] = ()
    service_account_jwks_uri: Annotated[
        str,
        Declared(
            "service-account-jwks-uri",
            "string",
            "URL, https only, of the service account issuers' public keys. Without it and "
            "without --service-account-key-file the keys come from the kube-apiserver.",
        ),
    ] = ""
    service_account_lookup: Annotated[
        bool,
        Declared(
            "service-account-lookup",
            "bool",
            "Confirm each verified service account token with the kube-apiserver, so that a "
            "token ends with its service account, pod, node or secret. False accepts a token "
            "until it expires.",
        ),
    ] = True
    api_audiences: Annotated[
        tuple[str, ...],
        Declared(
            "api-audiences",
            "strings",
            "Accepted audiences of service account tokens and of tokens that a token webhook "
            "knows; a token must have one of them. Empty means the issuers.",
        ),
    ] = ()
    anonymous_auth: Annotated[
        bool,
        Declared(
            "anonymous-auth",
            "bool",
            "Allow requests without credentials as system:anonymous in the group "
            "system:unauthenticated, instead of answering 401.",
        ),
    ] = True
    token_review: Annotated[
        bool,
        Declared(
            "authentication-token-review",
            "bool",
            "Have the kube-apiserver authenticate bearer tokens: with a TokenReview, or with a "
            "SelfSubjectReview and the client's own token where the proxy may not review tokens.",
        ),
    ] = True
    token_review_cache_success_ttl: Annotated[
        int,
        Declared(
            "authentication-token-review-cache-success-ttl",
            "duration",
            "How long an accepted token is cached, from whichever authenticator, but never "
            "beyond its expiry. 0s disables the cache.",
        ),
    ] = 10 * SECOND
    token_review_cache_failure_ttl: Annotated[
        int,
        Declared(
            "authentication-token-review-cache-failure-ttl",
            "duration",
            "How long a refused token is cached. 0s disables the cache.",
        ),
    ] = 10 * SECOND
    token_webhook_config_file: Annotated[
        str,
        Declared(
            "authentication-token-webhook-config-file",
            "path",
            "Kubeconfig of a webhook that authenticates bearer tokens with a TokenReview. Tried "
            "before the kube-apiserver.",
        ),
    ] = ""
    token_webhook_version: Annotated[
        str,
        Declared(
            "authentication-token-webhook-version",
            "string",
            "Version of authentication.k8s.io for TokenReviews to the webhook: v1 or v1beta1.",
            choices=WEBHOOK_VERSIONS,
        ),
    ] = "v1beta1"  # noqa: S105 - a version
    """One of WEBHOOK_VERSIONS."""
    token_webhook_cache_ttl: Annotated[
        int,
        Declared(
            "authentication-token-webhook-cache-ttl",
            "duration",
            "How long the token webhook's answers are cached, accepted and refused tokens alike; "
            "failed requests are not cached. 0s disables the cache.",
        ),
    ] = 120 * SECOND
    authentication_config: Annotated[
        str,
        Declared(
            "authentication-config",
            "path",
            "AuthenticationConfiguration file of apiserver.config.k8s.io: the issuers whose "
            "tokens are accepted, with their rules, and the paths open to anonymous requests. "
            "Excludes the oidc flags.",
        ),
    ] = ""
    oidc_issuer_url: Annotated[
        str,
        Declared(
            "oidc-issuer-url",
            "string",
            "URL of the OpenID issuer, https only. Tokens from this issuer are accepted.",
        ),
    ] = ""
    oidc_client_id: Annotated[
        str,
        Declared(
            "oidc-client-id",
            "string",
            "Client ID that must be in the audience of the issuer's tokens. Required with "
            "--oidc-issuer-url.",
        ),
    ] = ""
    oidc_ca_file: Annotated[
        str,
        Declared(
            "oidc-ca-file",
            "path",
            "PEM bundle of authorities of the issuer's server. Empty means the system's.",
        ),
    ] = ""
    oidc_username_claim: Annotated[
        str,
        Declared(
            "oidc-username-claim",
            "string",
            "Claim to use as the username. It should be unique and never reused.",
        ),
    ] = "sub"
    oidc_username_prefix: Annotated[
        str,
        Declared(
            "oidc-username-prefix",
            "string",
            "Prefix of usernames. Empty means the issuer's URL and #, or no prefix if the claim "
            "is email; - means no prefix.",
        ),
    ] = ""
    oidc_groups_claim: Annotated[
        str,
        Declared(
            "oidc-groups-claim",
            "string",
            "Claim with the user's groups: a string or a list of strings.",
        ),
    ] = ""
    oidc_groups_prefix: Annotated[
        str, Declared("oidc-groups-prefix", "string", "Prefix of groups.")
    ] = ""
    oidc_signing_algs: Annotated[
        tuple[str, ...],
        Declared(
            "oidc-signing-algs",
            "strings",
            "Accepted signature algorithms of the issuer's tokens: RS256, RS384, RS512, ES256, "
            "ES384, ES512, PS256, PS384, PS512.",
        ),
    ] = ("RS256",)
    oidc_required_claim: Annotated[
        tuple[str, ...],
        Declared(
            "oidc-required-claim",
            "strings",
            "Claim that a token must have, as name=value. May be repeated.",
        ),
    ] = ()
    requestheader_client_ca_file: Annotated[
        str,
        Declared(
            "requestheader-client-ca-file",
            "path",
            "PEM bundle of authorities of front proxies. A client with a certificate from one of "
            "them names the user in headers; from other clients these headers are ignored. Tried "
            "before all other authenticators.",
        ),
    ] = ""
    requestheader_allowed_names: Annotated[
        tuple[str, ...],
        Declared(
            "requestheader-allowed-names",
            "strings",
            "Common names that a front proxy's certificate may have. Empty accepts every "
            "certificate of --requestheader-client-ca-file.",
        ),
    ] = ()
    requestheader_username_headers: Annotated[
        tuple[str, ...],
        Declared(
            "requestheader-username-headers",
            "strings",
            "Headers in which a front proxy names the user; the first one with a value is used. "
            "X-Remote-User is common.",
        ),
    ] = ()
    requestheader_uid_headers: Annotated[
        tuple[str, ...],
        Declared(
            "requestheader-uid-headers",
            "strings",
            "Headers in which a front proxy gives the user's uid. X-Remote-Uid must be one of "
            "them.",
        ),
    ] = ()
    requestheader_group_headers: Annotated[
        tuple[str, ...],
        Declared(
            "requestheader-group-headers",
            "strings",
            "Headers in which a front proxy gives the user's groups, one a line. X-Remote-Group "
            "is common.",
        ),
    ] = ()
    requestheader_extra_headers_prefix: Annotated[
        tuple[str, ...],
        Declared(
            "requestheader-extra-headers-prefix",
            "strings",
            "Prefixes of headers in which a front proxy gives extra fields of the user. "
            "X-Remote-Extra- is common.",
        ),
    ] = ()

    def audiences(self) -> tuple[str, ...]:
        """The audiences of which a token must have one: --api-audiences, else the issuers."""
        return self.api_audiences or self.service_account_issuer
