"""The flags that say how a client proves who it is."""

from auditproxy.flags.pflag import BOOL, DURATION, LIST, STRING
from auditproxy.flags.settings import setting

AUTHENTICATION_SETTINGS = (
    setting(
        "authentication.client_ca_file",
        "client-ca-file",
        STRING,
        "PEM bundle of authorities. A client with a certificate from one of them is authenticated "
        "as the user of its common name, in the groups of its organizations.",
        is_path=True,
    ),
    setting(
        "authentication.client_ca_allowed_system_groups",
        "client-ca-allowed-system-groups",
        LIST,
        "Kubernetes' own groups (system:...) that client certificates may name. If given, "
        "certificates with any other such group, or with a user that begins with system:, are "
        "refused; * allows all, as kube-apiserver does.",
    ),
    setting(
        "authentication.token_auth_file",
        "token-auth-file",
        STRING,
        'CSV file of static bearer tokens: token,user,uid,"group1,group2".',
        is_path=True,
    ),
    setting(
        "authentication.service_account_issuer",
        "service-account-issuer",
        LIST,
        "Issuers of service account tokens that the proxy verifies itself. May be repeated.",
    ),
    setting(
        "authentication.service_account_key_file",
        "service-account-key-file",
        LIST,
        "PEM files with public keys that verify service account tokens. May be repeated.",
        is_path=True,
    ),
    setting(
        "authentication.service_account_jwks_uri",
        "service-account-jwks-uri",
        STRING,
        "URL, https only, of the service account issuers' public keys. Without it and without "
        "--service-account-key-file the keys come from the kube-apiserver.",
    ),
    setting(
        "authentication.service_account_lookup",
        "service-account-lookup",
        BOOL,
        "Confirm each verified service account token with the kube-apiserver, so that a token ends "
        "with its service account, pod, node or secret. False accepts a token until it expires.",
    ),
    setting(
        "authentication.api_audiences",
        "api-audiences",
        LIST,
        "Accepted audiences of service account tokens and of tokens that a token webhook knows; a "
        "token must have one of them. Empty means the issuers.",
    ),
    setting(
        "authentication.anonymous_auth",
        "anonymous-auth",
        BOOL,
        "Allow requests without credentials as system:anonymous in the group "
        "system:unauthenticated, instead of answering 401.",
    ),
    setting(
        "authentication.token_review",
        "authentication-token-review",
        BOOL,
        "Have the kube-apiserver authenticate bearer tokens: with a TokenReview, or with a "
        "SelfSubjectReview and the client's own token where the proxy may not review tokens.",
    ),
    setting(
        "authentication.token_review_cache_success_ttl",
        "authentication-token-review-cache-success-ttl",
        DURATION,
        "How long an accepted token is cached, from whichever authenticator, but never beyond its "
        "expiry. 0s disables the cache.",
    ),
    setting(
        "authentication.token_review_cache_failure_ttl",
        "authentication-token-review-cache-failure-ttl",
        DURATION,
        "How long a refused token is cached. 0s disables the cache.",
    ),
    setting(
        "authentication.token_webhook_config_file",
        "authentication-token-webhook-config-file",
        STRING,
        "Kubeconfig of a webhook that authenticates bearer tokens with a TokenReview. Tried before "
        "the kube-apiserver.",
        is_path=True,
    ),
    setting(
        "authentication.token_webhook_version",
        "authentication-token-webhook-version",
        STRING,
        "Version of authentication.k8s.io for TokenReviews to the webhook: v1 or v1beta1.",
    ),
    setting(
        "authentication.token_webhook_cache_ttl",
        "authentication-token-webhook-cache-ttl",
        DURATION,
        "How long the token webhook's answers are cached, accepted and refused tokens alike; "
        "failed requests are not cached. 0s disables the cache.",
    ),
    setting(
        "authentication.authentication_config",
        "authentication-config",
        STRING,
        "AuthenticationConfiguration file of apiserver.config.k8s.io: the issuers whose tokens are "
        "accepted, with their rules, and the paths open to anonymous requests. Excludes the oidc "
        "flags.",
        is_path=True,
    ),
    setting(
        "authentication.oidc_issuer_url",
        "oidc-issuer-url",
        STRING,
        "URL of the OpenID issuer, https only. Tokens from this issuer are accepted.",
    ),
    setting(
        "authentication.oidc_client_id",
        "oidc-client-id",
        STRING,
        "Client ID that must be in the audience of the issuer's tokens. Required with "
        "--oidc-issuer-url.",
    ),
    setting(
        "authentication.oidc_ca_file",
        "oidc-ca-file",
        STRING,
        "PEM bundle of authorities of the issuer's server. Empty means the system's.",
        is_path=True,
    ),
    setting(
        "authentication.oidc_username_claim",
        "oidc-username-claim",
        STRING,
        "Claim to use as the username. It should be unique and never reused.",
    ),
    setting(
        "authentication.oidc_username_prefix",
        "oidc-username-prefix",
        STRING,
        "Prefix of usernames. Empty means the issuer's URL and #, or no prefix if the claim is "
        "email; - means no prefix.",
    ),
    setting(
        "authentication.oidc_groups_claim",
        "oidc-groups-claim",
        STRING,
        "Claim with the user's groups: a string or a list of strings.",
    ),
    setting(
        "authentication.oidc_groups_prefix",
        "oidc-groups-prefix",
        STRING,
        "Prefix of groups.",
    ),
    setting(
        "authentication.oidc_signing_algs",
        "oidc-signing-algs",
        LIST,
        "Accepted signature algorithms of the issuer's tokens: RS256, RS384, RS512, ES256, ES384, "
        "ES512, PS256, PS384, PS512.",
    ),
    setting(
        "authentication.oidc_required_claim",
        "oidc-required-claim",
        LIST,
        "Claim that a token must have, as name=value. May be repeated.",
    ),
    setting(
        "authentication.requestheader_client_ca_file",
        "requestheader-client-ca-file",
        STRING,
        "PEM bundle of authorities of front proxies. A client with a certificate from one of them "
        "names the user in headers; from other clients these headers are ignored. Tried before all "
        "other authenticators.",
        is_path=True,
    ),
    setting(
        "authentication.requestheader_allowed_names",
        "requestheader-allowed-names",
        LIST,
        "Common names that a front proxy's certificate may have. Empty accepts every certificate "
        "of --requestheader-client-ca-file.",
    ),
    setting(
        "authentication.requestheader_username_headers",
        "requestheader-username-headers",
        LIST,
        "Headers in which a front proxy names the user; the first one with a value is used. "
        "X-Remote-User is common.",
    ),
    setting(
        "authentication.requestheader_uid_headers",
        "requestheader-uid-headers",
        LIST,
        "Headers in which a front proxy gives the user's uid. X-Remote-Uid must be one of them.",
    ),
    setting(
        "authentication.requestheader_group_headers",
        "requestheader-group-headers",
        LIST,
        "Headers in which a front proxy gives the user's groups, one a line. X-Remote-Group is "
        "common.",
    ),
    setting(
        "authentication.requestheader_extra_headers_prefix",
        "requestheader-extra-headers-prefix",
        LIST,
        "Prefixes of headers in which a front proxy gives extra fields of the user. "
        "X-Remote-Extra- is common.",
    ),
)
"""In the order of help and documentation."""
