"""OTLP logs over HTTP: posts records to a collector, and reads whether it took each of them.

    POST --200, none rejected--> the next group
      |--200, some rejected; 400, 413, 422--> poison: who calls looks for those that it refuses
      |--429, 5xx, no answer, credentials that are refused--> passing, with its Retry-After

A partial success does not say which records were rejected, so those that it took are sent again
when the others are looked for. ``log.record.uid`` is the same then.

Protocol: opentelemetry.io, docs/specs/otlp, OTLP/HTTP with binary protobuf.
"""

import asyncio
import io
import re
import ssl
import time
from collections.abc import Callable, Sequence

import aiohttp
import yarl

from auditproxy.clients.receivers.otlprecords import export_request, rejected
from auditproxy.clients.receivers.otlptarget import OtlpTarget
from auditproxy.clients.receivers.receiver import (
    ATTEMPT_TIMEOUT,
    MAXIMUM_ANSWER,
    EventRecord,
    ReceiverError,
)
from auditproxy.clients.session import LazySession, os_fault, read_bounded, tls_fault
from auditproxy.sockets.tasks import spawn

MAXIMUM_REQUEST_BYTES = 4 * 1024 * 1024
"""Bytes of events in one request, up to one event more. A collector takes 20 MiB by default."""

_PROTOBUF = "application/x-protobuf"
_ACCEPTED = (200, 202, 204)
_POISON = {400: "refused", 413: "too-large", 422: "refused"}
_NOT_LET_IN = {401: "unauthorized", 403: "forbidden"}
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class OtlpReceiver:
    """Posts records over one connection, which is kept; see ``Receiver``."""

    def __init__(
        self,
        target: OtlpTarget,
        *,
        timeout: float = ATTEMPT_TIMEOUT,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._target = target
        self._timeout = timeout
        self._now = now
        self._session = _session(target)
        self._ending: set[asyncio.Task[None]] = set()

    async def publish(self, records: Sequence[EventRecord]) -> None:
        """Post records; see ``Receiver``."""
        place = self._target.place
        try:
            async with asyncio.timeout(self._timeout):
                for group in _groups(records):
                    await self._post(export_request(group, self._now()))
        except TimeoutError:
            raise ReceiverError(
                "timeout", f"{place} did not acknowledge within {self._timeout:g} seconds"
            ) from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise ReceiverError("tls", f"{place}: TLS: {tls_fault(error)}") from None
        except aiohttp.ClientConnectorError as error:
            raise ReceiverError("unreachable", f"{place}: {os_fault(error)}") from None
        except (aiohttp.ServerDisconnectedError, OSError) as error:
            raise ReceiverError(
                "disconnected", f"{place}: the connection broke: {os_fault(error)}"
            ) from None
        except aiohttp.ClientError as error:
            raise ReceiverError(
                "bad-answer", f"{place}: not a complete HTTP answer ({type(error).__name__})"
            ) from None

    async def _post(self, body: bytes) -> None:
        target = self._target
        headers = {
            **dict(target.headers),
            "User-Agent": "auditproxy",
            "Content-Type": _PROTOBUF,
            "Accept-Encoding": "identity",
        }
        async with self._session.open().post(
            yarl.URL(target.url, encoded=True),
            # Not bytes: aiohttp warns about large ones.
            data=io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
        ) as answer:
            if answer.status not in _ACCEPTED:
                # Read, so that the connection can be used again; not for what it says.
                await read_bounded(answer, MAXIMUM_ANSWER)
                raise _refusal(target.place, answer)
            content = await read_bounded(answer, MAXIMUM_ANSWER)
            media_type = answer.headers.get("Content-Type", _PROTOBUF).partition(";")[0].strip()
            try:
                if content is None or media_type.lower() != _PROTOBUF:
                    raise ValueError
                count = rejected(content)
            except ValueError:
                text = f"{target.place}: what answers is not a collector for OTLP"
                raise ReceiverError("bad-answer", text) from None
        if count:
            text = f"{target.place}: the collector rejected {count} records"
            raise ReceiverError("rejected", text, is_poison=True)

    def replace(self, target: OtlpTarget) -> None:
        """Use another target from the next ``publish`` on."""
        old, self._session, self._target = self._session, _session(target), target
        task = spawn(old.close(), "end a connection to a collector")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End the connection."""
        await self._session.close()
        await asyncio.gather(*self._ending, return_exceptions=True)


def _session(target: OtlpTarget) -> LazySession:
    context = target.ssl_context if target.ssl_context is not None else True
    return LazySession(lambda: aiohttp.TCPConnector(limit=1, ssl=context))


def _refusal(place: str, answer: aiohttp.ClientResponse) -> ReceiverError:
    """Why a collector did not take a request."""
    status = answer.status
    seconds = answer.headers.get("Retry-After", "")
    reason = _POISON.get(status) or _NOT_LET_IN.get(status) or f"status-{status // 100}xx"
    return ReceiverError(
        reason,
        f"{place}: answered {status}",
        is_poison=status in _POISON,
        retry_after=float(seconds) if _SECONDS.fullmatch(seconds) else None,
    )


def _groups(records: Sequence[EventRecord]) -> list[list[EventRecord]]:
    """The records in groups, one for each request."""
    groups: list[list[EventRecord]] = []
    size = 0
    for record in records:
        if not groups or size >= MAXIMUM_REQUEST_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(record)
        size += len(record.line)
    return groups
