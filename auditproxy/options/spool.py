"""What backends with a remote receiver have in common: a spool in front of it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from auditproxy.apis.units import GIBIBYTE, MEBIBYTE
from auditproxy.options.backendoptions import STRICT, BackendOptions
from auditproxy.options.declared import Declared

SPOOL_POLICIES = ("block", "refuse", "drop-oldest")
SMALLEST_SPOOL = MEBIBYTE
"""Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledOptions(BackendOptions):
    """A backend that has connections of its own, and may have a spool in front of them."""

    connects: ClassVar[bool] = True

    spool_dir: Annotated[
        str,
        Declared(
            "audit-{plugin}-spool-dir",
            "path",
            "Folder in which events of the {plugin} backend are kept on the disk until the "
            "receiver has acknowledged them, across restarts; sending is tried without end. One "
            "process uses it. Empty means no spool: what cannot be delivered is dropped.",
        ),
    ] = ""
    spool_max_bytes: Annotated[
        int,
        Declared(
            "audit-{plugin}-spool-max-bytes",
            "bytes",
            "Maximum size of the files in the spool of the {plugin} backend.",
        ),
    ] = GIBIBYTE
    spool_full_policy: Annotated[
        str,
        Declared(
            "audit-{plugin}-spool-full-policy",
            "string",
            "What happens to events when the spool of the {plugin} backend is full: block (they "
            "wait, and in the blocking modes their requests do), refuse (their requests are "
            "refused; needs mode blocking-strict) or drop-oldest (the oldest ones make room, and "
            "an event with their number takes their place).",
            choices=SPOOL_POLICIES,
        ),
    ] = "block"
    """One of SPOOL_POLICIES."""

    @property
    def has_spool(self) -> bool:
        """Whether events wait on the disk."""
        return bool(self.spool_dir)

    def spool_faults(self) -> list[str]:
        """Faults of the spool; none without one."""
        if not self.has_spool:
            return []
        faults, flag = [], f"--audit-{self.plugin}-spool"
        if self.spool_max_bytes < SMALLEST_SPOOL:
            faults.append(f"{flag}-max-bytes must be at least 1Mi; the default is 1Gi")
        if self.spool_full_policy not in SPOOL_POLICIES:
            known = ", ".join(SPOOL_POLICIES)
            faults.append(f"{flag}-full-policy must be one of {known}")
        elif self.spool_full_policy == "refuse" and self.mode != STRICT:
            faults.append(
                f"{flag}-full-policy=refuse needs --audit-{self.plugin}-mode=blocking-strict; no "
                "other mode refuses requests"
            )
        return faults
