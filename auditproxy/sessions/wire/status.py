"""The last word of a session: what comes on its error channel or error stream.

From v4 on a Status of Kubernetes in JSON, before that plain text, and only on failure
(k8s.io/cri-streaming, remotecommand/httpstream.go: v4WriteStatusFunc, v1WriteStatusFunc).
"""

import re

import msgspec

from auditproxy.apis.session import Outcome

MAXIMUM_STATUS = 64 * 1024
"""Bytes of a Status; what is over is not read."""

_EXIT_CODE = re.compile("-?[0-9]{1,10}")


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    reason: str = ""
    details: _Details | None = None


_decoder = msgspec.json.Decoder(_Status)


class OutcomeReader:
    """Collects what the error channel carries, until it is an Outcome.

    ``is_json`` from v4 on. ``ends_command`` is false where success only means that the streams
    ended, as in attach.
    """

    __slots__ = ("_decided", "_ends_command", "_held", "_is_json", "_next")

    def __init__(self, *, is_json: bool, ends_command: bool) -> None:
        self._is_json = is_json
        self._ends_command = ends_command
        self._held = bytearray()
        self._decided = False
        self._next = 1
        """Bytes from which on it is worth decoding again."""

    @property
    def is_json(self) -> bool:
        """Whether the protocol has a Status at the end."""
        return self._is_json

    def add(self, data: bytes) -> None:
        """Take a part of what was written."""
        if not self._decided:
            self._held += data[: MAXIMUM_STATUS + 1 - len(self._held)]

    def complete(self, *, last: bool = False) -> Outcome | None:
        """Return the Outcome once; called where a write ends, or the session does (``last``).

        A Status comes in one write. Where it does not, what is held is decoded only when it has
        doubled, and at the end: all decoding together reads a few times MAXIMUM_STATUS.
        """
        size = len(self._held)
        is_over = last or size > MAXIMUM_STATUS
        if not size or (size < self._next and not is_over):
            return None
        self._next = 2 * size
        outcome = self._read()
        if outcome is None and is_over:
            outcome = Outcome(None, message=self._held.decode("utf-8", "replace"))
        if outcome is not None:
            self._decided = True
            self._held.clear()
        return outcome

    def _read(self) -> Outcome | None:
        if not self._is_json:
            return Outcome(None, message=self._held.decode("utf-8", "replace"))
        try:
            status = _decoder.decode(self._held)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return Outcome(self._exit_code(status), status.reason, status.message)

    def _exit_code(self, status: _Status) -> int | None:
        if status.status == "Success":
            return 0 if self._ends_command else None
        if status.reason != "NonZeroExitCode" or status.details is None:
            return None
        for cause in status.details.causes or ():
            if cause.reason == "ExitCode" and _EXIT_CODE.fullmatch(cause.message):
                return int(cause.message)
        return None
