"""Where events go with NATS, and how we log in there: values, without the library.

Credentials are one of: a .creds file (a JWT and the seed of its key), the seed of an nkey, a
user with a password, a token.
"""

import re
import ssl
from dataclasses import dataclass, field

from auditproxy.apis.faults import Unusable
from auditproxy.serializer.pem import blocks

DEFAULT_PORT = 4222

_JWT, _USER_SEED = b"NATS USER JWT", b"USER NKEY SEED"
_SEED = re.compile(rb"SU[A-Z2-7]{56}")
_FIX = (
    "give the .creds file of a user, as nsc generate creds prints it, or the seed of a user's nkey"
)


@dataclass(frozen=True, slots=True)
class NatsCredentials:
    """How we log in: ``jwt`` with ``seed``, ``seed`` alone, ``user`` with ``password``, ``token``.

    What is not used is "".
    """

    jwt: str = field(default="", repr=False)
    seed: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def is_secret_on_the_wire(self) -> bool:
        """Whether a server gets something with which others can log in."""
        return bool(self.password or self.token)


@dataclass(frozen=True, slots=True)
class NatsTarget:
    """The servers of one cluster, as ``(host, port)``, and the subject for events.

    ``stream`` is the only stream that may take them, "" for any. ``ssl_context`` is None for plain
    TCP. ``files`` are those that it was read from.
    """

    servers: tuple[tuple[str, int], ...]
    subject: str
    stream: str = ""
    credentials: NatsCredentials = field(default=NatsCredentials(), repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    files: tuple[str, ...] = ()


def nats_credentials(content: bytes) -> NatsCredentials:
    """The credentials of a file: those of a .creds file, or one seed; raises Unusable."""
    from auditproxy.clients.receivers.nkey import UserKey

    found = {kind: _text_of(block) for kind, block in blocks(content)}
    if found:
        jwt, seed = found.get(_JWT, ""), found.get(_USER_SEED, "")
        if not (jwt and seed):
            raise Unusable(f"has no {'seed' if jwt else 'JWT'} of a user; {_FIX}")
    else:
        alone = _SEED.fullmatch(content.strip())
        if alone is None:
            raise Unusable(f"holds no credentials of a NATS user; {_FIX}")
        jwt, seed = "", alone.group().decode()
    try:
        UserKey(seed)
    except ValueError:
        raise Unusable(f"holds a seed that is not one of a user; {_FIX}") from None
    return NatsCredentials(jwt=jwt, seed=seed)


def _text_of(block: bytes) -> str:
    """What a block holds, "" where that is not one word."""
    words = block.decode("ascii", "replace").splitlines()[1:-1]
    return words[0].strip() if len(words) == 1 else ""
