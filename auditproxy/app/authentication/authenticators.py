"""The authenticators that need no answer from elsewhere: of options and what their files say."""

from auditproxy.authentication.anonymous import AnonymousAuthenticator
from auditproxy.authentication.requestheader import (
    RequestHeaderAuthenticator,
    RequestHeaderConfig,
)
from auditproxy.authentication.x509.authenticator import X509Authenticator
from auditproxy.files.files import Files
from auditproxy.options import Options
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders


def describe_authentication(options: Options, files: Files) -> str:
    """The credentials that the proxy recognises, in the order in which they are checked."""
    authentication = options.authentication
    ways = (
        ("front proxies (--requestheader-client-ca-file)", files.front_proxy_authorities),
        ("client certificates (--client-ca-file)", files.client_authorities),
        ("static tokens (--token-auth-file)", files.token_file),
        (
            "service account tokens (--service-account-issuer)",
            authentication.service_account_issuer,
        ),
        ("tokens of issuers", files.trusted.issuers),
        ("tokens accepted by the webhook", files.token_webhook),
        ("tokens accepted by the API server", authentication.token_review),
    )
    known = [name for name, there in ways if there]
    rest = "anonymous" if anonymous_authenticator(options, files) else "refused"
    return f"clients are recognised by {', '.join(known) or 'nothing'}; others are {rest}"


def anonymous_authenticator(options: Options, files: Files) -> AnonymousAuthenticator | None:
    """The authenticator of requests without credentials, None where there are none."""
    anonymous = files.trusted.anonymous
    if anonymous is not None:
        return AnonymousAuthenticator(anonymous.paths) if anonymous.enabled else None
    return AnonymousAuthenticator() if options.authentication.anonymous_auth else None


def x509_authenticator(options: Options, files: Files) -> X509Authenticator | None:
    """The authenticator of client certificates, None without an authority for them."""
    if files.client_authorities is None:
        return None
    allowed = frozenset(options.authentication.client_ca_allowed_system_groups)
    return X509Authenticator(files.client_authorities, None if "*" in allowed else allowed)


def request_header_authenticator(
    options: Options, files: Files
) -> RequestHeaderAuthenticator | None:
    """The authenticator of front proxies, None without an authority for them."""
    if files.front_proxy_authorities is None:
        return None
    authentication = options.authentication
    return RequestHeaderAuthenticator(
        files.front_proxy_authorities,
        RequestHeaderConfig(
            allowed_names=frozenset(authentication.requestheader_allowed_names),
            username_headers=authentication.requestheader_username_headers,
            uid_headers=authentication.requestheader_uid_headers,
            group_headers=authentication.requestheader_group_headers,
            extra_prefixes=authentication.requestheader_extra_headers_prefix,
        ),
    )


def front_proxy_headers(options: Options) -> FrontProxyHeaders:
    """The headers that only a front proxy may send; they are left behind like X-Remote-*."""
    authentication = options.authentication
    if not authentication.requestheader_client_ca_file:
        return NO_FRONT_PROXY
    return FrontProxyHeaders.of(
        (
            *authentication.requestheader_username_headers,
            *authentication.requestheader_uid_headers,
            *authentication.requestheader_group_headers,
        ),
        authentication.requestheader_extra_headers_prefix,
    )
