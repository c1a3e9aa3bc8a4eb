"""What failed at an object store, in words of ours: those of the library have the store's answer.

Pure. Both what uploads recordings and what reads logs from a bucket use the package obstore.
"""

import re
from collections.abc import Mapping

_STATUS = re.compile(r"status code: ([0-9]{3})")
_MISSING = re.compile("source: Missing(AccessKeyId|SecretAccessKey)")
_KIND = re.compile(r"kind: (Timeout|Connect|Request|Decode|Interrupted)")
_KINDS: Mapping[str, str] = {
    "Timeout": "the store did not answer in time",
    "Connect": "no connection to the store",
}


def store_fault(text: str) -> str:
    """One line without secrets for an error of obstore."""
    if "/latest/api/token" in text or "/latest/meta-data" in text or _MISSING.search(text):
        return "no credentials for the store"
    status = _STATUS.search(text)
    if status is not None:
        return f"the store answered {status[1]}"
    kind = _KIND.search(text)
    return _KINDS.get(kind[1] if kind else "", "the request failed")
