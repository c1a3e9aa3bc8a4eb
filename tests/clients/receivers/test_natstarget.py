"""Credentials of NATS: what files hold, and what is told of those that hold none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.faults import Unusable
from auditproxy.clients.receivers.natstarget import NatsCredentials, NatsTarget, nats_credentials
from tests.fakes.publishing import ACCOUNT, CREDS, SEED


@pytest.mark.parametrize("text", [CREDS, CREDS.replace("\n", "\r\n")])
def test_a_creds_file(text: str) -> None:
    """JWT and seed, as nsc writes them."""
    found = nats_credentials(text.encode())
    assert (found.jwt, found.seed) == ("eyJ0eXAiOiJKV1QifQ.eyJqdGkiOiJ4In0.c2ln", SEED)
    assert not found.is_secret_on_the_wire


def test_a_seed() -> None:
    """A file with nothing else."""
    assert nats_credentials(f"{SEED}\n".encode()) == NatsCredentials(seed=SEED)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no credentials of a NATS user"),
        ("password", "holds no credentials of a NATS user"),
        (CREDS.partition("*")[0], "has no seed of a user"),
        (CREDS.rpartition("*")[2], "has no JWT of a user"),
        (CREDS.replace(SEED, ACCOUNT), "holds a seed that is not one of a user"),
        (ACCOUNT, "holds no credentials of a NATS user"),
        (SEED[:-1] + "A", "holds a seed that is not one of a user"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    """What is missing, and never what there is."""
    with pytest.raises(Unusable) as raised:
        nats_credentials(text.encode())
    (line,) = raised.value.faults
    assert line.startswith(f"{fault}; give the .creds file of a user")
    assert SEED not in line


@given(st.binary(max_size=200))
def test_any_file(content: bytes) -> None:
    """Never anything but Unusable."""
    with pytest.raises(Unusable):
        nats_credentials(content)


def test_secrets_are_not_shown() -> None:
    """Not in the texts of values, which can end in a log."""
    secret = NatsCredentials("jwt.jwt", SEED, "user", "pass-word", "to-ken")
    for shown in (repr(secret), repr(NatsTarget((("h", 1),), "s", credentials=secret))):
        assert not any(each in shown for each in ("jwt.jwt", SEED, "pass-word", "to-ken"))
    assert secret.is_secret_on_the_wire
