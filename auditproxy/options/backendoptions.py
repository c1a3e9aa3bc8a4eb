"""What all backends have in common: mode, batching and truncation.

Defaults are kube-apiserver's (apiserver server/options/audit.go).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

from auditproxy.apis.units import MEBIBYTE
from auditproxy.options.declared import Declared

STRICT = "blocking-strict"
DURABLE = "durable"
AUDIT_MODES = ("batch", "blocking", STRICT)
"""kube-apiserver's."""
REFUSING_MODES = frozenset({STRICT, DURABLE})
"""Those in which a request whose arrival cannot be stored is refused."""
AUDIT_VERSIONS = ("audit.k8s.io/v1",)


_BATCH = "Only in the batch mode of the {plugin} backend."


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions(ABC):
    """What the backends have in common; ``plugin`` is the backend's name in flags and faults.

    Each backend declares its own ``mode``, and repeats a field to give it another default.
    ``connects`` says whether it has connections of its own.
    """

    plugin: ClassVar[str]
    connects: ClassVar[bool] = False
    modes: ClassVar[tuple[str, ...]] = AUDIT_MODES

    mode: str
    """One of ``modes``."""
    version: Annotated[
        str,
        Declared(
            "audit-{plugin}-version",
            "string",
            "API group and version in which events are written.",
            choices=AUDIT_VERSIONS,
        ),
    ] = "audit.k8s.io/v1"
    """One of AUDIT_VERSIONS."""
    policy_file: Annotated[
        str,
        Declared(
            "audit-{plugin}-policy-file",
            "path",
            "Audit policy of the {plugin} backend alone, as --audit-policy-file, which applies "
            "to all others. Empty means that policy here too.",
        ),
    ] = ""
    redact: Annotated[
        str,
        Declared(
            "audit-{plugin}-redact",
            "path",
            "Rules for secret values in events of the {plugin} backend alone, as --audit-redact, "
            "which applies to all others; none disables redaction there. Empty means those of "
            "--audit-redact.",
            words=("none",),
        ),
    ] = ""
    batch_buffer_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-buffer-size",
            "int",
            "Maximum number of events waiting for delivery; further events are dropped and "
            "counted. " + _BATCH,
        ),
    ] = 10000
    batch_max_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-max-size",
            "int",
            f"Maximum number of events in one delivery. {_BATCH}",
        ),
    ] = 1
    batch_max_wait: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-max-wait",
            "duration",
            f"How long to wait for a delivery to fill up. {_BATCH}",
        ),
    ] = 0
    batch_throttle_enable: Annotated[
        bool,
        Declared(
            "audit-{plugin}-batch-throttle-enable",
            "bool",
            f"Limit the number of deliveries per second. {_BATCH}",
        ),
    ] = False
    batch_throttle_qps: Annotated[
        float,
        Declared(
            "audit-{plugin}-batch-throttle-qps",
            "float",
            f"Average number of deliveries per second. {_BATCH}",
        ),
    ] = 0.0
    batch_throttle_burst: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-throttle-burst",
            "int",
            f"Deliveries allowed at once if the average was not used up before. {_BATCH}",
        ),
    ] = 0
    truncate_enabled: Annotated[
        bool,
        Declared(
            "audit-{plugin}-truncate-enabled",
            "bool",
            "Drop the bodies of an event that is too large, or the event itself if that is not "
            "enough; split batches that are too large.",
        ),
    ] = False
    truncate_max_batch_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-truncate-max-batch-size",
            "int",
            "Maximum size of the events of one batch, in bytes; a larger batch is split. The "
            "envelope may add some hundred bytes.",
        ),
    ] = 10 * MEBIBYTE
    truncate_max_event_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-truncate-max-event-size",
            "int",
            "Maximum size of one event, in bytes; a larger one loses its request and response "
            "objects, and is dropped if that is not enough.",
        ),
    ] = 100 * 1024

    @property
    def has_own_policy(self) -> bool:
        """Whether what it gets is decided apart from the other backends."""
        return bool(self.policy_file or self.redact)

    @property
    @abstractmethod
    def is_configured(self) -> bool:
        """Whether a setting asks for this backend."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where its events go, for operators."""

    @abstractmethod
    def own_faults(self) -> list[str]:
        """Faults of what it has beside the common settings."""
