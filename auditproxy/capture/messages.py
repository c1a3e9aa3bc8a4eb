"""Messages between the proxy and a process that decodes bodies; both are of one installation.

    from the process  READY, once it can take tasks
    to the process    (0, number, length, 0)              a pickled configuration
                      (1, number, configuration, length)  a pickled Task, then its bodies
    from the process  (number, length, request, response) a Reply, then the two objects

Each message begins with four numbers. What the proxy sends is pickled, because only the proxy
can send it. A reply was made by a process that reads clients' bodies: it is JSON, read as a type.
"""

import io
import json
import pickle
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.prepared import prepared
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext, Changes
from auditproxy.capture.recording import RecordingConfiguration

HEAD = struct.Struct("!qqqq")
READY = b"ready\n"
CONFIGURATION, TASK = 0, 1
NONE = -1
"""The length of a body or an object that is absent."""
LONGEST_REPLY = 64 * 1024 * 1024
"""Bytes of a reply without its objects; it may quote a Status."""
KEPT = 2
"""Configurations that a process keeps: requests that began before a reload have the older one."""


@dataclass(frozen=True, slots=True)
class Part:
    """A body that follows, or ``missing`` why it does not; ``cost`` as in audit/costs.py."""

    size: int
    missing: str
    cost: int


@dataclass(frozen=True, slots=True)
class Task:
    """The record of one request, to be filled from its bodies."""

    context: AuditContext
    info: RequestInfo
    captured: Captured
    long_running: bool
    request: Part | None
    response: Part | None


@prepared
class Reply(msgspec.Struct, frozen=True):
    """What came of a task: bounds that were met, and faults of ours without content."""

    changes: Changes
    reasons: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class _Pickler(pickle.Pickler):
    """Leaves out what the process has already, keys of digests above all."""

    def __init__(self, file: io.BytesIO, configuration: RecordingConfiguration) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._configuration = configuration

    def persistent_id(self, value: Any) -> str | None:
        """Name a part of the configuration."""
        if value is self._configuration.redactor:
            return None if value is None else "redactor"
        return None


class _Unpickler(pickle.Unpickler):
    """Puts back what was left out."""

    def __init__(self, file: io.BytesIO, configuration: RecordingConfiguration) -> None:
        super().__init__(file)
        self._configuration = configuration

    def persistent_load(self, name: str) -> Any:
        """Return the part of the configuration."""
        return getattr(self._configuration, name)


def pack_task(task: Task, configuration: RecordingConfiguration) -> bytes:
    """A task without its configuration."""
    file = io.BytesIO()
    _Pickler(file, configuration).dump(task)
    return file.getvalue()


def unpack_task(raw: bytes, configuration: RecordingConfiguration) -> Task:
    """The same task over the same configuration."""
    task = _Unpickler(io.BytesIO(raw), configuration).load()
    assert isinstance(task, Task)
    return task


def pack_configuration(configuration: RecordingConfiguration) -> bytes:
    """A configuration for a process."""
    return pickle.dumps(configuration, protocol=pickle.HIGHEST_PROTOCOL)


def unpack_configuration(raw: bytes) -> RecordingConfiguration:
    """The same configuration."""
    configuration = pickle.loads(raw)  # noqa: S301 - from the proxy itself
    assert isinstance(configuration, RecordingConfiguration)
    return configuration


def pack_reply(reply: Reply) -> bytes:
    """A reply; unlike other JSON of ours it keeps lone surrogates, which stand for bytes."""
    return json.dumps(msgspec.to_builtins(reply)).encode()


def unpack_reply(raw: bytes) -> Reply:
    """The same reply; raises ValueError for what is none."""
    return msgspec.convert(json.loads(raw), Reply)
