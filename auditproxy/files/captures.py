"""Reads what copies of bodies may hold: --audit-capture-spill-dir must take files."""

from auditproxy.apis.faults import Unusable
from auditproxy.capture.copies import CaptureLimits, fault_of_folder
from auditproxy.files.trustedfile import Remarks, TrustedFile
from auditproxy.options import Options


def read_captures(options: Options, remarks: Remarks) -> CaptureLimits:
    """What copies of bodies may hold; no files where the system's folder takes none.

    A folder that was named must take one, else Unusable is raised.
    """
    audit = options.audit
    folder, files = audit.capture_spill_dir, audit.capture_spill_limit
    why = fault_of_folder(folder) if files else ""
    if why and folder:
        raise Unusable(
            f"--audit-capture-spill-dir {folder} cannot hold temporary files: {why}; "
            "name a writable folder, or give --audit-capture-spill-limit=0"
        )
    if why:
        remarks.notes.append(
            f"the system's temporary folder is not writable ({why}): copies of bodies stay within "
            "--audit-capture-memory-limit; give --audit-capture-spill-dir for more"
        )
    return CaptureLimits(audit.capture_memory_limit, 0 if why else files, folder)


CAPTURES = TrustedFile(
    flag="audit-capture-spill-dir",
    field="captures",
    read=read_captures,
    paths=None,
)
