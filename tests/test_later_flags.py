"""Flags of kube-apiserver that this version does not have are refused, never ignored."""

import pytest

from auditproxy.flags import parse
from auditproxy.later_flags import LATER, REFUSED
from auditproxy.serve_flags import FLAGS


def test_all_of_kube_apiserver() -> None:
    """Batch and truncate of both backends, and everything of the webhook."""
    assert len(LATER) == len(set(LATER)) == 9 + 14
    assert all(name.startswith(("audit-log-", "audit-webhook-")) for name in LATER)


@pytest.mark.parametrize("name", LATER)
def test_refused_by_name(name: str) -> None:
    """With a value, without one, and with the value in the next word."""
    fault = f"--{name}: this version of auditproxy does not have it yet; remove it"
    assert REFUSED[name] == fault
    for words in ([f"--{name}=1"], [f"--{name}"], [f"--{name}", "1"]):
        parsed = parse(words, FLAGS, REFUSED)
        assert parsed.faults == (fault,)
        assert parsed.arguments == ()
