"""The server's side of SCRAM says what the documents say, and believes no other proof."""

import base64

import pytest

from tests.fakes.scram import ScramRefusedError, ScramServer

FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
USERS = {"user": "pencil", "a,b=c": "pencil"}
VECTORS = [
    # RFC 7677, section 3.
    (
        "SCRAM-SHA-256",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
    # No document has one for this digest; several clients are tested with these numbers.
    (
        "SCRAM-SHA-512",
        "02431b08-2f89-4bad-a4e6-80c0564ec865",
        "Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=",
        "Hc5yec3NmCD7t+kFRw4/3yD6/F3SQHc7AVYschRja+Bc3sbdjlA0eH1OjJc0DD4ghn1tnXN5/Wr6qm9xmaHt4A==",
        "BQuhnKHqYDwQWS5jAw4sZed+C9KFUALsbrq81bB0mh+bcUUbbMPNNmBIupnS2AmyyDnG5CTBQtkjJ9kyY4kzmw==",
    ),
]


def begun(mechanism: str, nonce: str, salt: str) -> ScramServer:
    """A server with a nonce and salt that are known."""
    return ScramServer(mechanism, USERS, nonce=nonce, salt=base64.b64decode(salt))


@pytest.mark.parametrize(("mechanism", "nonce", "salt", "proof", "verifier"), VECTORS)
def test_the_exchange_of_the_document(
    mechanism: str, nonce: str, salt: str, proof: str, verifier: str
) -> None:
    """The proof in the document is accepted, and answered as there; the same with a change is not."""
    whole = f"rOprNGfwEbeRWgbNEkqO{nonce}"
    server = begun(mechanism, nonce, salt)
    assert server.first(FIRST).decode() == f"r={whole},s={salt},i=4096"
    final = f"c=biws,r={whole},p={proof}"
    assert server.final(final.encode()).decode() == f"v={verifier}"
    for wrong in (
        final.replace("p=", "p=A"),
        final.replace(f"p={proof[:4]}", "p=AAAA"),
        final.replace("c=biws", "c=eSws"),
        final.replace(nonce, "x"),
        final.rpartition(",")[0],
    ):
        server = begun(mechanism, nonce, salt)
        server.first(FIRST)
        with pytest.raises((ScramRefusedError, ValueError)):
            server.final(wrong.encode())


@pytest.mark.parametrize(
    "message",
    [b"y,,n=user,r=a", b"n,a=x,n=user,r=a", b"n,,n=user", b"n,,n=us=er,r=a", b"n,,n=u,r="],
)
def test_first_messages_that_are_none(message: bytes) -> None:
    """Channel binding, other identities, names that are not escaped, no nonce."""
    with pytest.raises(ScramRefusedError):
        ScramServer("SCRAM-SHA-256", USERS).first(message)


def test_names_are_escaped() -> None:
    """A comma and an equals sign in a name."""
    server = ScramServer("SCRAM-SHA-256", USERS)
    server.first(b"n,,n=a=2Cb=3Dc,r=x")
    assert server.user == "a,b=c"
