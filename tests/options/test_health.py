"""The health listener's address: host:port as Go reads it, and not the proxy's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.options.health import HealthOptions, health_faults, parse_address
from auditproxy.options.serving import ServingOptions


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8081", ("127.0.0.1", 8081)),
        (":8081", ("", 8081)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
        ("", None),
        ("0", None),
    ],
)
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    """host:port as Go reads it; nothing or 0 is no listener."""
    assert HealthOptions(bind_address=text).address() == address


@pytest.mark.parametrize(
    "text",
    [
        "8081",
        "localhost",
        "a:",
        "a:b",
        "a:65536",
        "a:-1",
        "a:+1",
        "::1:80",
        "[::1:80",
        "a b:1",
        "http://a:1",
        "[a]:1",
        "a:99999999999999",
        "a:\u0661",
    ],
)
def test_no_addresses(text: str) -> None:
    """The fault names the flag and says how an address is written."""
    (fault,) = health_faults(HealthOptions(bind_address=text), ServingOptions())
    assert fault.startswith(f'--health-bind-address "{text}": ')
    assert fault.endswith('; give host:port, or "" for no listener')


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    """What is accepted has a port that can be bound and a host without separators."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    if address is not None:
        host, port = address
        assert 0 <= port <= 65535
        assert not any(char.isspace() or char in "/@[]" for char in host)


@pytest.mark.parametrize(
    ("bind_address", "health", "clash"),
    [
        ("0.0.0.0", "127.0.0.1:6443", True),
        ("10.0.0.1", ":6443", True),
        ("10.0.0.1", "10.0.0.1:6443", True),
        ("10.0.0.1", "127.0.0.1:6443", False),
        ("0.0.0.0", "127.0.0.1:6444", False),
    ],
)
def test_health_needs_an_address_of_its_own(bind_address: str, health: str, clash: bool) -> None:
    """Two listeners on one address are found before the second cannot be opened."""
    found = health_faults(
        HealthOptions(bind_address=health), ServingOptions(bind_address=bind_address)
    )
    assert found == (
        [
            f"--health-bind-address {health} is the address of the proxy itself "
            "(--secure-port 6443); give another port",
        ]
        if clash
        else []
    )
