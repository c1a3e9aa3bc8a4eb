"""Faults of the settings of authentication: one way to log in must be left."""

from typing import Any

import pytest

from auditproxy.options.authentication import AuthenticationOptions
from auditproxy.options.authenticationfaults import authentication_faults


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"anonymous_auth": False, "token_review": False},
            "no client could log in: --anonymous-auth and --authentication-token-review are false "
            "and none of --client-ca-file, --token-auth-file, --service-account-key-file and "
            "--authentication-token-webhook-config-file is given; allow one of them",
        ),
        (
            {"token_review_cache_success_ttl": -1},
            "--authentication-token-review-cache-success-ttl can't be negative; "
            "0s disables this cache",
        ),
        (
            {"token_review_cache_failure_ttl": -1},
            "--authentication-token-review-cache-failure-ttl can't be negative; "
            "0s disables this cache",
        ),
        (
            {"token_webhook_cache_ttl": -1},
            "--authentication-token-webhook-cache-ttl can't be negative; 0s disables this cache",
        ),
        (
            {"token_webhook_version": "v2"},
            "--authentication-token-webhook-version: unsupported authentication webhook version "
            '"v2", supported versions are "v1", "v1beta1"',
        ),
        (
            {"client_ca_allowed_system_groups": ("system:nodes", "masters")},
            '--client-ca-allowed-system-groups "masters" is not one of Kubernetes\' own groups; '
            'give groups that begin with "system:", or * for all',
        ),
        (
            {"requestheader_username_headers": ("X-Remote-User", " ")},
            'empty value in "requestheader-username-headers"',
        ),
        ({"requestheader_allowed_names": ("",)}, 'empty value in "requestheader-allowed-names"'),
        (
            {"requestheader_uid_headers": ("X-Uid",)},
            "--requestheader-uid-headers is set without specifying the standard X-Remote-Uid "
            "header - API aggregation will not work",
        ),
        (
            {"requestheader_group_headers": ("X_Remote_Group",)},
            '--requestheader-group-headers "X_Remote_Group" is not a valid header name; '
            "give letters, digits and dashes, as in X-Remote-User",
        ),
    ],
)
def test_authentication_faults(fields: dict[str, Any], fault: str) -> None:
    """Settings under which nobody could log in are a fault, too."""
    assert authentication_faults(AuthenticationOptions(**fields)) == [fault]


@pytest.mark.parametrize(
    "given_file",
    [
        "client_ca_file",
        "token_auth_file",
        "requestheader_client_ca_file",
        "token_webhook_config_file",
    ],
)
def test_one_way_to_log_in_is_enough(given_file: str) -> None:
    """Anonymous access and reviews may both be off when there is another way."""
    given: dict[str, Any] = {given_file: "some-file"}
    sound = AuthenticationOptions(anonymous_auth=False, token_review=False, **given)
    assert authentication_faults(sound) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"service_account_key_file": ("k",)},
            "service-account-issuer is a required flag with --service-account-key-file",
        ),
        (
            {"service_account_jwks_uri": "https://i/keys"},
            "--service-account-jwks-uri has no effect without --service-account-issuer",
        ),
        (
            {"service_account_issuer": ("https://i",), "service_account_jwks_uri": "http://i/k"},
            "service-account-jwks-uri requires https scheme",
        ),
        (
            {
                "service_account_issuer": ("https://i",),
                "service_account_jwks_uri": "https://i/k",
                "service_account_key_file": ("k",),
            },
            "--service-account-jwks-uri and --service-account-key-file both set the source of the "
            "keys; give only one",
        ),
        (
            {"api_audiences": ("a",)},
            "--api-audiences has no effect without --service-account-issuer or "
            "--authentication-token-webhook-config-file",
        ),
        (
            {"service_account_key_file": ("k",), "service_account_issuer": ("",)},
            "service-account-issuer should not be an empty string",
        ),
        (
            {"service_account_key_file": ("k",), "service_account_issuer": ("a", "a")},
            'service-account-issuer "a" is already specified',
        ),
        (
            {
                "service_account_key_file": ("k",),
                "service_account_issuer": ("http://[::1]:namedport",),
            },
            "service-account-issuer \"http://[::1]:namedport\" contained a ':' but was not a "
            "valid URL",
        ),
        (
            {
                "service_account_key_file": ("k",),
                "service_account_issuer": ("a",),
                "token_review": False,
            },
            "--service-account-lookup needs --authentication-token-review, which is false: allow "
            "reviews, or give --service-account-lookup=false and trust a token until it expires",
        ),
        (
            {"service_account_key_file": ("",), "service_account_issuer": ("a",)},
            "--service-account-key-file must name a file",
        ),
        (
            {
                "service_account_key_file": ("k",),
                "service_account_issuer": ("a",),
                "api_audiences": ("",),
            },
            "--api-audiences must not hold an empty string",
        ),
    ],
)
def test_service_account_faults(fields: dict[str, Any], fault: str) -> None:
    """Issuers and keys come together, and each says something."""
    assert authentication_faults(AuthenticationOptions(**fields)) == [fault]
