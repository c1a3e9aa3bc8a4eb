"""supervision/debugged.py: ephemeral containers are remembered, the oldest forgotten first."""

from auditproxy.supervision.debugged import DebuggedPods


def test_known() -> None:
    """By namespace, pod and name."""
    pods = DebuggedPods(most=2)
    pods.added("n", "p", "debugger-1")
    assert pods.is_ephemeral("n", "p", "debugger-1")
    assert not pods.is_ephemeral("n", "other", "debugger-1")
    pods.added("n", "p", "debugger-2")
    pods.added("n", "p", "debugger-1")
    pods.added("n", "p", "debugger-3")
    assert not pods.is_ephemeral("n", "p", "debugger-2")
    assert pods.is_ephemeral("n", "p", "debugger-1")
