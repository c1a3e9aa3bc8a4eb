"""What a process says of itself: whether it is ready, what it accounts for, how it ends."""

import signal

from tests.fakes.processes import Started

REFUSED = b"failed to store audit event"


async def stop(proxy: Started) -> int:
    """End it in order; the exit code."""
    proxy.process.send_signal(signal.SIGTERM)
    return await proxy.ended(20)


async def ready(proxy: Started) -> bool:
    """Whether it is ready."""
    return (await proxy.health("/readyz")).status == 200


async def accounted(proxy: Started) -> dict[str, float]:
    """The accounting of events, which holds whenever nothing is under way."""
    text = (await proxy.health("/metrics")).body.decode()
    found = {"generated": 0.0, "written": 0.0, "dropped": 0.0, "buffer": 0.0}
    for line in text.splitlines():
        for name in found:
            suffix = "_events{" if name == "buffer" else "_total"
            if line.startswith(f"auditproxy_audit_{'events_' * (name != 'buffer')}{name}{suffix}"):
                found[name] += float(line.rpartition(" ")[2])
    assert found["generated"] == found["written"] + found["dropped"] + found["buffer"]
    return found
