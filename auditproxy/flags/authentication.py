"""The flags that say how a client proves who it is."""

from auditproxy.flags.pflag import BOOL, DURATION, LIST, STRING
from auditproxy.flags.settings import setting

AUTHENTICATION_SETTINGS = (
    setting(
        "authentication.client_ca_file",
        "client-ca-file",
        STRING,
        "PEM bundle of authorities. A client with a certificate of one of them is the user of its "
        "common name, in the groups of its organizations.",
        is_path=True,
    ),
    setting(
        "authentication.client_ca_allowed_system_groups",
        "client-ca-allowed-system-groups",
        LIST,
        "Groups of Kubernetes' own that a client certificate may have. Given, a certificate for "
        "another group or any user beginning with system: is refused; * allows all, as "
        "kube-apiserver does.",
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
        "Issuers of the service account tokens that the proxy checks itself. May be repeated.",
    ),
    setting(
        "authentication.service_account_key_file",
        "service-account-key-file",
        LIST,
        "PEM files of public keys that service account tokens are checked with. May be repeated.",
        is_path=True,
    ),
    setting(
        "authentication.service_account_jwks_uri",
        "service-account-jwks-uri",
        STRING,
        "URL, https only, where the public keys of the service account issuers are published. "
        "Without it and without --service-account-key-file the kube-apiserver is asked for them.",
    ),
    setting(
        "authentication.service_account_lookup",
        "service-account-lookup",
        BOOL,
        "Have the kube-apiserver confirm service account tokens that are good by their keys, so "
        "that a token ends with its service account, pod, node or secret. False trusts a token "
        "until it expires.",
    ),
    setting(
        "authentication.api_audiences",
        "api-audiences",
        LIST,
        "Audiences, one of which a service account token, or one that a token webhook knows, must "
        "be for. Empty means the issuers.",
    ),
    setting(
        "authentication.anonymous_auth",
        "anonymous-auth",
        BOOL,
        "Let requests without credentials pass as system:anonymous in the group "
        "system:unauthenticated, instead of answering 401.",
    ),
    setting(
        "authentication.token_review",
        "authentication-token-review",
        BOOL,
        "Ask the kube-apiserver whose a bearer token is: with a TokenReview, or with a "
        "SelfSubjectReview and the client's own token where the proxy may not review tokens.",
    ),
    setting(
        "authentication.token_review_cache_success_ttl",
        "authentication-token-review-cache-success-ttl",
        DURATION,
        "How long it is remembered whom a token stands for, whoever knew it, though never beyond "
        "the token's end. 0s asks every time.",
    ),
    setting(
        "authentication.token_review_cache_failure_ttl",
        "authentication-token-review-cache-failure-ttl",
        DURATION,
        "How long it is remembered that a token was refused. 0s asks every time.",
    ),
    setting(
        "authentication.token_webhook_config_file",
        "authentication-token-webhook-config-file",
        STRING,
        "Kubeconfig of a webhook that is asked, with a TokenReview, whose a bearer token is. Tried "
        "before the kube-apiserver is asked.",
        is_path=True,
    ),
    setting(
        "authentication.token_webhook_version",
        "authentication-token-webhook-version",
        STRING,
        "Version of authentication.k8s.io in which the token webhook is asked: v1 or v1beta1.",
    ),
    setting(
        "authentication.token_webhook_cache_ttl",
        "authentication-token-webhook-cache-ttl",
        DURATION,
        "How long the token webhook's answers are remembered, good and bad alike, but no failures "
        "to get one. 0s asks every time.",
    ),
    setting(
        "authentication.authentication_config",
        "authentication-config",
        STRING,
        "AuthenticationConfiguration file of apiserver.config.k8s.io: issuers whose tokens are "
        "believed, with their rules, and where anonymous requests may go. Excludes the oidc flags.",
        is_path=True,
    ),
    setting(
        "authentication.oidc_issuer_url",
        "oidc-issuer-url",
        STRING,
        "URL of the OpenID issuer, https only. Its tokens are believed.",
    ),
    setting(
        "authentication.oidc_client_id",
        "oidc-client-id",
        STRING,
        "Client ID that the issuer's tokens must be for. Must be given with --oidc-issuer-url.",
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
        "Claim that is the username. It should be unique and never reused.",
    ),
    setting(
        "authentication.oidc_username_prefix",
        "oidc-username-prefix",
        STRING,
        "What is put before usernames. Empty means the issuer's URL and #, or nothing where the "
        "claim is email; - means nothing.",
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
        "What is put before groups.",
    ),
    setting(
        "authentication.oidc_signing_algs",
        "oidc-signing-algs",
        LIST,
        "Algorithms that the issuer's tokens may be signed with: RS256, RS384, RS512, ES256, "
        "ES384, ES512, PS256, PS384, PS512.",
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
        "PEM bundle of authorities of front proxies. A client with a certificate of one of them "
        "names the user in headers, which nobody else can. Tried before every other way to log in.",
        is_path=True,
    ),
    setting(
        "authentication.requestheader_allowed_names",
        "requestheader-allowed-names",
        LIST,
        "Common names that a front proxy's certificate may have. Empty means that every "
        "certificate of --requestheader-client-ca-file will do.",
    ),
    setting(
        "authentication.requestheader_username_headers",
        "requestheader-username-headers",
        LIST,
        "Headers in which a front proxy names the user; the first that has a value counts. "
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
