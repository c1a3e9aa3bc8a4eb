"""Reading a file of destinations: strict, all faults at once, no secrets in it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.destinations import (
    Connection,
    Destination,
    DestinationsError,
    load_destinations,
    url_fault,
)

HEAD = "apiVersion: auditproxy.io/v1alpha1\nkind: AlertDestinations\n"


def faults(text: str) -> tuple[str, ...]:
    """The faults of a file that lacks only its version and kind."""
    with pytest.raises(DestinationsError) as caught:
        load_destinations((HEAD + text).encode())
    return caught.value.faults


def test_all_kinds() -> None:
    """Each has its settings."""
    found = load_destinations(
        (
            HEAD + "labels: {cluster: c1}\ndestinations:\n"
            "- name: am\n  alertmanager:\n    urls: ['https://am/prefix']\n    caFile: ca\n"
            "    basicAuth: {username: u, passwordFile: p}\n"
            "- {name: slack, minimumSeverity: high, sendResolved: true, slack: {urlFile: s}}\n"
            "- {name: hook, webhook: {urlFile: w, template: {text: '{{ line }}'}}}\n"
            "- {name: err, standardError: {}}\n"
        ).encode()
    )
    assert found.labels == {"cluster": "c1"}
    manager, slack, hook, error = found.destinations
    assert manager == Destination(
        name="am",
        kind="alertmanager",
        urls=("https://am/prefix",),
        connection=Connection(ca_file="ca", username="u", password_file="p"),
    )
    assert (slack.minimum_severity, slack.send_resolved, slack.url_file) == ("high", True, "s")
    assert hook.message is not None
    assert error.kind == "standardError"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "destinations: must have 1 to 20"),
        ("x: 1", 'unknown field "x"'),
        ("destinations: [{}]", "destinations[0].name: must be letters, digits and ._-; is missing"),
        ("destinations: [{name: a}]", "webhook, slack, standardError; has none"),
        (
            "destinations: [{name: a, slack: {}, webhook: {}}]",
            "standardError; has webhook and slack",
        ),
        ("destinations: [{name: a, slack: {}}]", "slack.urlFile: must be the path"),
        ("destinations: [{name: a, slack: {url: x}}]", "slack.url: is a secret, and no field"),
        ("labels: {n: x}", 'the key n is false in YAML, and not text; write "n"'),
        ("destinations: [{name: a, alertmanager: {}}]", "alertmanager.urls: must have 1 to 10"),
        (
            "destinations: [{name: a, alertmanager: {urls: [am]}}]",
            "alertmanager.urls[0]: must be an http",
        ),
        (
            "destinations: [{name: a, minimumSeverity: x, standardError: {}}]",
            "minimumSeverity: must be one of info",
        ),
        (
            "destinations: [{name: a, webhook: {urlFile: u, template: {t: '{{ x }}'}}}]",
            "webhook.template.t: {{ x }} is not a field",
        ),
        (
            "destinations: [{name: a, webhook: {urlFile: u, certFile: c}}]",
            "certFile and keyFile need each other",
        ),
        (
            "destinations: [{name: a, webhook: {urlFile: u, basicAuth: {username: u}}}]",
            "basicAuth: must have username and passwordFile",
        ),
        (
            "destinations: [{name: a, standardError: {}}, {name: a, standardError: {}}]",
            "destinations[1].name: a is the name of another one",
        ),
        ("labels: {severity: x}", "labels.severity: must be"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    """Each names its place."""
    assert any(fault in found for found in faults(text)), faults(text)


@pytest.mark.parametrize("text", [b"", b"- a", b"\xff", b"{"])
def test_not_a_file_of_destinations(text: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(DestinationsError):
        load_destinations(text)


@pytest.mark.parametrize(
    ("url", "sound"),
    [
        ("https://hooks.example/T0/secret", True),
        ("http://[::1]:9093", True),
        ("ftp://x", False),
        ("https://", False),
        ("https://u:p@x", False),
        ("https://x:99999", False),
        ("https://x/ y", False),
        ("https://[x", False),
    ],
)
def test_url_fault(url: str, sound: bool) -> None:
    """A fault does not quote the URL."""
    fault = url_fault(url)
    assert (fault == "") is sound
    assert "secret" not in fault


@given(st.binary(max_size=200))
def test_any_bytes(text: bytes) -> None:
    """A file is read or refused."""
    with contextlib.suppress(DestinationsError):
        load_destinations(HEAD.encode() + text)


@pytest.mark.parametrize("kind", ["webhook", "webhok", "slack"])
def test_a_url_where_its_file_is_named(kind: str) -> None:
    """The fix is one line, after that about a misspelt kind; the URL is in none of them."""
    found = faults(f"destinations: [{{name: a, {kind}: {{url: 'https://x/s3cret'}}}}]")
    assert len(found) == 1 + (kind == "webhok")
    assert found[-1].endswith("give the path of that as urlFile")
    assert "s3cret" not in " ".join(found)
