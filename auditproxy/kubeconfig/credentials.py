"""Credentials: what proves to the upstream who we are, and where the upstream is.

    Credential
        NoCredential          nothing to send: a client certificate alone, or passthrough
        StaticCredential      a token or user name and password of the kubeconfig
        FileCredential        a token file, read again every minute
        ExecCredential        an exec plugin, run again when its result expires

    CredentialError           one line: which file, what is wrong, what to do

No repr and no error shows a secret. Reading the kubeconfig is in upstream.py.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from auditproxy.apis.faults import Unusable
from auditproxy.sockets.tasks import spawn

TOKEN_FILE_PERIOD = 60.0
"""Seconds for which a token that was read from a file is used, as client-go does."""

EXEC_TIMEOUT = 60.0
"""Seconds that an exec plugin may take."""

EXPIRY_MARGIN = 10.0
"""Seconds before its expiry from which on an exec plugin's credential is renewed."""


class CredentialError(Unusable):
    """The upstream's credential or address cannot be used; the text names no secret."""


@dataclass(frozen=True, slots=True)
class UpstreamTarget:
    """Where the upstream listens and how to speak to it.

    ``server_name`` is the name that its certificate must have. ``base_path`` has
    no slash at its end. ``ssl_context`` is None for plain HTTP.
    """

    host: str
    port: int
    scheme: str
    server_name: str
    base_path: str
    ssl_context: ssl.SSLContext | None = field(repr=False)

    @property
    def host_header(self) -> bytes:
        """The value of the Host line: the port only where it is not the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        standard = 443 if self.scheme == "https" else 80
        return (name if self.port == standard else f"{name}:{self.port}").encode("ascii")


class AtHand(NamedTuple):
    """A value of the Authorization line that needs no waiting; no repr shows it."""

    authorization: bytes | None

    def __repr__(self) -> str:
        return "AtHand()"


class Credential(Protocol):
    """What goes into the Authorization line of requests with our own credential."""

    async def authorization(self) -> bytes | None:
        """The value of the Authorization line, None for no line; raises CredentialError."""
        ...

    def at_hand(self) -> AtHand | None:
        """What ``authorization`` would return without waiting; None where it may have to wait.

        The same object as long as the value is the same.
        """
        ...

    def invalidate(self) -> None:
        """Forget what may be read again: the upstream refused it."""
        ...


_NOTHING = AtHand(None)


class NoCredential:
    """Sends no Authorization line."""

    async def authorization(self) -> bytes | None:
        """None."""
        return None

    def at_hand(self) -> AtHand:
        """No line."""
        return _NOTHING

    def invalidate(self) -> None:
        """Nothing to forget."""

    def __repr__(self) -> str:
        return "NoCredential()"


class StaticCredential:
    """Sends always the same Authorization line."""

    def __init__(self, kind: str, value: bytes) -> None:
        self._kind = kind
        self._value = AtHand(value)

    async def authorization(self) -> bytes | None:
        """The value it was made with."""
        return self._value.authorization

    def at_hand(self) -> AtHand:
        """The value it was made with."""
        return self._value

    def invalidate(self) -> None:
        """Nothing to forget: there is no other."""

    def __repr__(self) -> str:
        return f"StaticCredential({self._kind})"


class FileCredential:
    """Sends the token from a file, which another process renews.

    A file that cannot be read after it could be once leaves the old token in use.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        period: float = TOKEN_FILE_PERIOD,
    ) -> None:
        self._path = path
        self._clock = clock
        self._period = period
        self._value: AtHand | None = None
        self._read_at: float | None = None

    async def authorization(self) -> bytes | None:
        """``Bearer`` and the token; reads the file when the last reading is too old."""
        if self._is_old():
            try:
                read = await asyncio.to_thread(self._read)
            except CredentialError:
                if self._value is None:
                    raise
            else:
                if self._value is None or self._value.authorization != read:
                    self._value = AtHand(read)
            self._read_at = self._clock()
        return None if self._value is None else self._value.authorization

    def at_hand(self) -> AtHand | None:
        """What was read, unless that is too old."""
        return None if self._is_old() else self._value

    def _is_old(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at >= self._period

    def check(self) -> None:
        """Read the file as the first request will; raises CredentialError."""
        self._read()

    def invalidate(self) -> None:
        """Read the file again next time."""
        self._read_at = None

    def _read(self) -> bytes:
        try:
            token = self._path.read_bytes().strip()
        except OSError as error:
            raise CredentialError(
                f"cannot read the token file {self._path}: {error.strerror}; "
                "mount it or correct tokenFile"
            ) from None
        return bearer(token, f"the token file {self._path}")

    def __repr__(self) -> str:
        return f"FileCredential({str(self._path)!r})"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What an exec plugin gave: a token, a client certificate with its key, or both."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires: float | None = None


class ExecCredential:
    """Sends what an exec plugin gives, and runs it again when that expires.

    The plugin runs on a thread, once for all who wait. ``load_certificate`` gets
    a client certificate that it gave, before any connection uses it.
    """

    def __init__(
        self,
        command: str,
        run: Callable[[], ExecResult],
        load_certificate: Callable[[str, str], None],
        *,
        clock: Callable[[], float] = time.time,
        timeout: float = EXEC_TIMEOUT,
    ) -> None:
        self._command = command
        self._run = run
        self._load_certificate = load_certificate
        self._clock = clock
        self._timeout = timeout
        self._result: ExecResult | None = None
        self._value: AtHand | None = None
        self._running: asyncio.Future[ExecResult] | None = None

    async def authorization(self) -> bytes | None:
        """``Bearer`` and the plugin's token, None when it returned a certificate only."""
        result = self._result
        if result is None or self._expired(result):
            result = await self._renew()
        if self._value is None:
            token, source = result.token, f"the exec plugin {self._command!r}"
            self._value = AtHand(bearer(token.encode(), source) if token else None)
        return self._value.authorization

    def at_hand(self) -> AtHand | None:
        """What the plugin gave, unless that expires."""
        result = self._result
        return None if result is None or self._expired(result) else self._value

    def invalidate(self) -> None:
        """Run the plugin again next time."""
        self._result = None

    def _expired(self, result: ExecResult) -> bool:
        return result.expires is not None and self._clock() >= result.expires - EXPIRY_MARGIN

    async def _renew(self) -> ExecResult:
        if self._running is None or self._running.done():
            self._running = spawn(asyncio.to_thread(self._run), "run an exec plugin")
            # The callers that wait may have left; a failure is raised to the next caller.
            self._running.add_done_callback(_look)
        try:
            async with asyncio.timeout(self._timeout):
                result = await asyncio.shield(self._running)
        except TimeoutError:
            raise CredentialError(
                f"the exec plugin {self._command!r} did not end within {self._timeout:g} seconds"
            ) from None
        if result.certificate and result != self._result:
            self._load_certificate(result.certificate, result.key)
        self._result = result
        self._value = None
        return result

    def __repr__(self) -> str:
        return f"ExecCredential({self._command!r})"


def _look(future: "asyncio.Future[ExecResult]") -> None:
    if not future.cancelled():
        future.exception()


def bearer(token: bytes, source: str) -> bytes:
    """The Authorization value for a token; raises CredentialError for what no header can carry."""
    if not token:
        raise CredentialError(f"{source} returned an empty token")
    if any(byte <= 0x20 or byte == 0x7F for byte in token):
        raise CredentialError(
            f"{source} returned a token with white space or control characters in it"
        )
    return b"Bearer " + token


def expiry(text: object, source: str) -> float | None:
    """Seconds since the epoch of an RFC 3339 time, None for none; raises CredentialError."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise CredentialError(
            f"{source} returned an expirationTimestamp that is not a valid time"
        ) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
