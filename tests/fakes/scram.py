"""The server's side of a login with SCRAM: RFC 5802, with the digests of RFC 7677, for tests.

    client-first  -->  server-first    salt and iterations
    client-final  -->  server-final    when the proof is that of the password

Without channel binding, as brokers of Kafka have it. Written from the documents, and independent
of the library under test.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

DIGESTS = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


class ScramRefusedError(Exception):
    """The client is not who it says, or does not speak SCRAM."""


def _attributes(message: str) -> list[tuple[str, str]]:
    """``n=user,r=nonce`` in pairs; raises ScramRefusedError."""
    pairs = [each.partition("=") for each in message.split(",")]
    if not all(len(name) == 1 and sign for name, sign, _ in pairs):
        raise ScramRefusedError("not attributes")
    return [(name, value) for name, _, value in pairs]


def _user(saslname: str) -> str:
    """The name in a message: commas and equals signs are =2C and =3D, and nothing else is."""
    first, *rest = saslname.split("=")
    found = first
    for part in rest:
        if part[:2] not in ("2C", "3D"):
            raise ScramRefusedError("not a name")
        found += {"2C": ",", "3D": "="}[part[:2]] + part[2:]
    return found


class ScramServer:
    """One login; ``users`` have passwords. ``nonce`` and ``salt`` are random unless given."""

    def __init__(
        self,
        mechanism: str,
        users: Mapping[str, str],
        *,
        iterations: int = 4096,
        nonce: str = "",
        salt: bytes = b"",
    ) -> None:
        self._digest = DIGESTS[mechanism]
        self._users = users
        self._iterations = iterations
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._salt = salt or secrets.token_bytes(16)
        self._first = self._messages = ""
        self.user = ""

    def first(self, message: bytes) -> bytes:
        """Answer the client's first message; raises ScramRefusedError."""
        text = message.decode()
        if not text.startswith("n,,"):
            raise ScramRefusedError("channel binding, or another identity, is asked for")
        bare = text.removeprefix("n,,")
        names = _attributes(bare)
        if [name for name, _ in names] != ["n", "r"] or not names[1][1]:
            raise ScramRefusedError("not a first message")
        self.user = _user(names[0][1])
        self._nonce = names[1][1] + self._nonce
        salt = base64.b64encode(self._salt).decode()
        answer = f"r={self._nonce},s={salt},i={self._iterations}"
        self._messages = f"{bare},{answer}"
        return answer.encode()

    def final(self, message: bytes) -> bytes:
        """Answer the client's final message; raises ScramRefusedError for a wrong proof."""
        without_proof, _, proof = message.decode().rpartition(",p=")
        if _attributes(without_proof) != [("c", "biws"), ("r", self._nonce)]:
            raise ScramRefusedError("not the final message of this login")
        # Whoever is unknown is refused as one with a wrong password.
        password = self._users.get(self.user, secrets.token_hex())
        salted = hashlib.pbkdf2_hmac(self._digest, password.encode(), self._salt, self._iterations)
        messages = f"{self._messages},{without_proof}".encode()
        stored_key = hashlib.new(self._digest, self._mac(salted, b"Client Key")).digest()
        signature = self._mac(stored_key, messages)
        proven = base64.b64decode(proof, validate=True)
        if len(proven) != len(signature):
            raise ScramRefusedError("not a proof")
        client_key = bytes(left ^ right for left, right in zip(proven, signature, strict=True))
        if not hmac.compare_digest(hashlib.new(self._digest, client_key).digest(), stored_key):
            raise ScramRefusedError("not the password")
        verifier = self._mac(self._mac(salted, b"Server Key"), messages)
        return b"v=" + base64.b64encode(verifier)

    def _mac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._digest)
