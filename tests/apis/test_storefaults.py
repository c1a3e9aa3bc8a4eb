"""What an error of the store's library is said as."""

import pytest

from auditproxy.apis.storefaults import store_fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Server returned non-2xx status code: 403 Forbidden: <Message>x</Message>", "the store answered 403"),
        ("error sending request for url (http://169.254.169.254/latest/api/token)", "no credentials for the store"),
        ("Generic S3 error: source: MissingSecretAccessKey", "no credentials for the store"),
        ("HttpError { kind: Connect, source: x }", "no connection to the store"),
        ("HttpError { kind: Timeout, source: x }", "the store did not answer in time"),
        ("HttpError { kind: Decode, source: x }", "the request failed"),
        ("key=secret", "the request failed"),
        ("", "the request failed"),
    ],
)  # fmt: skip
def test_words_of_ours(text: str, said: str) -> None:
    """Nothing of what the store or the environment has."""
    assert store_fault(text) == said
